"""CNV: epochs of one run in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.facts.kept import kept
from rules.model.findings import Finding, Scope
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import is_number
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset

EPOCHS = 8  # at either end of a run, whose losses are compared


@rule(
    "CNV015",
    "No two runs share a stretch of their losses",
    Scope.PACKAGE,
    source="TR 5.1, 12; survey W7, case 38",
    fix="Submit runs that were really made, each from its own seed.",
)
def no_splice(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """One loss may coincide; several equal to the last digit are epochs of one run spliced into another,
    wherever in the run they stand."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    owners: dict[float, Run] = {}
    for run in package.runs:
        shared: dict[str, int] = {}
        for loss in set(_losses(run, ruleset)):
            if owners.setdefault(loss, run) is not run:
                path = owners[loss].path
                shared[path] = shared.get(path, 0) + 1
        for path, count in sorted(shared.items()):
            if count >= ruleset.convergence.shared_losses:
                yield self.finding(f"{count} of its losses stand in {path} too", path=run.path)


@kept
def _losses(run: Run, ruleset: Ruleset) -> tuple[float, ...]:
    """Losses of the first and the last epochs that are no round numbers: small, for packages of many runs."""
    held_out = [e.value for e in run.log.all(ruleset.quality.loss_key)]
    stats = [e.value for e in run.log.all("tracked_stats") if isinstance(e.value, dict)]
    found: list[Any] = []
    for series in (held_out, [s.get("train_loss") for s in stats]):
        known = [loss for loss in series if is_number(loss) and loss != round(loss, 4)]
        found += {*known[:EPOCHS], *known[-EPOCHS:]}
    return tuple(found)
