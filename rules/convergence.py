"""CNV: learning that looks like learning, and runs that are independent of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rules.kept import kept
from rules.model import Finding, Package, Run, Scope, Severity
from rules.points import Method, compare_package
from rules.reading import durations, evaluations, timed
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.values import all_floats, is_number, show


@rule(
    "CNV001",
    "The target is not met by the first epoch",
    Scope.RUN,
    source="TR 2.4, 8.2; survey E12, case 53",
    fix="Start from the reference's initial weights; explain a data set this easy in the README.",
    severity=Severity.WARNING,
)
def not_at_once(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A model at the target after one pass was probably trained before."""
    found = evaluations(run.log, ruleset.quality.key)
    if found and ruleset.quality.met(found[0].value):
        yield self.finding(
            f"{ruleset.quality.key} is {found[0].value:.4f} in the first epoch",
            path=run.path,
            line=found[0].event.line,
            expected=f"not yet {ruleset.quality.wanted}",
            actual=found[0].value,
        )


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
    "CNV007",
    "Losses move as training moves them",
    Scope.RUN,
    source="survey E12, F3 (plausibility check of this rulebook)",
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
    "CNV009",
    "Runs are numbered in the order they were made, within days",
    Scope.PACKAGE,
    source="TR 12.1; survey H5, H6, K3, W7",
    fix="Number runs by launch time and make them in one go; explain a long break in the README.",
    severity=Severity.WARNING,
)
def in_order(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Runs picked from a larger pile show by their order and their distance in time."""
    starts = [(timed(run, ruleset).start_ms, run) for run in package.runs]
    known = [(at, run) for at, run in starts if at is not None]
    if len(known) < 2:
        raise NotApplicable("a single run")
    for (before, first), (after, run) in zip(known, known[1:], strict=False):
        if after < before and package.scaling != "weak":  # models that start at the same time have no order
            yield self.finding(f"was started before {first.path}", path=run.path)
    days = (max(a for a, _ in known) - min(a for a, _ in known)) / 86_400_000
    if days > ruleset.convergence.span_days:
        yield self.finding(
            f"the runs are spread over {days:.0f} days",
            path=known[0][1].path,
            expected=f"<= {ruleset.convergence.span_days:g}",
            actual=round(days, 1),
        )


@rule(
    "CNV010",
    "Convergence is not faster than the reference's",
    Scope.PACKAGE,
    source="TR 13, 22; survey I1-I13, case 27, 30",
    fix="Use the reference's model and hyperparameters; record missing points with `cloudmask rcp record`.",
    divisions=("closed",),
)
def reference_points(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Fewer epochs than the reference needs at the same batch size, beyond chance, mean another training.
    Without a point as large as the batch size nobody knows, so that point has to be recorded first. On a
    synthetic practice set both are warnings: about one honest entry in fifty is faster by chance."""
    decided = ruleset.convergence.points
    found = compare_package(package, ruleset, decided)
    where = package.runs[0].path.rsplit("/", 1)[0]
    if found.outcome != "pass":
        yield self.finding(
            found.reason,
            severity=Severity.WARNING if found.practice else self.severity,
            path=where,
            expected=round(found.limit.smallest, 6) if found.limit else None,
            actual=round(found.mean, 6),
        )
    other: Method = "upstream" if decided == "trimmed" else "trimmed"
    second = compare_package(package, ruleset, other)
    if (second.outcome == "pass") != (found.outcome == "pass"):
        yield self.finding(
            f"read as {_READINGS[other]}, the comparison {_SAID[second.outcome]}"
            + (f": {second.reason}" if second.reason else ""),
            severity=Severity.WARNING,
            path=where,
        )


_READINGS = {"trimmed": "the rules' prose has it", "upstream": "mlperf_logging computes it"}
_SAID = {"pass": "passes", "fail": "fails", "missing": "lacks a point"}


@rule(
    "CNV011",
    "No runs were made and left out",
    Scope.PACKAGE,
    source="TR 12.1; survey H5, H6",
    fix="Keep failed runs under evidence/.../failed, as the harness does.",
)
def no_selection(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Choosing the best of many runs is banned; a package can only show those that were kept."""
    raise NotChecked("a package cannot show runs that were deleted; CNV009 and the seeds give hints")
    yield  # pragma: no cover


@rule(
    "CNV012",
    "scaling.json states the factor that follows from the convergence points",
    Scope.PACKAGE,
    source="TR 12.2; survey H7, I9, W17, case 33",
    fix="Remove scaling.json: the checker computes the factor by itself.",
)
def scaling_factor(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Time and energy are multiplied with this number. Upstream believes any file it finds, so that 0.5
    halves a score; here the file is only compared."""
    if package.scaling_file is None:
        raise NotApplicable("there is no scaling.json")
    expected = 1.0
    if package.division == "closed":
        with suppress(NotApplicable, NotChecked):  # nothing follows, so nothing may be scaled
            expected = compare_package(package, ruleset).factor
    actual = package.scaling_file.get("scaling_factor")
    if not is_number(actual) or abs(actual - expected) > 1e-6:
        yield self.finding(
            f"scaling_factor is {show(actual)}, the convergence points give {expected:.6g}",
            path=f"results/{package.entry}/scaling.json",
            expected=round(expected, 9),
            actual=actual,
        )
