"""A telemetry file in few numbers: the summary that rules read, the points that charts draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.telemetry.reader.energy import energies, for_rules
from harness.telemetry.reader.reader import Series, TelemetryFile, read
from harness.telemetry.recorder.file import ENDED, PACED
from harness.telemetry.sources.base import Kind
from rules.model.evidence import Quantity, Telemetry

MAX_REMARKS = 100
MAX_NAME = 60


def summarise(
    path: Path,
    start_wall_s: float | None = None,
    stop_wall_s: float | None = None,
    init_wall_s: float | None = None,
) -> Telemetry:
    """Summary of a file within [start_wall_s, stop_wall_s] (the whole file without them).

    `init_wall_s`: when initialisation began; its readings, up to start_wall_s, are summarised as `before`.

    `start_wall_s` and `stop_wall_s` of the result are the first and last sample in the file, so that
    a rule can see whether it covers the run. Rate and gap are those of the source read most often;
    the gap counts from the window's start and to its end, so a sampler that died early shows.
    Raises ValueError.
    """
    return summary(read(path), start_wall_s, stop_wall_s, init_wall_s)


def summary(
    file: TelemetryFile,
    start_wall_s: float | None,
    stop_wall_s: float | None,
    init_wall_s: float | None = None,
) -> Telemetry:
    """As summarise, of a file already read."""
    every = [t for t in file.times.values() if t.size]
    if not every:
        raise ValueError(f"{file.path} holds no samples")
    first, last = min(float(t[0]) for t in every), max(float(t[-1]) for t in every)
    start = first if start_wall_s is None else start_wall_s
    stop = last if stop_wall_s is None else stop_wall_s
    inside = [t[(t >= start) & (t <= stop)] for t in every]
    densest = max(inside, key=lambda t: t.size)
    return Telemetry(
        path=file.path,
        node=file.node,
        start_wall_s=first,
        stop_wall_s=last,
        interval_s=file.interval_s,
        achieved_hz=achieved_hz(densest),
        longest_gap_s=longest_gap_s(densest, start, stop),
        quantities=[_quantity(s, start, stop) for s in file.series],
        energies=for_rules(energies(file.series, start, stop)),
        remarks=remarks(file, start, stop),
        readings=int(densest.size),
        paced=any(e.message.startswith(PACED) for e in file.events),
        before=[]
        if init_wall_s is None or start_wall_s is None
        else [_quantity(s, init_wall_s, start_wall_s) for s in file.series],
        unavailable=[str(one.get("source", ""))[:MAX_NAME] for one in file.unavailable],
        pace=file.pace,
        host=file.host,
        wall_ahead_s=file.anchor_wall_s - file.anchor_monotonic_s,
    )


def remarks(file: TelemetryFile, start_wall_s: float, stop_wall_s: float) -> list[str]:
    """What the sampler noted within the window: lost devices, readings that failed, foreign processes."""
    inside = (e.message for e in file.events if start_wall_s <= e.wall_s <= stop_wall_s)
    return [message for message in inside if not message.startswith((ENDED, PACED))][:MAX_REMARKS]


def achieved_hz(times: np.ndarray) -> float | None:
    """Readings per second between the first and the last; None for fewer than two."""
    if times.size < 2 or times[-1] <= times[0]:
        return None
    return float((times.size - 1) / (times[-1] - times[0]))


def longest_gap_s(times: np.ndarray, start: float, stop: float) -> float | None:
    """Longest time without a reading within [start, stop], its edges included."""
    if stop < start:
        return None
    return float(np.diff(np.concatenate(([start], times, [stop]))).max())


def _quantity(one: Series, start: float, stop: float) -> Quantity:
    """A counter is summarised as its mean growth per second: its level has no meaning."""
    known = (one.wall_s >= start) & (one.wall_s <= stop) & np.isfinite(one.values)
    values, times = one.values[known], one.wall_s[known]
    mean = low = high = None
    unit = one.unit
    if one.kind == Kind.COUNTER.value:
        unit = "W" if one.unit == "J" else f"{one.unit}/s"
        if values.size >= 2 and times[-1] > times[0] and not np.any(np.diff(values) < 0):
            mean = float((values[-1] - values[0]) / (times[-1] - times[0]))
    elif values.size:
        mean, low, high = float(values.mean()), float(values.min()), float(values.max())
    return Quantity(one.source, one.name, unit, one.scope, int(values.size), mean, low, high)


def downsample(wall_s: np.ndarray, values: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` (time, mean) pairs over equal time slots; slots without a reading stay out,
    so that a gap is not bridged by invented values."""
    known = np.isfinite(values)
    times, kept = wall_s[known], values[known]
    if times.size <= points:
        return times, kept
    span = times[-1] - times[0]
    slots = (
        np.minimum(((times - times[0]) / span * points).astype(int), points - 1) if span > 0 else times * 0
    )
    counts = np.bincount(slots.astype(int), minlength=points)
    used = counts > 0
    sums = np.bincount(slots.astype(int), kept, points)[used]
    mean_times = np.bincount(slots.astype(int), times - times[0], points)[used] / counts[used] + times[0]
    return mean_times, sums / counts[used]
