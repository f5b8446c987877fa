"""Learning curve and phases of one run, for people to look at. Odd values are left out, never guessed."""

from __future__ import annotations

from typing import Any

from rules.facts.log_reading import epoch_num
from rules.facts.run_clock import RunClock
from rules.model.log import Event
from rules.model.run_facts import CurvePoint, PhaseKind, PhaseSpan
from rules.model.values import is_number

MAX_EPOCHS = 2000  # a longer log is checked in full, but shown in part
_INTERVALS: tuple[tuple[PhaseKind, str, str], ...] = (
    ("init", "init_start", "init_stop"),
    ("train", "epoch_start", "epoch_stop"),
    ("evaluate", "eval_start", "eval_stop"),
    ("inference", "inference_start", "inference_stop"),
)


def learning_curve(clock: RunClock, quality: str) -> tuple[CurvePoint, ...]:
    """One point per epoch that has an evaluation or training statistics, in order of epoch.

    `quality` is the key of the benchmark's quality measure, which CurvePoint calls eval_accuracy.
    """
    log = clock.log
    found: dict[int, dict[str, float]] = {}

    def put(event: Event, **values: Any) -> None:
        epoch = epoch_num(event)
        if epoch is None or epoch < 0 or (epoch not in found and len(found) >= MAX_EPOCHS):
            return
        for name, value in values.items():
            if is_number(value):
                found.setdefault(epoch, {}).setdefault(name, float(value))

    for event in log.all(quality):
        put(event, eval_accuracy=event.value, at_s=clock.since_start_s(event))
    for event in log.all("eval_loss"):
        put(event, eval_loss=event.value)
    for event in log.all("tracked_stats"):
        stats = event.value if isinstance(event.value, dict) else {}
        rate = stats.get("throughput")
        put(
            event,
            train_loss=stats.get("train_loss"),
            train_accuracy=stats.get("train_accuracy"),
            patches_per_s=rate,
        )
    return tuple(CurvePoint(epoch, **values) for epoch, values in sorted(found.items()))


def phase_spans(clock: RunClock) -> tuple[PhaseSpan, ...]:
    """Closed intervals of the log, in seconds since run_start, in order of their start."""
    log = clock.log
    result: list[PhaseSpan] = []
    for kind, start_key, stop_key in _INTERVALS:
        stops = iter(log.all(stop_key))
        stop = next(stops, None)
        for start in log.all(start_key)[:MAX_EPOCHS]:
            while stop is not None and stop.line < start.line:
                stop = next(stops, None)
            begin, end = clock.since_start_s(start), clock.since_start_s(stop)
            if begin is not None and end is not None and end >= begin:
                result.append(PhaseSpan(kind, begin, end))
    return tuple(sorted(result, key=lambda phase: (phase.start_s, phase.kind)))
