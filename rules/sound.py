"""Tests over a whole log that run at C speed: a rule skips its loop where nothing can be wrong.

Each answers True only when every event is beyond doubt; False means "look closer", never "wrong".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from math import isfinite
from operator import le, lt
from typing import Any

from rules.model import Event, Log, Timeline
from rules.ruleset import Clock, KeyRule
from rules.values import is_int


def stamps(log: Log, earliest_ms: float, latest_ms: float) -> bool:
    """Whether each event has a whole number of milliseconds in that range as its time."""
    times = log.times_ms
    return _integers(times) and bool(times) and earliest_ms <= min(times) and max(times) <= latest_ms


def ascending(log: Log) -> bool:
    """Whether each event has a time, and none is older than the one before it."""

    def test() -> bool:
        times = log.times_ms
        return stamps(log, 0, 2**53 - 1) and all(map(le, times, islice(times, 1, None)))

    return log.once("ascending", test)


def between(log: Log, keys: Iterable[str], start: Event | None, stop: Event | None) -> bool:
    """Whether all events of these keys stand between two lines, and so in a log whose times ascend."""
    if start is None or stop is None or not ascending(log):
        return False
    found = [events for key in keys if (events := log.all(key))]
    return all(start.line < events[0].line and events[-1].line < stop.line for events in found)


def punctual(log: Log, timeline: Timeline, clock: Clock) -> bool:
    """Whether each line arrived when it says it was written: no event before the one above it, an arrival
    for each line, and none earlier or later than allowed."""
    if not timeline.numbered or not ascending(log) or log.events[-1].line > len(timeline):
        return False
    arrived_s = timeline.columns.wall_s
    if len(arrived_s) == len(log.events):  # so each line is an event
        late_s = [at - t / 1000 for at, t in zip(arrived_s, log.times_ms, strict=True)]
    else:
        late_s = [arrived_s[e.line - 1] - e.time_ms / 1000 for e in log.events]
    return -clock.arrival_early_s <= min(late_s) and max(late_s) <= clock.arrival_late_s


def call_sites(events: list[Event]) -> bool:
    """Whether each event has a file name and a line number."""
    files = {type(e.metadata.get("file")) for e in events}
    return files <= {str} and _integers([e.metadata.get("lineno") for e in events])


def counted(events: list[Event], name: str) -> bool:
    """Whether each event has a whole number from 1 in its metadata."""
    found: list[Any] = [e.metadata.get(name) for e in events]
    return not found or (_integers(found) and min(found) >= 1)


def values(events: list[Event], rule: KeyRule) -> bool:
    """Whether each value is null where null is asked for, or a finite float within the bounds."""
    found = [e.value for e in events]
    kinds = set(map(type, found))
    if rule.type == "nothing":
        return kinds <= {type(None)}
    if rule.type != "number" or kinds != {float} or rule.values is not None or not all(map(isfinite, found)):
        return False
    low, high = min(found), max(found)
    above = (rule.minimum is None or low >= rule.minimum) and (rule.above is None or low > rule.above)
    return (
        above and (rule.maximum is None or high <= rule.maximum) and (rule.below is None or high < rule.below)
    )


def paired(log: Log) -> bool:
    """Whether the starts and stops of each interval take turns, in one namespace."""
    for key in log.by_key:
        name, _, kind = key.rpartition("_")
        if kind not in ("start", "stop") or not name:
            continue
        starts, stops = log.all(f"{name}_start"), log.all(f"{name}_stop")
        if any(e.namespace != "" for e in starts) or any(e.namespace != "" for e in stops):
            return False
        if not alternate(starts, stops):
            return False
    return True


def alternate(starts: list[Event], stops: list[Event]) -> bool:
    """Whether each start is followed by one stop before the next start."""
    first, second = [e.line for e in starts], [e.line for e in stops]
    before, after = all(map(lt, first, second)), all(map(lt, second, islice(first, 1, None)))
    return len(first) == len(second) and before and after


def _integers(values: list[Any]) -> bool:
    """Whether is_int would say so of each."""
    if not values or set(map(type, values)) != {int}:
        return not values
    return is_int(min(values)) and is_int(max(values))
