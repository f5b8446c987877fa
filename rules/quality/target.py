"""QUA: did it learn, and is the number that says so the one that counts?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

from rules.facts.log_reading import (
    evaluations,
    integer,
    intervals,
    reached_target,
    run_start,
    run_stop,
    stated,
    status,
)
from rules.facts.reference_code import judge_code
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package, Plan
from rules.model.run import Run
from rules.model.values import all_floats, is_number, same, show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


def _not_pruned(run: Run) -> None:
    """Raise NotApplicable for a run that was pruned: it need not have converged, nor ended by itself."""
    if run.pruned:
        raise NotApplicable("a pruned run is not scored")


@rule(
    "QUA001",
    "The run reaches the target at its last evaluation",
    Scope.RUN,
    source="SP 4; TR 9.4; sources F1, F4, 0.7",
    fix="Nothing to fix: closed allows one run that does not converge, and counts it as the slowest.",
    severity=Severity.WARNING,
)
def reaches_target(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Time-to-train is the time to the target: a run that misses it has no time-to-train."""
    _not_pruned(run)
    found = evaluations(run.log, ruleset.quality.key)
    if not found:
        yield self.finding("there is no evaluation inside the run", path=run.path)
    elif not reached_target(run.log, ruleset):
        yield self.at(
            run,
            found[-1].event,
            f"the last {ruleset.quality.key} is {show(found[-1].event.value)}",
            expected=ruleset.quality.wanted,
            actual=found[-1].event.value,
        )


@rule(
    "QUA002",
    "Accuracies are finite and between 0 and 1",
    Scope.RUN,
    source="sources F3, B15, case 24",
    fix="Log the share of correct pixels as a number between 0 and 1, not in percent.",
)
def in_range(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """93 or 1.7 is above the target without being an accuracy."""
    _not_pruned(run)
    quality = ruleset.quality
    values = [e.value for e in run.log.all(quality.key)]
    if all_floats(values) and quality.minimum <= min(values) and max(values) <= quality.maximum:
        return
    for event in run.log.all(quality.key):
        if not is_number(event.value) or not quality.minimum <= event.value <= quality.maximum:
            yield self.at(
                run,
                event,
                f"{quality.key} is {show(event.value)}",
                expected=f"{quality.minimum:g} to {quality.maximum:g}",
                actual=event.value,
            )


@rule(
    "QUA003",
    "One evaluation per epoch",
    Scope.RUN,
    source="TR 9.4; sources F2, A16, W13, case 18",
    fix="Evaluate after every epoch and log each evaluation once.",
)
def every_epoch(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Fewer evaluations save time; more give more chances of a lucky one."""
    _not_pruned(run)
    quality = ruleset.quality
    start, stop = run_start(run.log), run_stop(run.log)
    first, last = start.line if start else 0, stop.line if stop else float("inf")
    epochs = [i.epoch for i in intervals(run.log, "epoch") if first < i.start.line < last]
    for name, logged in (
        ("evaluations", [i.epoch for i in intervals(run.log, "eval") if first < i.start.line < last]),
        (quality.key, [e.epoch for e in evaluations(run.log, quality.key)]),
    ):
        if logged == epochs and len(set(logged)) == len(logged):
            continue
        counts, known = Counter(logged), set(epochs)
        missing = [e for e in epochs if not counts[e]]
        extra = [e for e, count in counts.items() if e not in known or count > 1]
        if len(missing) > quality.evaluation_slack or len(extra) > quality.evaluation_slack:
            what = (
                f"epoch {show(missing[0])} has none" if missing else f"epoch {show(extra[0])} does not match"
            )
            yield self.finding(
                f"{len(epochs)} epochs, but {len(logged)} {name}: {what}",
                path=run.path,
                expected=len(epochs),
                actual=len(logged),
            )


@rule(
    "QUA004",
    "run_stop says success exactly when the target was reached",
    Scope.RUN,
    source="sources A9, W12, F1, case 6, 22",
    fix="Log status success when the last evaluation meets the target, aborted otherwise.",
)
def status_true(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Scores follow the status; upstream accepts it without looking at the accuracy."""
    _not_pruned(run)
    stop, said = run_stop(run.log), status(run.log)
    if stop is None or said is None:
        return
    expected = "success" if reached_target(run.log, ruleset) else "aborted"
    if said != expected:
        reached = "reached" if expected == "success" else "not reached"
        yield self.at(
            run,
            stop,
            f"status is {said}, but the target was {reached} at the last evaluation",
            expected=expected,
            actual=said,
        )


@rule(
    "QUA005",
    "Enough runs converge",
    Scope.PACKAGE,
    source="TR 12; sources H3, W3, W12, case 23",
    fix="Repeat the whole set of runs with other seeds; single runs may not be replaced.",
)
def enough_converge(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """One run that does not converge counts as the slowest; two, or a package in which none does, have
    no score."""
    if not package.runs:
        raise NotApplicable("there are no runs")
    allowed = ruleset.division(package.division, package.scaling).not_converged_allowed
    failed = [run for run in package.runs if not run.converged]
    if len(failed) == len(package.runs):
        yield self.finding("no run reached the target", path=failed[0].path, expected=">= 1", actual=0)
    elif allowed is not None and len(failed) > allowed:
        names = ", ".join(run.path.rsplit("/", 1)[-1] for run in failed[:5])
        yield self.finding(
            f"{len(failed)} runs did not converge ({names})",
            path=failed[0].path,
            expected=f"<= {allowed}",
            actual=len(failed),
        )


@rule(
    "QUA006",
    "The target is the benchmark's",
    (Scope.PLAN, Scope.RUN),
    source="SP 4; sources F1, B26",
    fix="Set target_accuracy to 0.90 in the recipe; open entries may train further, not less.",
)
def target(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A run that stops at a lower target stops too early."""
    found = stated(subject.settings, ruleset.quality.target_key)
    if found is not None and not same(found.value, ruleset.quality.target):
        yield self.about(
            found, f"{ruleset.quality.target_key} is {show(found.value)}", ruleset.quality.target
        )


@rule(
    "QUA007",
    "Closed: a run is given up only when its epochs or its patience are used up",
    Scope.RUN,
    source="TR 12, 12.1; sources H3, H5, A9",
    fix="Let the run end by itself; an interrupted run is repeated by the harness, not submitted.",
    divisions=("closed",),
)
def given_up(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The one run that may fail must not be a slow one that somebody stopped."""
    _not_pruned(run)
    if status(run.log) != "aborted":
        raise NotApplicable("the run was not given up")
    found = evaluations(run.log, ruleset.quality.key)
    limit, patience = integer(run.settings, "max_epochs"), integer(run.settings, "early_stopping_patience")
    losses = [e.value for e in evaluations(run.log, ruleset.quality.loss_key)]
    waited, best = 0, float("inf")
    for loss in losses:
        if loss is not None and loss < best:
            waited, best = 0, loss
        else:
            waited += 1
    if (limit is not None and len(found) >= limit) or (patience is not None and waited >= patience):
        return
    stop = run_stop(run.log)
    yield self.finding(
        f"aborted after {len(found)} of {show(limit)} epochs, {waited} of {show(patience)} without a better "
        "loss",
        path=run.path,
        line=stop.line if stop else None,
    )


@rule(
    "QUA008",
    "Test accuracy is near the evaluation's",
    Scope.RUN,
    source="sources 1.R (TEST01, leak test), F7",
    fix="Look at the gallery in the report; explain the difference in the README.",
    severity=Severity.WARNING,
)
def test_agrees(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A model far worse on test scenes has seen its evaluation set; one far better was tested on easier
    scenes."""
    found, result = evaluations(run.log, ruleset.quality.key), run.log.last("result")
    entry = result.value.get("test_accuracy") if result and isinstance(result.value, dict) else None
    tested = entry.get("value") if isinstance(entry, dict) else None
    if not found or found[-1].value is None or not is_number(tested):
        raise NotApplicable("no test accuracy is logged")
    gap = tested - found[-1].value
    if abs(gap) > ruleset.convergence.test_gap:
        yield self.finding(
            f"test accuracy {tested:.4f} is {abs(gap):.4f} {'above' if gap > 0 else 'below'} the last "
            "evaluation",
            path=run.path,
            line=result.line if result else None,
            expected=f"within {ruleset.convergence.test_gap:g}",
            actual=tested,
        )


@rule(
    "QUA009",
    "The result states each metric with value and meaning",
    Scope.RUN,
    source="SS 6; sources B29",
    fix="Log result as {metric: {value, meaning, unit}}, with test_accuracy.",
)
def result_metrics(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The Science group asks for metrics that a reader can understand without the code."""
    event = run.log.last("result")
    if event is None or not isinstance(event.value, dict):
        return
    if "test_accuracy" not in event.value:
        yield self.at(run, event, "result lacks test_accuracy")
    for name, entry in event.value.items():
        value = entry.get("value") if isinstance(entry, dict) else None
        meaning = entry.get("meaning") if isinstance(entry, dict) else None
        if not (value is None or is_number(value)) or not isinstance(meaning, str) or not meaning.strip():
            yield self.at(run, event, f"result {show(name)} has no number or no meaning")
        elif isinstance(entry, dict) and "value" not in entry:
            yield self.at(run, event, f"result {show(name)} has no value")


@rule(
    "QUA010",
    "The metric is computed as in the reference",
    Scope.PACKAGE,
    source="TR 9.4; SP 5.1; sources F2, F7",
    fix="Count correct pixels at threshold 0.5 over the whole evaluation set.",
    never_passes=True,
)
def metric_equal(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Results of another computation under the same name cannot be compared."""
    judge_code(package, "its metric")


@rule(
    "QUA011",
    "The deciding accuracy is not rounded",
    Scope.RUN,
    source="TR 5.4, 9.4; sources C13, F1 (plausibility check of this rulebook)",
    fix="Log the accuracy as it was computed.",
    severity=Severity.WARNING,
)
def not_rounded(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A share of thousands of pixels has many digits. One with three was rounded, perhaps up to the target,
    or typed."""
    found = evaluations(run.log, ruleset.quality.key)
    if not found or found[-1].value is None:
        raise NotApplicable("there is no evaluation inside the run")
    value, decimals = found[-1].value, ruleset.quality.decimals
    if ruleset.quality.met(value) and value == round(value, decimals):
        yield self.at(
            run,
            found[-1].event,
            f"the last {ruleset.quality.key} is {value}",
            expected=f"more than {decimals} decimals",
            actual=value,
        )
