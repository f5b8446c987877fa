"""Energy between two moments, from energy counters and from power readings. Not measured is None.

The one place where joules come from: report, checker and scores all ask `energies`. Every number
keeps its source and scope: what the GPUs and the CPU package drew is not what the node drew, and
nothing here adds scopes together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from harness.telemetry.reader.reader import Series
from harness.telemetry.sources.base import Kind
from rules.model.evidence import MeasuredEnergy

COUNTER, RIGHT_RECTANGLE, TRAPEZOID = "counter", "right_rectangle", "trapezoid"
METHODS = (COUNTER, RIGHT_RECTANGLE, TRAPEZOID)  # the first that gives a number is the one to quote
MAX_GAP_S = 2.0  # a longer hole in power readings is not bridged: a run's phases change faster
MIN_COVERED = 0.5  # of a window: from less, its energy would be a guess
DISAGREEMENT = 0.05  # of the quoted energy
STUCK_READINGS = 50  # so many equal to the last digit, and the meter is not measuring
MAX_GAPS = 100  # listed
Readings = tuple[np.ndarray, np.ndarray]  # times in s, values
NO_DRAW = ("limit", "average")  # in a name: not what is drawn now, or the same again, smoothed


@dataclass(frozen=True)
class Energy:
    """Energy of one scope by one method within a window; `joule` None with the reason in `note`.

    gaps: (from, to) in s on the clock of the readings, wherever none came for more than MAX_GAP_S,
    the window's edges included. difference: relative to the quoted method of the same scope.
    """

    source: str
    scope: str
    name: str
    method: str  # one of METHODS
    joule: float | None
    longest_gap_s: float | None
    note: str = ""
    gaps: tuple[tuple[float, float], ...] = ()
    difference: float | None = None
    stuck: bool = False

    @property
    def disagrees(self) -> bool:
        """Whether two ways to the same energy are more than 5 % apart: one of them is wrong."""
        return self.difference is not None and abs(self.difference) > DISAGREEMENT


def measure(
    time_s: np.ndarray,
    values: np.ndarray,
    kind: str,
    start_s: float,
    stop_s: float,
    power: Readings | None = None,
) -> tuple[float | None, float | None, str]:
    """(joule within [start_s, stop_s], longest gap in s, why there is none).

    time_s, values: [n], ascending times in s; power in W or, of kind "counter", cumulative J.
    Counter: E(stop) - E(start); between two readings it runs on with `power`, readings of the same
    scope in W, else evenly. A counter that is read seldom would misplace a step of load otherwise.
    Right rectangle: sum of P_k x (t_k - t_(k-1)), the sum of MLPerf's power measurement rules,
    section 4, cut at the window. Any other kind: trapezoid rule, sum of
    (P_k + P_(k-1)) / 2 x (t_k - t_(k-1)), interpolated at the edges. Readings must begin before
    `start_s` and end after `stop_s`, or miss the edge by no more than MAX_GAP_S, which then counts
    as drawn at the nearest power (counter: at the mean one), and they must span half of the window:
    of a run of a second, its first tenth says nothing. Holes inside longer than MAX_GAP_S
    make power readings useless, and leave a counter exact.
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
    if missing > MAX_GAP_S:
        return None, gap, f"the readings miss {missing:.1f} s at an edge of the window"
    covered = edges[-1] - edges[0]
    if covered < MIN_COVERED * (stop_s - start_s):
        return (
            None,
            gap,
            f"the readings span {max(covered, 0.0):.1f} s of the window's {stop_s - start_s:.1f} s",
        )
    if kind == COUNTER:
        if np.any(np.diff(kept) < 0):
            return None, gap, "the counter went back (driver reloaded?)"
        low, high = (_counter_at(edge, times, kept, power) for edge in (edges[0], edges[-1]))
        return float((high - low) * (stop_s - start_s) / covered), gap, ""
    if gap > MAX_GAP_S:
        return None, gap, f"a hole of {gap:.1f} s in the power readings"
    grid = np.concatenate(([start_s], inside, [stop_s]))
    if kind == RIGHT_RECTANGLE:
        next_reading = np.minimum(np.searchsorted(times, grid[1:]), times.size - 1)
        return float(np.sum(kept[next_reading] * np.diff(grid))), gap, ""
    drawn_w = np.interp(grid, times, kept)
    return float(np.sum((drawn_w[1:] + drawn_w[:-1]) / 2 * np.diff(grid))), gap, ""


def _counter_at(at_s: float, times: np.ndarray, counted_j: np.ndarray, power: Readings | None) -> float:
    """What a counter showed at a moment between its readings: it moved in proportion to the power."""
    after = int(np.searchsorted(times, at_s))
    if power is not None and 0 < after < times.size:
        before_s, after_s = float(times[after - 1]), float(times[after])
        times_s, power_w = power
        known = np.any((times_s > before_s) & (times_s < after_s) & np.isfinite(power_w))
        part, whole = (measure(times_s, power_w, TRAPEZOID, before_s, end_s)[0] for end_s in (at_s, after_s))
        if known and part is not None and whole is not None and whole > 0:
            step_j = counted_j[after] - counted_j[after - 1]
            return float(counted_j[after - 1] + step_j * min(max(part / whole, 0.0), 1.0))
    return float(np.interp(at_s, times, counted_j))


def gaps(time_s: np.ndarray, values: np.ndarray, start_s: float, stop_s: float) -> list[tuple[float, float]]:
    """Where within [start_s, stop_s] no reading came for longer than MAX_GAP_S, edges included."""
    known = np.isfinite(time_s) & np.isfinite(values) & (time_s >= start_s) & (time_s <= stop_s)
    edges = np.concatenate(([start_s], time_s[known], [stop_s]))
    return [(float(edges[i]), float(edges[i + 1])) for i in np.flatnonzero(np.diff(edges) > MAX_GAP_S)]


def energies(series: Iterable[Series], start_wall_s: float, stop_wall_s: float) -> list[Energy]:
    """Energy of every scope with a power reading or an energy counter, one entry per method.

    Entries of one source and scope follow each other in the order of METHODS; the first with a number
    is the one to quote, and the others carry their difference to it.
    """
    series = list(series)
    drawn = {(one.source, one.scope): (one.wall_s, one.values) for one in reversed(series) if _is_draw(one)}
    scopes: dict[tuple[str, str], list[Energy]] = {}
    for one in series:
        counter = one.kind == Kind.COUNTER.value and one.unit == "J"
        if not counter and not _is_draw(one):
            continue
        for method in (COUNTER,) if counter else (RIGHT_RECTANGLE, TRAPEZOID):
            power = drawn.get((one.source, one.scope)) if counter else None
            found = _energy(one, method, start_wall_s, stop_wall_s, power)
            scopes.setdefault((one.source, one.scope), []).append(found)
    return [entry for found in scopes.values() for entry in _compared(found)]


def quoted(found: Iterable[Energy]) -> list[Energy]:
    """The one number of each source and scope: by the first method that gives one, else the first."""
    scopes: dict[tuple[str, str], list[Energy]] = {}
    for one in found:
        scopes.setdefault((one.source, one.scope), []).append(one)
    ordered = [sorted(entries, key=lambda e: METHODS.index(e.method)) for entries in scopes.values()]
    return [next((e for e in entries if e.joule is not None), entries[0]) for entries in ordered]


def for_rules(found: Iterable[Energy]) -> list[MeasuredEnergy]:
    """The same as the checker's rules read it."""
    return [MeasuredEnergy(e.source, e.scope, e.method, e.joule, e.difference, e.stuck) for e in found]


def _is_draw(one: Series) -> bool:
    """Whether these are readings of the power drawn now."""
    return one.unit == "W" and not any(word in one.name for word in NO_DRAW)


def _energy(one: Series, method: str, start_s: float, stop_s: float, power: Readings | None) -> Energy:
    with np.errstate(all="ignore"):
        joule, gap, note = measure(one.wall_s, one.values, method, start_s, stop_s, power=power)
    if joule is not None and not np.isfinite(joule):
        joule, note = None, "the readings are not plausible numbers"
    holes = tuple(gaps(one.wall_s, one.values, start_s, stop_s)[:MAX_GAPS])
    stuck = joule is not None and _is_stuck(one, start_s, stop_s)
    if stuck:
        note = "all readings are equal to the last digit"
    return Energy(one.source, one.scope, one.name, method, joule, gap, note, holes, stuck=stuck)


def _is_stuck(one: Series, start_s: float, stop_s: float) -> bool:
    inside = (one.wall_s >= start_s) & (one.wall_s <= stop_s) & np.isfinite(one.values)
    values = one.values[inside]
    return values.size >= STUCK_READINGS and float(np.ptp(values)) == 0.0


def _compared(found: list[Energy]) -> list[Energy]:
    """The same in the order of METHODS, with differences to the quoted one and a remark where they are wide."""
    found = sorted(found, key=lambda e: METHODS.index(e.method))
    best = next((e for e in found if e.joule is not None), None)
    if best is None or best.joule is None:
        return found
    result = []
    for one in found:
        if one is not best and one.joule is not None:
            difference = _difference(one.joule, best.joule)
            one = replace(one, difference=difference)
            if one.disagrees:
                remark = f"{100 * difference:+.0f} % beside {best.method}: one of them is wrong"
                one = replace(one, note="; ".join(part for part in (one.note, remark) if part))
        result.append(one)
    return result


def _difference(joule: float, reference: float) -> float:
    """Relative; of a counter that stands still beside power, all of it."""
    if reference == 0:
        return 0.0 if joule == 0 else 1.0
    return joule / reference - 1.0
