"""CNV: learning that looks like learning, and runs that are independent of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.facts.kept import kept
from rules.facts.log_reading import durations, evaluations, timed
from rules.model.findings import Finding, Scope
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import is_number
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "CNV002",
    "No two runs have the same learning curve",
    Scope.PACKAGE,
    source="TR 5.1, 12; survey W7, G6, case 38, 43",
    fix="Submit runs that were really made, each from its own seed.",
)
def distinct_curves(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Random starts give other accuracies in every epoch: equal ones, even over a part, are a copy with
    another seed written in."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    curves = [(run, _curve(run, ruleset)) for run in package.runs]
    least = ruleset.convergence.cut_epochs
    seen: dict[tuple[float, ...], Run] = {}
    for run, curve in curves:
        if len(curve) < least:
            continue
        start = curve[:least]
        if start in seen:
            line = evaluations(run.log, ruleset.quality.key)[0].event.line
            yield self.finding(
                f"accuracies of epochs 1 to {least} equal those of {seen[start].path}",
                path=run.path,
                line=line,
            )
        else:
            seen[start] = run


@kept
def _curve(run: Run, ruleset: Ruleset) -> tuple[float, ...]:
    values = [e.value for e in evaluations(run.log, ruleset.quality.key)]
    return tuple(round(v, ruleset.convergence.digits) for v in values if v is not None)


@rule(
    "CNV003",
    "No two runs have the same losses",
    Scope.PACKAGE,
    source="TR 5.1, 12; survey W7, case 38, 43",
    fix="Submit runs that were really made, each from its own seed.",
)
def distinct_losses(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Losses are finer than accuracies: whoever copies a run edits the accuracies first."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    seen: dict[tuple[str, float], Run] = {}
    for run in package.runs:
        marks = _losses(run, ruleset)
        twin = next((seen[m] for m in marks if m in seen), None)
        if twin is not None:
            yield self.finding(f"a loss equals that of {twin.path} to the last digit", path=run.path)
        for mark in marks:
            seen.setdefault(mark, run)


@kept
def _losses(run: Run, ruleset: Ruleset) -> list[tuple[str, float]]:
    """First losses of a run: full precision, so that two random runs do not meet by chance."""
    marks: list[tuple[str, float]] = []
    found = [e.value for e in evaluations(run.log, ruleset.quality.loss_key)][:1]
    marks += [("eval", v) for v in found if v is not None]
    for event in run.log.all("tracked_stats")[:1]:
        loss = event.value.get("train_loss") if isinstance(event.value, dict) else None
        if is_number(loss):
            marks.append(("train", float(loss)))
    return [(kind, v) for kind, v in marks if v != round(v, 4)]


@rule(
    "CNV004",
    "No two result files are the same file",
    Scope.PACKAGE,
    source="survey H1, W7, case 39",
    fix="Remove the copy and make the missing run.",
)
def distinct_files(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A copied file is not another run."""
    seen: dict[str, Run] = {}
    for run in package.runs:
        if run.log.sha256 and run.log.sha256 in seen:
            yield self.finding(f"identical to {seen[run.log.sha256].path}", path=run.path)
        elif run.log.sha256:
            seen[run.log.sha256] = run


@rule(
    "CNV005",
    "Runs on one host do not overlap in time",
    Scope.PACKAGE,
    source="TR 12; survey W7, H5",
    fix="Run one after the other; the harness does.",
)
def no_overlap(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Two runs at once on one machine either shared it, or one of them is invented."""
    if package.scaling == "weak":
        raise NotApplicable("weak scaling trains its models at the same time")
    spans: dict[str, list[tuple[int, int, Run]]] = {}
    for run in package.runs:
        span = timed(run, ruleset)
        if span.start_ms is not None and span.stop_ms is not None:
            host = run.record.host if run.record else ""
            spans.setdefault(host, []).append((span.start_ms, span.stop_ms, run))
    for found in spans.values():
        found.sort(key=lambda s: s[:2])
        for (_, stop, before), (start, _, run) in zip(found, found[1:], strict=False):
            if start < stop:
                yield self.finding(
                    f"began {(stop - start) / 1000:.1f} s before {before.path} ended",
                    path=run.path,
                    line=timed(run, ruleset).start_line,
                )


@rule(
    "CNV006",
    "No two runs took the same times",
    Scope.PACKAGE,
    source="survey W7, case 38",
    fix="Submit runs that were really made.",
)
def distinct_times(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """No machine takes the same milliseconds for several epochs twice: equal times are a copy
    moved in time."""
    seen: dict[tuple[int, ...], Run] = {}
    for run in package.runs:
        times = _epoch_times_ms(run, ruleset)
        # short epochs coincide by chance: ask for a few seconds' worth of milliseconds in at least two epochs
        if len(times) < 2 or min(times) < 200:
            continue
        if times in seen:
            yield self.finding(
                f"all epochs took as long as those of {seen[times].path}, to 1 ms", path=run.path
            )
        else:
            seen[times] = run


@kept
def _epoch_times_ms(run: Run, ruleset: Ruleset) -> tuple[int, ...]:
    return tuple(took_ms for _, took_ms in durations(run.log, "epoch") if took_ms is not None)


@rule(
    "CNV008",
    "No two runs have the same weights",
    Scope.PACKAGE,
    source="survey G6, W7",
    fix="Submit runs that were really made, each from its own seed.",
)
def distinct_weights(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Independent runs end in different weights."""
    seen: dict[str, Run] = {}
    for run in package.runs:
        digest = run.weights_sha256 or run.log.value("weights_digest")
        if not isinstance(digest, str):
            continue
        if digest in seen:
            yield self.finding(f"the weights are those of {seen[digest].path}", path=run.path)
        else:
            seen[digest] = run


@rule(
    "CNV014",
    "No two runs have the same test result",
    Scope.PACKAGE,
    source="TR 5.1, 12; survey W7, G6, case 38",
    fix="Submit runs that were really made, each from its own seed.",
)
def distinct_results(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Two models never agree in every metric on all test pixels; a copied run does, even where its curve
    was edited."""
    seen: dict[tuple[Any, ...], Run] = {}
    for run in package.runs:
        mark = _metrics(run, ruleset)
        if len(mark) < 2:
            continue
        if mark in seen:
            event = run.log.last("result")
            yield self.finding(
                f"all {len(mark)} metrics equal those of {seen[mark].path}",
                path=run.path,
                line=event.line if event else None,
            )
        seen.setdefault(mark, run)


@kept
def _metrics(run: Run, ruleset: Ruleset) -> tuple[Any, ...]:
    """Metrics on the test scenes that are no round numbers; times are none."""
    event = run.log.last("result")
    stated = event.value.items() if event and isinstance(event.value, dict) else ()
    found = [
        (name, entry.get("value"))
        for name, entry in stated
        if name.startswith("test_") and isinstance(entry, dict) and is_number(entry.get("value"))
    ]
    return tuple(
        sorted((name, value) for name, value in found if is_number(value) and value != round(value, 3))
    )
