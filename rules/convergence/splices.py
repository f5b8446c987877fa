"""CNV: epochs of one run in another."""

from __future__ import annotations

from collections.abc import Iterator

from rules.convergence.independence import twins
from rules.model.findings import Finding, Scope
from rules.model.package import Package
from rules.model.run_facts import RunFacts
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "CNV015",
    "No two runs share a stretch of their losses",
    Scope.PACKAGE,
    source="TR 5.1, 12; sources W7, case 38",
    fix="Submit genuine runs, each from its own seed.",
)
def no_splice(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """One loss may coincide; several equal to the last digit are epochs of one run spliced into another.
    Compared are those of the first and the last epochs of each run, where a splice saves or gains most."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    owners: dict[float, RunFacts] = {}
    for run in package.runs:
        shared: dict[str, int] = {}
        for loss in set(run.edge_losses):
            if owners.setdefault(loss, run) is not run:
                path = owners[loss].path
                shared[path] = shared.get(path, 0) + 1
        for path, count in sorted(shared.items()):
            if count >= ruleset.convergence.shared_losses:
                yield twins(self, ruleset, f"{count} of its losses stand in {path} too", path=run.path)
