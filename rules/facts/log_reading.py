"""Reading a run out of its log: the timed window, the epochs, the evaluations.

Where a log contradicts itself (two run_stop lines, say) the reading that is worse for the
submitter counts: first start, last stop. Rules of the group LOG report the contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import msgspec

from rules.model.log import Event, Log, Stated
from rules.model.values import is_int, is_number, whole
from rules.ruleset import Ruleset

T = TypeVar("T")
Reader = Callable[[Log, str], list[T]]
STATUSES = ("success", "aborted")  # values of the status in run_stop


def _once_per_log(read: Reader[T]) -> Reader[T]:
    """Many rules need the same readings: they are computed once, and the list must not be changed."""

    @wraps(read)
    def remembered(log: Log, name: str) -> list[T]:
        return log.once((read.__name__, name), lambda: read(log, name))

    return remembered


class Evaluation(msgspec.Struct, gc=False):  # as Event
    """One evaluation inside the timed run."""

    epoch: int | None
    value: float | None  # None: not a finite number
    event: Event


class Interval(msgspec.Struct, gc=False):
    """One X_start..X_stop pair of an epoch."""

    epoch: int | None
    start: Event
    stop: Event


def time_ms(event: Event | None) -> int | None:
    """The event's time, when it is one that a clock can show."""
    if event is None:
        return None
    at = event.time_ms
    return at if type(at) is int and 0 <= at < 2**53 else None


def times_ms(log: Log) -> list[int | None]:
    """`time_ms` of each event of the log, in line order."""
    return log.once("times_ms", lambda: [time_ms(e) for e in log.events])


def epoch_num(event: Event) -> int | None:
    """The epoch that the metadata of an event name; None when that is not an integer."""
    value = event.metadata.get("epoch_num")
    return value if is_int(value) else None


def run_start(log: Log) -> Event | None:
    """The line that starts the clock of the score."""
    return log.first("run_start")


def run_stop(log: Log) -> Event | None:
    """The line that stops the clock of the score."""
    return log.last("run_stop")


def time_to_train_s(log: Log) -> float | None:
    """run_stop - run_start in seconds (sources C1); None when either is missing or it is not positive."""
    start, stop = time_ms(run_start(log)), time_ms(run_stop(log))
    if start is None or stop is None or stop <= start:
        return None
    return (stop - start) / 1000


@_once_per_log
def evaluations(log: Log, key: str) -> list[Evaluation]:
    """Evaluations between run_start and run_stop, in line order: others do not count (sources W13)."""
    start, stop = run_start(log), run_stop(log)
    first = start.line if start is not None else 0
    last = stop.line if stop is not None else float("inf")
    return [
        Evaluation(epoch_num(event), float(event.value) if is_number(event.value) else None, event)
        for event in log.all(key)
        if first <= event.line <= last
    ]


@_once_per_log
def intervals(log: Log, name: str) -> list[Interval]:
    """Pairs of name_start and name_stop in the order of their ends; unpaired ones are left out.

    A stop ends the open interval of its epoch, else the one opened last: epochs may overlap where
    evaluation goes on beside training.
    """
    pairs: list[Interval] = []
    opened: list[Event] = []
    start_key = f"{name}_start"
    for event in sorted(log.all(start_key) + log.all(f"{name}_stop"), key=lambda e: e.line):
        if event.key == start_key:
            opened = [*opened[-7:], event]
        elif opened:
            epoch = epoch_num(event)
            start = opened[-1]
            if len(opened) > 1:
                start = next((s for s in reversed(opened) if epoch_num(s) == epoch), start)
            opened.remove(start)
            pairs.append(Interval(epoch_num(start), start, event))
    return pairs


@_once_per_log
def durations(log: Log, name: str) -> list[tuple[Interval, int | None]]:
    """Each interval with the milliseconds it took; None where one of its lines has no time."""
    ends = [(span, time_ms(span.start), time_ms(span.stop)) for span in intervals(log, name)]
    return [(span, None if a is None or b is None else b - a) for span, a, b in ends]


def status(log: Log) -> str | None:
    """The status in run_stop: success, aborted, or None when it is neither."""
    stop = run_stop(log)
    value = stop.metadata.get("status") if stop else None
    return value if value in STATUSES else None


def reached_target(log: Log, ruleset: Ruleset) -> bool:
    """Whether the last evaluation of the run meets the target (sources F1, F4)."""
    found = evaluations(log, ruleset.quality.key)
    return bool(found) and ruleset.quality.met(found[-1].value)


def converged(log: Log, ruleset: Ruleset) -> bool:
    """A run that counts: target met at its last evaluation, and ended as a success."""
    return reached_target(log, ruleset) and status(log) == "success"


def stated(settings: Mapping[str, Stated], key: str) -> Stated | None:
    """A setting, or None where it is not stated."""
    return settings.get(key)


def number(settings: Mapping[str, Stated], key: str) -> float | None:
    """A setting that is a finite number; None where it is not."""
    found = stated(settings, key)
    return found.value if found is not None and is_number(found.value) else None


def integer(settings: Mapping[str, Stated], key: str) -> int | None:
    """A setting that is a whole number; None where it is not."""
    found = stated(settings, key)
    return found.value if found is not None and is_int(found.value) else None


def instance_scale(settings: Mapping[str, Stated]) -> int | None:
    """Accelerators one run used, or nodes where there are none (sources N6)."""
    return _scale(integer(settings, "number_of_nodes"), integer(settings, "accelerators_per_node"))


def system_scale(fields: Mapping[str, Any]) -> int | None:
    """The same for a whole system, from its description."""
    return _scale(whole(fields.get("number_of_nodes")), whole(fields.get("accelerators_per_node")))


def _scale(nodes: int | None, accelerators: int | None) -> int | None:
    return None if nodes is None or accelerators is None else nodes * max(accelerators, 1)


def place(item: Stated | Event | None, path: str | None = None) -> dict[str, Any]:
    """Where a finding points: keyword arguments for Rule.finding."""
    if isinstance(item, Stated):
        return {"path": item.path, "line": item.line}
    if isinstance(item, Event):
        return {"path": path, "line": item.line}
    return {"path": path}
