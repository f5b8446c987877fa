"""CNV: signs that the submitted runs were chosen from more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import WEAK
from rules.model.package import Package
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "CNV009",
    "Runs are numbered in the order they were made, within days",
    Scope.PACKAGE,
    source="TR 12.1; sources H5, H6, K3, W7",
    fix="Number runs by launch time and make them in one go; explain a long break in the README.",
    severity=Severity.WARNING,
)
def in_order(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Runs picked from a larger pile show by their order and their distance in time."""
    starts = [(run.timed.start_ms, run) for run in package.runs]
    known = [(at, run) for at, run in starts if at is not None]
    if len(known) < 2:
        raise NotApplicable("a single run")
    for (before, first), (after, run) in zip(known, known[1:], strict=False):
        if after < before and package.scaling != WEAK:  # models that start at the same time have no order
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
    "CNV011",
    "No runs were made and left out",
    Scope.PACKAGE,
    source="TR 12.1; sources H5, H6",
    fix="Keep failed runs under evidence/.../failed, as the harness does.",
    never_passes=True,
)
def no_selection(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Choosing the best of many runs is banned; a package can only show those that were kept."""
    raise NotChecked("a package cannot show runs that were deleted; CNV009 and the seeds give hints")


@rule(
    "CNV016",
    "No time for other runs lies between the runs",
    Scope.PACKAGE,
    source="TR 12.1; sources H5, H6",
    fix="Make the runs in one go; say in the README what the machine did in between.",
    severity=Severity.WARNING,
)
def no_room(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness makes one run after the other. A break as long as several runs has room for runs that
    were not submitted; failed attempts that were kept take up their share of it."""
    if package.scaling == WEAK or len(package.runs) < 2:
        raise NotApplicable("a single run, or models trained at the same time")
    spans = [
        (start / 1000, stop / 1000, run)
        for run in package.runs
        for start, stop, *_ in [run.timed]
        if start is not None and stop is not None
    ]
    spans.sort(key=lambda span: span[:2])
    convergence = ruleset.convergence
    longest_s = max((stop_s - start_s for start_s, stop_s, *_ in spans), default=0.0)
    kept_s = sum(a.record.duration_s for a in package.failed if a.record.duration_s)
    limit_s = max(convergence.break_s, convergence.break_runs * longest_s)
    for (_, stop_s, before), (start_s, _, run) in zip(spans, spans[1:], strict=False):
        if start_s - stop_s > limit_s + kept_s:
            yield self.finding(
                f"{(start_s - stop_s) / 3600:.1f} h pass between the end of {before.path} and its start",
                path=run.path,
                expected=f"<= {limit_s / 3600:.1f} h",
                actual=round(start_s - stop_s, 3),
            )
