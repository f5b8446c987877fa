"""CNV: the learning curve of one run looks like learning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.facts.log_reading import evaluations
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import all_floats, is_number, show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "CNV013",
    "Accuracy rises to the target",
    Scope.RUN,
    source="TR 2.4, 8.2; sources E12, case 53",
    fix="Start from the reference's initial weights; explain a flat curve in the README.",
    severity=Severity.WARNING,
)
def rises(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A curve that ends where it began continues a training that happened elsewhere: a checkpoint
    just below the target passes it after one more epoch."""
    values = [e.value for e in evaluations(run.log, ruleset.quality.key) if e.value is not None]
    if len(values) < 2:
        raise NotApplicable("fewer than two evaluations")
    gained, least = max(values) - values[0], ruleset.convergence.learned_gain
    if ruleset.quality.met(values[-1]) and gained < least:
        yield self.finding(
            f"{ruleset.quality.key} begins at {values[0]:.4f} and gains {gained:.4f} in {len(values)} epochs",
            path=run.path,
            line=evaluations(run.log, ruleset.quality.key)[0].event.line,
            expected=f">= {least:g}",
            actual=round(gained, 6),
        )


@rule(
    "CNV001",
    "The target is not met by the first epoch",
    Scope.RUN,
    source="TR 2.4, 8.2; sources E12, case 53",
    fix="Start from the reference's initial weights; explain a data set this easy in the README.",
    severity=Severity.WARNING,
)
def not_at_once(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A model at the target after one pass was probably trained before."""
    found = evaluations(run.log, ruleset.quality.key)
    if found and ruleset.quality.met(found[0].value):
        yield self.at(
            run,
            found[0].event,
            f"{ruleset.quality.key} is {found[0].value:.4f} in the first epoch",
            expected=f"not yet {ruleset.quality.wanted}",
            actual=found[0].value,
        )


@rule(
    "CNV007",
    "Losses move as training moves them",
    Scope.RUN,
    source="sources E12, F3 (plausibility check of this rulebook)",
    fix="Log the losses that were computed; explain an odd curve in the README.",
    severity=Severity.WARNING,
)
def plausible_losses(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A loss that is negative, never changes, or ends higher than it began did not train a model."""
    series: dict[str, list[tuple[int, Any]]] = {
        ruleset.quality.loss_key: [
            (e.event.line, e.event.value) for e in evaluations(run.log, ruleset.quality.loss_key)
        ],
        "train_loss": [
            (e.line, e.value.get("train_loss"))
            for e in run.log.all("tracked_stats")
            if isinstance(e.value, dict) and "train_loss" in e.value
        ],
    }
    for name, points in series.items():
        values: list[Any] = [v for _, v in points]
        values = values if all_floats(values) else [v for v in values if is_number(v)]
        if values and min(values) < 0:
            yield self.finding(f"{name} is negative", path=run.path, line=points[0][0])
        elif len(values) >= 2 and len(set(values)) == 1:
            yield self.finding(
                f"{name} is {show(values[0])} in every epoch", path=run.path, line=points[0][0]
            )
        elif name == "train_loss" and len(values) >= 2 and values[-1] > values[0]:
            yield self.finding(
                f"{name} rises from {values[0]:.4g} to {values[-1]:.4g}", path=run.path, line=points[-1][0]
            )
