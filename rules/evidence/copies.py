"""EVD: evidence of one run that is presented as another's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rules.facts.needs import record_of, telemetry_of, timeline_of
from rules.model.evidence import Telemetry
from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import WEAK
from rules.model.package import Package
from rules.model.run import Run
from rules.model.run_facts import RunFacts
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

ENOUGH_SAMPLES = 30  # of a quantity: in a second of an idle machine, readings agree by chance


@rule(
    "EVD024",
    "No two runs have the same telemetry",
    Scope.PACKAGE,
    source="evidence of this rulebook; sources W7",
    fix="Package the telemetry that was sampled during each run.",
)
def distinct_telemetry(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Two runs never load a machine alike to the last digit: equal statistics are one measurement, moved in
    time. Only a few seconds of an idle machine may agree by chance."""
    if not any(run.telemetry for run in package.runs):
        raise NotChecked("there is no readable telemetry")
    seen: dict[tuple[Any, ...], str] = {}
    for run in package.runs:
        for sampled in run.telemetry:
            mark = tuple(
                (q.name, q.scope, q.samples, q.mean, q.minimum, q.maximum)
                for q in sampled.quantities
                if q.mean is not None and q.minimum != q.maximum and q.samples >= ENOUGH_SAMPLES
            )
            if not mark:
                continue
            if mark in seen and seen[mark] != sampled.path:
                yield self.finding(f"its statistics are those of {seen[mark]}", path=sampled.path)
            seen.setdefault(mark, sampled.path)


@rule(
    "EVD036",
    "No two files of telemetry were sampled at the same steps",
    Scope.PACKAGE,
    source="evidence of this rulebook (fingerprint of the sampler's steps, harness/telemetry/reader/pace.py)",
    fix="Package the telemetry that was sampled during each run.",
)
def distinct_steps(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A sampler is late by some microseconds, each time by others: a file whose samples lie at the distances of
    another run's, or of another node's, was made from it, whatever its readings were changed to."""
    sampled = [file for run in package.runs for file in run.telemetry if file.pace]
    if not sampled:
        raise NotChecked("there is no readable telemetry with as many steps as are needed")
    first: dict[int, Telemetry] = {}  # by mark: which file had it first
    for file in sampled:
        shared: Counter[str] = Counter()
        for mark in file.pace:
            other = first.setdefault(mark, file)
            if other is not file:
                shared[other.path] += 1
        fewest = ruleset.evidence.pace_share * len(file.pace)
        for path, count in shared.most_common(1):
            if count > fewest:
                yield self.finding(
                    f"{count} of {len(file.pace)} series of steps between samples, to the microsecond, are those of "
                    f"{path}",
                    path=file.path,
                    expected=f"<= {fewest:.0f}",
                    actual=count,
                )


@rule(
    "EVD037",
    "Telemetry was sampled under the clock of its run",
    Scope.RUN,
    source="evidence of this rulebook (cross-check of telemetry and timeline.jsonl); sources W7, W11",
    fix="Package the telemetry that was sampled during this run, on its machine.",
)
def sampled_beside(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The monotonic clock of a machine counts from its start: harness and sampler on one host read the same, so that
    wall time and monotonic time are as far apart in both. A file of another boot, or one that was moved in time,
    shows. On other nodes it counts from elsewhere."""
    record, timeline, sampled = record_of(run), timeline_of(run), telemetry_of(run)
    if not timeline:
        raise NotChecked("no line arrived")
    ahead_s, beside = timeline[0].wall_s - timeline[0].monotonic_s, False
    for file in sampled:
        if file.host != record.host or file.wall_ahead_s is None:
            continue
        beside, apart_s = True, file.wall_ahead_s - ahead_s
        if abs(apart_s) > ruleset.clock.boot_drift_s:
            yield self.finding(
                f"its wall clock is {apart_s:.1f} s further from the monotonic clock than that of the harness on "
                f"{show(record.host)}",
                path=file.path,
                expected=f"within {ruleset.clock.boot_drift_s:g} s",
                actual=round(apart_s, 3),
            )
    if not beside:
        launcher = (run.package.recipe or {}).get("launcher", "local")
        if launcher != "local" or len(sampled) > 1:
            raise NotChecked("no sampler ran on the host of the harness")
        yield self.finding(
            f"it was sampled on {show(sampled[0].host)}, the run was made on {show(record.host)}",
            severity=Severity.WARNING,
            path=sampled[0].path,
            expected=record.host,
            actual=sampled[0].host,
        )


@rule(
    "EVD039",
    "No two epochs commit to the same state",
    Scope.PACKAGE,
    source="evidence of this rulebook (docs/evidence.md); sources W7",
    fix="Package logs as the runs wrote them.",
)
def distinct_states(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Each step changes weights or optimiser, and each run begins elsewhere: a state that was committed twice was
    copied, and could answer one challenge in place of another."""
    if not any(run.edge_states for run in package.runs):
        raise NotApplicable("no log commits to states")
    first: dict[str, tuple[str, int]] = {}
    for run in package.runs:
        for state, line in run.edge_states:
            path, before = first.setdefault(state, (run.path, line))
            if (path, before) != (run.path, line):
                yield self.finding(
                    f"weights and optimiser are those committed in line {before} of {path}",
                    path=run.path,
                    line=line,
                )
                break


@rule(
    "EVD025",
    "Runs of one boot share one clock",
    Scope.PACKAGE,
    source="evidence of this rulebook; sources W7, W11",
    fix="Package every timeline as it was written; explain a clock that was set in the README.",
)
def one_clock(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The monotonic clock counts on from run to run until the machine boots: a run whose wall times were
    moved keeps its place on it, and a copied run stands where its original stands."""
    boots: dict[tuple[str, str], list[tuple[float, float, float, RunFacts]]] = {}
    for run in package.runs:
        if run.record is not None and run.record.boot_id is not None and run.clock is not None:
            boots.setdefault((run.record.host, run.record.boot_id), []).append((*run.clock, run))
    if not boots:
        raise NotChecked("there is no readable run.json with a boot_id, or no timeline")
    for spans in boots.values():
        spans.sort(key=lambda s: s[:2])
        for (_, end_s, offset_s, before), (start_s, _, other_s, run) in zip(spans, spans[1:], strict=False):
            path = package.evidence_of(run.index).timeline.as_posix()
            if start_s < end_s and package.scaling != WEAK:  # there models are trained at the same time
                yield self.finding(
                    f"began {end_s - start_s:.1f} s before {before.path} ended, by the monotonic clock",
                    path=path,
                )
            elif abs(other_s - offset_s) > ruleset.clock.boot_drift_s:
                yield self.finding(
                    f"the wall clock moved {other_s - offset_s:.1f} s against the monotonic clock since "
                    f"{before.path}",
                    severity=Severity.WARNING,  # a suspended machine or a clock that was set does that too
                    path=path,
                    expected=f"<= {ruleset.clock.boot_drift_s:g} s",
                    actual=round(other_s - offset_s, 3),
                )
