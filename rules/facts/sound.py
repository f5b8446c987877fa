"""Tests over a whole log that run at C speed: a rule skips its loop where nothing can be wrong.

Each answers True only when every event is beyond doubt; False means "look closer", never "wrong".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from operator import attrgetter, itemgetter, le, lt
from typing import TYPE_CHECKING

from rules.model.log import Event, Log, Timeline
from rules.model.values import all_floats, all_ints, is_int
from rules.ruleset import Clock, KeyRule

if TYPE_CHECKING:
    from rules.facts.log_reading import Evaluation as Mark

_METADATA, _SITE = attrgetter("metadata"), itemgetter("file", "lineno")


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
    try:
        sites = set(map(_SITE, map(_METADATA, events)))
    except (KeyError, TypeError):  # one has none; a list cannot be put into a set
        return False
    # a site may stand for an equal one, line 1 for line True: such a line came through a logger all the same
    return all(type(file) is str and type(line) is int and is_int(line) for file, line in sites)


def counted(log: Log, key: str, name: str) -> bool:
    """Whether each event of a key has a whole number from 1 in its metadata."""

    def test() -> bool:
        found = log.told(key, name)
        return not found or (all_ints(found) and min(found) >= 1)

    return log.once(("counted", key, name), test)


def one_namespace(log: Log) -> bool:
    """Whether each event is in the namespace without a name."""

    def test() -> bool:
        return set(map(type, names := [e.namespace for e in log.events])) <= {str} and not any(names)

    return log.once("one_namespace", test)


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
    if not one_namespace(log):
        return False
    for key in log.by_key:
        name, _, kind = key.rpartition("_")
        if kind not in ("start", "stop") or not name:
            continue
        if not alternate(log, name):
            return False
    return True


def alternate(log: Log, name: str) -> bool:
    """Whether each start of an interval is followed by one stop before the next start."""

    def test() -> bool:
        first, second = log.numbers(f"{name}_start"), log.numbers(f"{name}_stop")
        before, after = all(map(lt, first, second)), all(map(lt, second, islice(first, 1, None)))
        return len(first) == len(second) and before and after

    return log.once(("alternate", name), test)


def inside(log: Log, name: str, found: list[Mark]) -> bool:
    """Whether each evaluation lies in one interval of its own, and both ends of that name its epoch."""
    start, stop = f"{name}_start", f"{name}_stop"
    if not found or not alternate(log, name):
        return False
    epochs, lines = [f.epoch for f in found], [f.event.line for f in found]
    named = all(
        counted(log, key, "epoch_num") and log.told(key, "epoch_num") == epochs for key in (start, stop)
    )
    first, last = log.numbers(start), log.numbers(stop)
    return (
        named
        and len(first) == len(found)
        and all(map(lt, first, lines))
        and all(map(lt, lines, last))
        and all(map(lt, lines, islice(lines, 1, None)))
    )


def unpaused(log: Log, edges: list[Event], longest_s: float) -> bool:
    """Whether no two neighbours of `edges`, taken in pairs, are further apart than that."""
    if not ascending(log):
        return False
    gaps = [b.time_ms - a.time_ms for a, b in zip(edges[::2], edges[1::2], strict=False)]
    return max(gaps) / 1000 <= longest_s
