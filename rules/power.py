"""PWR: node power, where it was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.kept import kept
from rules.model import Event, Finding, Log, Package, Run, Scope, Severity
from rules.reading import run_start, run_stop, time_ms
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.values import is_number, show, whole

NAME = re.compile(r"(node|sw)_(0|[1-9]\d{0,5})\.txt\Z")


def _needs_power(package: Package) -> None:
    if not any(run.power for run in package.runs):
        raise NotApplicable("no power was submitted")


def _nodes(run: Run) -> Iterator[tuple[str, Log]]:
    if not run.power:
        raise NotApplicable("no power was submitted")
    for name, log in run.power.items():
        if name.startswith("node"):
            yield name, log


def _readings(log: Log) -> list[Event]:
    return log.all("power_reading")


@rule(
    "PWR001",
    "Power of every run was measured",
    Scope.PACKAGE,
    source="PM 3.3; survey L6, K6, W22, case 77",
    fix="Measure all scored runs, or submit without power.",
)
def every_run(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Energy is scored over the same runs as time: measuring some of them is choosing."""
    _needs_power(package)
    for run in package.runs:
        if not run.power:
            folder = run.path.rsplit("/", 1)[0] + f"/power/result_{run.index}"
            yield self.finding("there are no power readings of this run", path=folder)


@rule(
    "PWR002",
    "One power file per node, named node_<j>.txt",
    Scope.PACKAGE,
    source="PM 3.1; survey L2, K6, W21, W23, case 74",
    fix="Write node_0.txt to node_<n-1>.txt for each run, and sw_<k>.txt for switches.",
)
def every_node(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A node that is left out halves the energy; upstream compares the runs only with each other."""
    _needs_power(package)
    nodes = whole(package.system.fields.get("number_of_nodes")) if package.system else None
    for run in package.runs:
        folder = run.path.rsplit("/", 1)[0] + f"/power/result_{run.index}"
        for name in run.power:
            if not NAME.match(name):
                yield self.finding(f"{show(name)} is no power file name", path=f"{folder}/{name}")
        found = {n for n in run.power if n.startswith("node")}
        expected = {f"node_{j}.txt" for j in range(min(nodes or len(found), 100_000))}
        if run.power and found != expected:
            yield self.finding(
                f"{len(found)} node files for {nodes} nodes",
                path=folder,
                expected=len(expected),
                actual=len(found),
            )


@rule(
    "PWR003",
    "Power files hold one measurement each",
    Scope.RUN,
    source="survey L1, W24, W26; mlperf_logging power example",
    fix="Log power_measurement_start, then power_reading in watts, then power_measurement_stop, with mllog.",
)
def one_measurement(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream never opens the files, so an empty one passes; a second start resets the clock but
    not the sum."""
    for _, log in _nodes(run):
        for problem in log.problems:
            yield self.finding(f"power line: {problem.message}", path=log.path, line=problem.line)
        for key in ("power_measurement_start", "power_measurement_stop"):
            count = len(log.all(key))
            if count != 1:
                yield self.finding(f"{count} {key}", path=log.path, expected=1, actual=count)
        if not _readings(log):
            yield self.finding("there are no readings", path=log.path)


@rule(
    "PWR004",
    "The measurement covers the timed run and little else",
    Scope.RUN,
    source="PM 3.5; HR 7.3; survey L8, W25, case 69",
    fix="Start the measurement just before run_start and stop it just after run_stop.",
)
def window(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Idle minutes before and after lower the mean power that upstream multiplies with the time."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    for _, log in _nodes(run):
        begin = time_ms(log.first("power_measurement_start"))
        end = time_ms(log.last("power_measurement_stop"))
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
    source="PM 3.4, 3.5; survey L1, L7, L9, W24, W25, case 71, 78",
    fix="Sample at 1 Hz or faster, in watts; prolong short runs as PM 3.5 describes.",
)
def readings(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Negative watts, kilowatts and one reading per half minute all pass upstream."""
    rules = ruleset.power
    for _, log in _nodes(run):
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
        if len(values) > 10 and len(set(values)) == 1:
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
    source="PM 3.2; survey L5, W28, case 73",
    fix="Log conversion_eff once, between 0.5 and 1, with measurement_type AC or DC.",
)
def efficiency(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The factor is multiplied into the energy: 0.094 instead of 0.94 wins a table."""
    for _, log in _nodes(run):
        events = log.all("conversion_eff")
        if len(events) != 1:
            yield self.finding(f"conversion_eff is logged {len(events)} times", path=log.path, expected=1)
        for event in events:
            kind = event.metadata.get("measurement_type")
            good = is_number(event.value) and ruleset.power.efficiency_minimum <= event.value <= 1
            if not good or kind not in ("AC", "DC"):
                yield self.finding(
                    f"conversion_eff {show(event.value)} with measurement_type {show(kind)}",
                    path=log.path,
                    line=event.line,
                    expected=f"{ruleset.power.efficiency_minimum:g} to 1, AC or DC",
                    actual=event.value,
                )


@rule(
    "PWR007",
    "Whole nodes were measured, by a meter of known accuracy",
    Scope.PACKAGE,
    source="PM 3.1, 3.6; survey L2, L3, L4, L10",
    fix="Describe meter, supply and interconnect in hw_notes.",
)
def system_level(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Power of the accelerators alone is not the power of the system."""
    _needs_power(package)
    raise NotChecked("readings do not show what the meter was connected to: see hw_notes")
    yield  # pragma: no cover


@rule(
    "PWR008",
    "No two power files are copies",
    Scope.PACKAGE,
    source="survey W24",
    fix="Measure each node in each run.",
)
def distinct(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """No meter reads the same sequence twice."""
    _needs_power(package)
    seen: dict[tuple[object, ...], str] = {}
    for run in package.runs:
        for name, values in _measured(run, ruleset).items():
            if len(values) < 5 or len(set(values)) == 1:
                continue
            if values in seen:
                yield self.finding(f"the readings are those of {seen[values]}", path=run.power[name].path)
            seen.setdefault(values, run.power[name].path)


@kept
def _measured(run: Run, ruleset: Ruleset) -> dict[str, tuple[float, ...]]:
    """The readings of each power file that are numbers."""
    return {
        name: tuple(e.value for e in _readings(log) if is_number(e.value)) for name, log in run.power.items()
    }
