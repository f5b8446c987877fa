"""QUA, CNV, EVD: signs that results were chosen, or helped over the target."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.kept import kept
from rules.model import Finding, Package, Run, Scope, Severity
from rules.reading import evaluations, run_start, run_stop, time_ms
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset

_ATTEMPT = re.compile(r"failed/attempt_(\d{1,9})/")


@rule(
    "QUA011",
    "The deciding accuracy is not rounded",
    Scope.RUN,
    source="TR 5.4, 9.4; survey C13, F1 (plausibility check of this rulebook)",
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
        yield self.finding(
            f"the last {ruleset.quality.key} is {value}",
            path=run.path,
            line=found[-1].event.line,
            expected=f"more than {decimals} decimals",
            actual=value,
        )


@rule(
    "CNV016",
    "No time for other runs lies between the runs",
    Scope.PACKAGE,
    source="TR 12.1; survey H5, H6",
    fix="Make the runs in one go; say in the README what the machine did in between.",
    severity=Severity.WARNING,
)
def no_room(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness makes one run after the other. A break as long as several runs has room for runs that
    were not submitted; failed attempts that were kept take up their share of it."""
    if package.scaling == "weak" or len(package.runs) < 2:
        raise NotApplicable("a single run, or models trained at the same time")
    known = [(_timed_s(run, ruleset), run) for run in package.runs]
    spans = sorted((*span, run.index, run) for span, run in known if span is not None)
    convergence = ruleset.convergence
    longest_s = max((stop_s - start_s for start_s, stop_s, *_ in spans), default=0.0)
    kept_s = sum(r.duration_s for r in package.failed_runs if r.duration_s)
    limit_s = max(convergence.break_s, convergence.break_runs * longest_s)
    for (_, stop_s, _, before), (start_s, _, _, run) in zip(spans, spans[1:], strict=False):
        if start_s - stop_s > limit_s + kept_s:
            yield self.finding(
                f"{(start_s - stop_s) / 3600:.1f} h pass between the end of {before.path} and its start",
                path=run.path,
                expected=f"<= {limit_s / 3600:.1f} h",
                actual=round(start_s - stop_s, 3),
            )


@kept
def _timed_s(run: Run, ruleset: Ruleset) -> tuple[float, float] | None:
    """run_start and run_stop, in seconds since the epoch."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    return None if start is None or stop is None else (start / 1000, stop / 1000)


@rule(
    "EVD027",
    "Failed attempts are numbered without gaps",
    Scope.PACKAGE,
    source="TR 12.1; survey H5; the run protocol",
    fix="Keep evidence/.../failed as the harness wrote it.",
)
def attempts_kept(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness keeps every run that failed or was ended, and counts them from 0: a missing number is an
    attempt that was taken out."""
    folder = f"evidence/{package.system_name}/{package.scaling}/{package.benchmark}/"
    found = {
        int(match[1])
        for name in package.files
        if name.startswith(folder) and (match := _ATTEMPT.match(name, len(folder)))
    }
    missing = next((n for n in range(len(found)) if n not in found), None)
    if missing is not None:
        yield self.finding(f"attempt_{missing} is missing", path=f"{folder}failed/attempt_{missing}")
