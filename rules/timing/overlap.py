"""TIM: runs that are made one after another."""

from __future__ import annotations

from collections.abc import Iterator

from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import WEAK
from rules.model.package import Package
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "TIM023",
    "Runs follow one another",
    Scope.PACKAGE,
    source="TR 12, 12.1; sources H5, H8; the run protocol",
    fix="Let one submit make all runs of an entry; models trained at the same time are a throughput entry.",
)
def one_by_one(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness makes the runs of an entry one after the other, on one system. Runs that overlap in time
    were made on several, or are one measurement moved in time."""
    if package.scaling == WEAK or len(package.runs) < 2:
        raise NotApplicable("a single run, or models trained at the same time")
    spans = []
    for run in package.runs:
        start, stop = run.timed.start_ms, run.timed.stop_ms
        if start is None or stop is None:
            continue
        begin_s, end_s = start / 1000, stop / 1000
        if run.record is not None:
            begin_s = min(begin_s, run.record.started_wall_s)
            end_s = max(end_s, run.record.finished_wall_s)
        spans.append((begin_s, end_s, run))
    spans.sort(key=lambda span: span[:2])
    for (_, end_s, before), (begin_s, _, run) in zip(spans, spans[1:], strict=False):
        if end_s - begin_s > ruleset.clock.overlap_s:
            yield self.finding(
                f"began {end_s - begin_s:.1f} s before {before.path} ended",
                severity=Severity.ERROR if package.division != "open" else Severity.WARNING,
                path=run.path,
                expected=f"<= {ruleset.clock.overlap_s:g} s",
                actual=round(end_s - begin_s, 3),
            )
