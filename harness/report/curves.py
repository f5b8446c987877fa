"""What a report reads from the log of a run; no other module of the report does.

Values of the wrong type are left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from harness.report.drawing.text import finite, whole
from harness.report.panels.runs.model import Epoch, Phase
from rules.model.log import Event, Log
from rules.model.run import Run

MAX_EPOCHS = 2000  # drawn; a longer log is checked in full but shown in part
PhaseKind = Literal["init", "train", "evaluate", "inference"]
_INTERVALS: tuple[tuple[PhaseKind, str, str], ...] = (
    ("init", "init_start", "init_stop"),
    ("train", "epoch_start", "epoch_stop"),
    ("evaluate", "eval_start", "eval_stop"),
    ("inference", "inference_start", "inference_stop"),
)


def logged(run: Run, key: str) -> Any:
    """The value that the log states for a key; None when it states none."""
    return run.log.value(key)


def logged_status(run: Run) -> Any:
    """The status of run_stop, as logged; None when there is none."""
    stop = run.log.first("run_stop")
    return stop.metadata.get("status") if stop and isinstance(stop.metadata, dict) else None


def clock(run: Run) -> tuple[float | None, float | None]:
    """time_ms of run_start, and the seconds from there to run_stop: the time that the score counts."""
    origin = _origin_ms(run.log)
    return origin, _seconds_since(origin)(run.log.first("run_stop"))


def _origin_ms(log: Log) -> float | None:
    event = log.first("run_start")
    return finite(event.time_ms) if event else None


def _seconds_since(origin: float | None) -> Callable[[Event | None], float | None]:
    """A function that gives an event's time in seconds since `origin` (ms)."""

    def since(event: Event | None) -> float | None:
        time = finite(event.time_ms) if event else None
        return None if time is None or origin is None else (time - origin) / 1000

    return since


def _epoch_of(event: Event) -> int | None:
    number = whole(event.metadata.get("epoch_num")) if isinstance(event.metadata, dict) else None
    return number if number is not None and number >= 0 else None


def curve(run: Run) -> list[Epoch]:
    """One entry per epoch that has an evaluation or training statistics, in order of epoch."""
    log = run.log
    since = _seconds_since(_origin_ms(log))
    found: dict[int, dict[str, float | None]] = {}

    def put(event: Event, name: str, value: float | None) -> None:
        epoch = _epoch_of(event)
        if epoch is not None and value is not None and (epoch in found or len(found) < MAX_EPOCHS):
            found.setdefault(epoch, {}).setdefault(name, value)

    for event in log.all("eval_accuracy"):
        put(event, "eval_accuracy", finite(event.value))
        put(event, "at_s", since(event))
    for event in log.all("eval_loss"):
        put(event, "eval_loss", finite(event.value))
    for event in log.all("tracked_stats"):
        stats = event.value if isinstance(event.value, dict) else {}
        put(event, "train_loss", finite(stats.get("train_loss")))
        put(event, "train_accuracy", finite(stats.get("train_accuracy")))
        put(event, "patches_per_s", finite(stats.get("throughput")))
    return [
        Epoch(
            epoch=number,
            at_s=values.get("at_s"),
            train_loss=values.get("train_loss"),
            train_accuracy=values.get("train_accuracy"),
            patches_per_s=values.get("patches_per_s"),
            eval_loss=values.get("eval_loss"),
            eval_accuracy=values.get("eval_accuracy"),
        )
        for number, values in sorted(found.items())
    ]


def phases(run: Run) -> list[Phase]:
    """Closed intervals of the log, in seconds since run_start, in order of their start."""
    log = run.log
    since = _seconds_since(_origin_ms(log))
    result: list[Phase] = []
    for kind, start_key, stop_key in _INTERVALS:
        stops = iter(log.all(stop_key))
        stop = next(stops, None)
        for start in log.all(start_key)[:MAX_EPOCHS]:
            while stop is not None and stop.line < start.line:
                stop = next(stops, None)
            begin, end = since(start), since(stop)
            if begin is not None and end is not None and end >= begin:
                result.append(Phase(kind=kind, start_s=begin, stop_s=end))
    return sorted(result, key=lambda phase: (phase.start_s, phase.kind))
