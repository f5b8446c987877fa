"""Tests over a whole log that run at C speed: a rule skips its loop where nothing can be wrong.

Each answers True only when every event is beyond doubt; False means "look closer", never "wrong".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from operator import itemgetter, le, lt
from typing import TYPE_CHECKING, Any

from rules.model import Event, Log, Timeline
from rules.ruleset import Clock, KeyRule
from rules.values import all_floats, all_ints, is_int

if TYPE_CHECKING:
    from rules.reading import Evaluation as Mark
    from rules.reading import Interval as Span

_FILE, _LINE = itemgetter("file"), itemgetter("lineno")


def stamps(log: Log, earliest_ms: float, latest_ms: float) -> bool:
    """Whether each event has a whole number of milliseconds in that range as its time, in order of time."""
    return ascending(log) and earliest_ms <= log.times_ms[0] and log.times_ms[-1] <= latest_ms


def ascending(log: Log) -> bool:
    """Whether each event has a time, and none is older than the one before it."""

    def test() -> bool:
        times = log.times_ms
        ordered = all_ints(times) and all(map(le, times, islice(times, 1, None)))
        return ordered and times[0] >= 0 and times[-1] < 2**53

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
    metadata = [e.metadata for e in events]
    try:
        files, lines = set(map(type, map(_FILE, metadata))), list(map(_LINE, metadata))
    except KeyError:
        return False
    return files == {str} and all_ints(lines)


def counted(events: list[Event], name: str) -> bool:
    """Whether each event has a whole number from 1 in its metadata."""
    found: list[Any] = [e.metadata.get(name) for e in events]
    return not found or (all_ints(found) and min(found) >= 1)


def sampled(events: list[Event], per_epoch: int) -> bool:
    """Whether each samples_count is so many times the epoch_num beside it, and that a whole number."""
    metadata = [e.metadata for e in events]
    try:
        pairs = {(m.get("epoch_num"), m["samples_count"]) for m in metadata if "samples_count" in m}
    except TypeError:  # a list cannot be put into a set
        return False
    # a pair may stand for an equal one, (1, 2) for (True, 2): no finding follows from either then
    return all(type(epoch) is int and is_int(epoch) and n == epoch * per_epoch for epoch, n in pairs)


def values(events: list[Event], rule: KeyRule) -> bool:
    """Whether each value is null where null is asked for, or a finite float within the bounds."""
    found = [e.value for e in events]
    if rule.type == "nothing":
        return set(map(type, found)) <= {type(None)}
    if rule.values is not None:
        return False
    if rule.type == "mapping":
        return set(map(type, found)) == {dict} and all(found)
    if rule.type not in ("number", "number_or_null") or not all_floats(found):
        return False
    low, high = min(found), max(found)
    above = (rule.minimum is None or low >= rule.minimum) and (rule.above is None or low > rule.above)
    return (
        above and (rule.maximum is None or high <= rule.maximum) and (rule.below is None or high < rule.below)
    )


def paired(log: Log) -> bool:
    """Whether the starts and stops of each interval take turns, in one namespace."""
    for key, events in log.by_key.items():
        name, _, kind = key.rpartition("_")
        if kind not in ("start", "stop") or not name:
            continue
        if {type(e.namespace) for e in events} != {str} or {e.namespace for e in events} != {""}:
            return False
        if not alternate(log, name):
            return False
    return True


def alternate(log: Log, name: str) -> bool:
    """Whether each start of an interval is followed by one stop before the next start."""

    def test() -> bool:
        first = [e.line for e in log.all(f"{name}_start")]
        second = [e.line for e in log.all(f"{name}_stop")]
        before, after = all(map(lt, first, second)), all(map(lt, second, islice(first, 1, None)))
        return len(first) == len(second) and before and after

    return log.once(("alternate", name), test)


def inside(spans: list[Span], found: list[Mark]) -> bool:
    """Whether each evaluation lies in one interval of its own, and both ends of that name its epoch."""
    stops: list[Any] = [s.stop.metadata.get("epoch_num") for s in spans]
    if len(spans) != len(found) or not stops or not all_ints(stops):
        return False
    epochs = [f.epoch for f in found]
    lines = [f.event.line for f in found]
    return (
        epochs == stops
        and epochs == [s.epoch for s in spans]
        and all(map(lt, [s.start.line for s in spans], lines))
        and all(map(lt, lines, [s.stop.line for s in spans]))
        and all(map(lt, lines, islice(lines, 1, None)))
    )


def unpaused(log: Log, edges: list[Event], longest_s: float) -> bool:
    """Whether no two neighbours of `edges`, taken in pairs, are further apart than that."""
    if not ascending(log):
        return False
    gaps = [b.time_ms - a.time_ms for a, b in zip(edges[::2], edges[1::2], strict=False)]
    return max(gaps) / 1000 <= longest_s
