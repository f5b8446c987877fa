"""PWR: node power, where it was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.facts.log_reading import place, run_start, run_stop, time_ms
from rules.facts.node_energy import EFFICIENCY, READING, START, STOP, node_energy
from rules.model.evidence import Telemetry
from rules.model.findings import Finding, Scope, Severity
from rules.model.log import Event, Log
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import is_number, show
from rules.power.coverage import needs_power
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

EVENT_TYPES = {START: "INTERVAL_START", READING: "POINT_IN_TIME", STOP: "INTERVAL_END"}
EXTERNAL = "external meter"


def _files(run: Run) -> dict[str, Log]:
    if not run.power:
        raise NotApplicable("no power was submitted")
    return run.power


def nodes_of(run: Run) -> list[tuple[str, Log]]:
    """Power files of whole nodes. Raises NotApplicable when there is no power."""
    return [(name, log) for name, log in _files(run).items() if name.startswith("node")]


def _readings(log: Log) -> list[Event]:
    return log.all(READING)


def window_of(run: Run) -> tuple[int, int]:
    """run_start and run_stop in ms. Raises NotChecked without them: rules of the group LOG say so."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    if start is None or stop is None or stop <= start:
        raise NotChecked("the run has no run_start before a run_stop")
    return start, stop


def sampled_beside(run: Run, name: str) -> Telemetry | None:
    """Telemetry of the node whose power is in node_<j>.txt."""
    wanted = f"telemetry_{name.removesuffix('.txt')}.h5"
    return next((t for t in run.telemetry if t.path.rpartition("/")[2] == wanted), None)


@rule(
    "PWR003",
    "Power files hold one measurement each",
    Scope.RUN,
    source="sources L1, W24, W26; mlperf_logging power example",
    fix="Log power_measurement_start, then power_reading in watts, then power_measurement_stop, with mllog.",
)
def one_measurement(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream never opens the files, so an empty one passes; a second start resets the clock but
    not the sum."""
    for log in _files(run).values():
        for problem in log.problems:
            yield self.finding(f"power line: {problem.message}", path=log.path, line=problem.line)
    for _, log in nodes_of(run):
        for key in (START, STOP):
            count = len(log.all(key))
            if count != 1:
                yield self.finding(f"{count} {key}", path=log.path, expected=1, actual=count)
        if not _readings(log):
            yield self.finding("there are no readings", path=log.path)
        for event in log.events:
            expected = EVENT_TYPES.get(event.key) if isinstance(event.key, str) else None
            if expected is not None and event.event_type != expected:
                yield self.finding(
                    f"{event.key} is logged as {show(event.event_type)}",
                    **place(event, log.path),
                    expected=expected,
                    actual=event.event_type,
                )
        outside = _outside(log)
        if outside:
            yield self.finding(
                f"{len(outside)} readings lie outside the measurement", **place(outside[0], log.path)
            )


def _outside(log: Log) -> list[Event]:
    """Readings before the start or after the stop: upstream leaves them out silently."""
    begin, end = time_ms(log.first(START)), time_ms(log.last(STOP))
    if begin is None or end is None:
        return []
    return [e for e in _readings(log) if (at := time_ms(e)) is not None and not begin <= at <= end]


@rule(
    "PWR004",
    "The measurement covers the timed run and little else",
    Scope.RUN,
    source="PM 3.5; HR 7.3; sources L8, W25, case 69",
    fix="Start the measurement just before run_start and stop it just after run_stop.",
)
def window(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Idle minutes before and after lower the mean power that upstream multiplies by the time."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    for _, log in nodes_of(run):
        begin = time_ms(log.first(START))
        end = time_ms(log.last(STOP))
        if None in (start, stop, begin, end):
            continue
        early_s, late_s = (start - begin) / 1000, (end - stop) / 1000  # type: ignore[operator]
        if early_s < 0 or late_s < 0:
            yield self.finding("the measurement does not cover run_start to run_stop", path=log.path)
        for side, slack_s in (("before run_start", early_s), ("after run_stop", late_s)):
            if slack_s > ruleset.power.window_slack_s:
                yield self.finding(
                    f"the measurement includes {slack_s:.0f} s {side}",
                    path=log.path,
                    expected=f"<= {ruleset.power.window_slack_s:g} s",
                    actual=slack_s,
                )


@rule(
    "PWR005",
    "Readings are watts, once a second, at least 60",
    Scope.RUN,
    source="PM 3.4, 3.5; sources L1, L7, L9, W24, W25, case 71, 78",
    fix="Sample at 1 Hz or faster, in watts; prolong short runs as PM 3.5 describes.",
)
def readings(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Negative watts, kilowatts and one reading per half minute all pass upstream."""
    rules = ruleset.power
    for _, log in nodes_of(run):
        found = _readings(log)
        for event in found:
            if not is_number(event.value) or not 0 < event.value <= rules.watts_maximum:
                yield self.finding(
                    f"reading {show(event.value)}",
                    path=log.path,
                    line=event.line,
                    expected="watts",
                    actual=event.value,
                )
        values = [e.value for e in found if is_number(e.value)]
        if len(values) >= rules.readings_minimum and len(set(values)) == 1:
            yield self.finding("all readings are equal to the last digit", path=log.path, actual=values[0])
        if found and len(found) < rules.readings_minimum:
            yield self.finding(
                f"{len(found)} readings",
                severity=Severity.WARNING,
                path=log.path,
                expected=f">= {rules.readings_minimum}",
                actual=len(found),
            )
        edges = [run_start(run.log), *found, run_stop(run.log)]
        yield from _gaps(self, log, edges, rules.interval_s + rules.interval_slack_s)


def _gaps(self: Rule, log: Log, found: list[Event | None], limit_s: float) -> Iterator[Finding]:
    """`found` begins with run_start and ends with run_stop, so that readings cover the run to its end."""
    times = [t for e in found[1:-1] if (t := time_ms(e)) is not None]
    start, stop = time_ms(found[0]), time_ms(found[-1])
    ends = [*([start] if start is not None else []), *times, *([stop] if stop is not None else [])]
    longest = max(((b - a) / 1000 for a, b in zip(ends, ends[1:], strict=False)), default=0.0)
    if longest > limit_s:
        yield self.finding(
            f"{longest:.1f} s without a reading", path=log.path, expected=f"<= {limit_s:g} s", actual=longest
        )
    if any(b < a for a, b in zip(times, times[1:], strict=False)):
        yield self.finding("readings run backwards in time", path=log.path)


@rule(
    "PWR006",
    "AC readings state the efficiency of the supply",
    Scope.RUN,
    source="PM 3.2; sources L5, W28, case 73",
    fix="Log conversion_eff once, between 0.5 and 1, with measurement_type AC or DC.",
)
def efficiency(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The factor is multiplied into the energy: 0.094 instead of 0.94 wins a table, and so does one that
    converts what is DC already."""
    for name, log in _files(run).items():
        events = log.all(EFFICIENCY)
        if len(events) != 1 and name.startswith("node"):
            yield self.finding(f"conversion_eff is logged {len(events)} times", path=log.path, expected=1)
        for event in events:
            kind = event.metadata.get("measurement_type")
            lowest = 1.0 if kind == "DC" else ruleset.power.efficiency_minimum
            good = is_number(event.value) and lowest <= event.value <= 1
            if not good or (kind not in ("AC", "DC") and name.startswith("node")):
                yield self.finding(
                    f"conversion_eff {show(event.value)} with measurement_type {show(kind)}",
                    path=log.path,
                    line=event.line,
                    expected="1 with DC" if kind == "DC" else f"{lowest:g} to 1, AC or DC",
                    actual=event.value,
                )


@rule(
    "PWR008",
    "No two power files are copies",
    Scope.PACKAGE,
    source="sources W24",
    fix="Measure each node in each run.",
)
def distinct(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """No meter reads the same sequence twice."""
    needs_power(package)
    seen: dict[str, str] = {}
    for file in (file for run in package.runs for file in run.power if file.fingerprint):
        if seen.setdefault(str(file.fingerprint), file.path) != file.path:
            yield self.finding(f"the readings are those of {seen[str(file.fingerprint)]}", path=file.path)


@rule(
    "PWR011",
    "Both energy formulas give the same energy",
    Scope.RUN,
    source="PM 4; mlperf_logging result_summarizer; sources L11, L12, W25",
    fix="Measure from just before run_start to just after run_stop, at an even rate.",
    severity=Severity.WARNING,
)
def formulas(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The rules sum over the run, upstream takes the mean over the whole measurement: where they differ,
    the published energy depends on what the meter measured outside the run."""
    nodes = nodes_of(run)
    start, stop = window_of(run)
    for _, log in nodes:
        found = node_energy(log, start, stop)
        if not found.joule or found.upstream_joule is None:
            continue
        apart = found.upstream_joule / found.joule - 1
        if abs(apart) > ruleset.power.formula_tolerance:
            yield self.finding(
                f"mlperf_logging's formula gives {apart:+.1%}",
                path=log.path,
                expected=found.joule,
                actual=found.upstream_joule,
            )


@rule(
    "PWR013",
    "Readings of an external meter name their file",
    Scope.RUN,
    source="PM 3.2, 3.6; sources L10, L18; design of this rulebook",
    fix="Import the meter's log with `cloudmask power import`, which notes its digest and clock offset.",
)
def external(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness did not see these readings being made: a reviewer can ask for the file with that digest."""
    found = [(log, event) for _, log in nodes_of(run) if (event := log.first(START)) is not None]
    imported = [(log, e) for log, e in found if e.metadata.get("source") == EXTERNAL]
    if not imported:
        raise NotApplicable("no readings of an external meter")
    for log, event in imported:
        digest, offset = event.metadata.get("sha256"), event.metadata.get("clock_offset_s")
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            yield self.finding("the meter's file has no digest", **place(event, log.path), actual=digest)
        if not is_number(offset):
            yield self.finding(
                "the offset of the meter's clock is not stated", **place(event, log.path), actual=offset
            )
