"""Energy between two moments, from energy counters or from power readings. Not measured is None.

Every number keeps its source and scope: what the GPUs and the CPU package drew is not what the node
drew, and nothing here adds scopes together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.telemetry.reader import Series
from harness.telemetry.source import Kind

MAX_GAP_S = 2.0  # a longer hole in power readings is not bridged: a run's phases change faster


@dataclass(frozen=True)
class Energy:
    """Energy of one scope by one method; `joule` None with the reason in `note`."""

    source: str
    scope: str
    name: str
    method: str  # "counter" or "trapezoid"
    joule: float | None
    longest_gap_s: float | None
    note: str = ""


def energy_j(
    time_s: np.ndarray,
    values: np.ndarray,
    kind: str,
    start_s: float,
    stop_s: float,
    max_gap_s: float = MAX_GAP_S,
) -> float | None:
    """Joule within [start_s, stop_s]; see `measure`. None when the readings do not support a number."""
    return measure(time_s, values, kind, start_s, stop_s, max_gap_s)[0]


def measure(
    time_s: np.ndarray,
    values: np.ndarray,
    kind: str,
    start_s: float,
    stop_s: float,
    max_gap_s: float = MAX_GAP_S,
) -> tuple[float | None, float | None, str]:
    """(joule, longest gap in s, why there is none).

    time_s, values: [n], ascending times in s; power in W (kind gauge or rate) or cumulative J (kind
    counter). Counter: E(stop) - E(start). Power: trapezoid rule, sum of (P_k + P_(k-1)) / 2 x
    (t_k - t_(k-1)). Both are interpolated at the edges and never extrapolated: readings must begin
    before `start_s` and end after `stop_s`, or miss the edge by no more than `max_gap_s`, which
    then counts as drawn at the nearest power (counter: at the mean one). Holes inside longer than
    `max_gap_s` make power readings useless, and leave a counter exact.
    """
    known = np.isfinite(time_s) & np.isfinite(values)
    times, kept = time_s[known], values[known]
    if stop_s <= start_s:
        return None, None, "the window is empty"
    if times.size < 2:
        return None, None, f"{times.size} of at least 2 readings"
    inside = times[(times > start_s) & (times < stop_s)]
    edges = [max(start_s, times[0]), *inside, min(stop_s, times[-1])]
    missing = max(times[0] - start_s, stop_s - times[-1], 0.0)
    gap = float(max(np.diff(edges).max(initial=0.0), missing))
    if missing > max_gap_s:
        return None, gap, f"the readings miss {missing:.1f} s at an edge of the window"
    if kind == Kind.COUNTER.value:
        if np.any(np.diff(kept) < 0):
            return None, gap, "the counter went back (driver reloaded?)"
        low, high = np.interp([edges[0], edges[-1]], times, kept)
        covered = edges[-1] - edges[0]
        if covered <= 0:
            return None, gap, "no reading inside the window"
        return float((high - low) * (stop_s - start_s) / covered), gap, ""
    if gap > max_gap_s:
        return None, gap, f"a hole of {gap:.1f} s in the power readings"
    grid = np.concatenate(([start_s], inside, [stop_s]))
    power = np.interp(grid, times, kept)
    return float(np.sum((power[1:] + power[:-1]) / 2 * np.diff(grid))), gap, ""


def energies(series: list[Series], start_wall_s: float, stop_wall_s: float) -> list[Energy]:
    """Energy of every scope with a power reading or an energy counter, one entry per method."""
    found = []
    for one in series:
        counter = one.kind == Kind.COUNTER.value and one.unit == "J"
        if not counter and one.unit != "W":
            continue
        joule, gap, note = measure(one.wall_s, one.values, one.kind, start_wall_s, stop_wall_s)
        method = "counter" if counter else "trapezoid"
        found.append(Energy(one.source, one.scope, one.name, method, joule, gap, note))
    return found
