"""Energy of a run from its power files (power/result_<i>/node_<j>.txt and sw_<k>.txt), by two formulas.

- The wording of the rules (PM 4; sources L11): sum over the readings of P_k x (t_k - t_(k-1)), here clipped
  to run_start..run_stop. This is the number that is reported.
- What mlperf_logging's result_summarizer computes (sources L12, W25): the mean over the whole measurement,
  padding included, times time-to-train. It is shown beside the first: a difference means that the meter
  measured something other than the run.

Both are multiplied by conversion_eff, which turns power drawn from the socket (AC) into power delivered
(DC). A switch counts with its estimate times time-to-train in both. Nothing here raises for what a file
holds: a number that the file does not support is None, and `note` says why.
"""

from __future__ import annotations

from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.model.log import Event, Log
from rules.model.run import Run
from rules.model.run_facts import FileEnergy, RunEnergy
from rules.model.values import is_number

READING, ESTIMATE, EFFICIENCY = "power_reading", "interconnect_power_est", "conversion_eff"
START, STOP = "power_measurement_start", "power_measurement_stop"


def run_energy(run: Run) -> RunEnergy | None:
    """None when the run has no power files."""
    if not run.power:
        return None
    start_ms, stop_ms = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    files = []
    for name, log in sorted(run.power.items()):
        if name.startswith("node"):
            files.append(node_energy(log, start_ms, stop_ms))
        elif name.startswith("sw"):
            files.append(switch_energy(log, start_ms, stop_ms))
    return RunEnergy(run.index, files)


# ---------------------------------------------------------------- one file


def node_energy(log: Log, start_ms: int | None, stop_ms: int | None) -> FileEnergy:
    """Energy of a node within [start_ms, stop_ms], in Unix milliseconds as in the logs."""
    factor, source = efficiency(log), _source(log)
    if start_ms is None or stop_ms is None or stop_ms <= start_ms:
        return FileEnergy(log.path, True, None, None, source=source, note="the run has no length")
    upstream = window_mean_j(log, stop_ms - start_ms)
    try:
        edges, powers = steps(log)
    except ValueError as error:
        return FileEnergy(log.path, True, None, upstream, source=source, note=str(error))
    inside = sum(1 for t in edges[1:] if start_ms <= t <= stop_ms)
    gap = max(
        (b - a for a, b in zip(edges, edges[1:], strict=False) if b > start_ms and a < stop_ms), default=None
    )
    missing_ms = max(edges[0] - start_ms, stop_ms - edges[-1])
    joule, note = None, ""
    if missing_ms > 0:
        note = f"the readings miss {missing_ms / 1000:.1f} s of the run"
    else:
        joule = clipped_j(edges, powers, start_ms, stop_ms) * factor
    return FileEnergy(
        log.path,
        True,
        joule,
        upstream,
        inside,
        None if gap is None else gap / 1000,
        factor,
        source,
        note,
    )


def steps(log: Log) -> tuple[list[int], list[float]]:
    """(n + 1 edges in ms, n powers in W): powers[k] was drawn from edges[k] to edges[k + 1].

    The first step begins with the measurement. Raises ValueError in one line when the file does not hold
    exactly one measurement in order.
    """
    starts, readings = log.all(START), log.all(READING)
    begin = time_ms(starts[0]) if len(starts) == 1 else None
    if begin is None:
        raise ValueError(f"{len(starts)} {START}")
    edges, powers = [begin], []
    for event in readings:
        at = time_ms(event)
        if at is None or not is_number(event.value):
            raise ValueError(f"line {event.line} is not a power reading")
        if at < edges[-1]:
            raise ValueError(f"line {event.line} goes back in time")
        edges.append(at)
        powers.append(float(event.value))
    if not powers:
        raise ValueError("there are no readings")
    return edges, powers


def clipped_j(edges: list[int], powers: list[float], start_ms: int, stop_ms: int) -> float:
    """Sum of P_k x (t_k - t_(k-1)) over the part of each step within [start_ms, stop_ms], in joules."""
    total = 0.0
    for before, after, power in zip(edges, edges[1:], powers, strict=False):
        total += power * max(min(after, stop_ms) - max(before, start_ms), 0)
    return total / 1000


def window_mean_j(log: Log, time_to_train_ms: int) -> float | None:
    """As result_summarizer._compute_power_node: None where that divides by zero or fails."""
    total, begin, end, last, previous = 0.0, None, None, 0, 0
    for event in _by_time(log):
        at = time_ms(event) or 0
        if event.key == START:
            begin = previous = at
        elif event.key == READING and begin is not None and end is None:
            if not is_number(event.value):
                return None
            total += event.value * (at - previous)
            previous = last = at
        elif event.key == STOP:
            end = at
    end = last if end is None else end
    if begin is None or end == begin:
        return None
    return efficiency(log) * total * time_to_train_ms / (end - begin) / 1000


def switch_energy(log: Log, start_ms: int | None, stop_ms: int | None) -> FileEnergy:
    """The first estimate times time-to-train, as result_summarizer._compute_power_sw."""
    if start_ms is None or stop_ms is None or stop_ms <= start_ms:
        return FileEnergy(log.path, False, None, None, note="the run has no length")
    estimate = log.first(ESTIMATE)
    if estimate is None or not is_number(estimate.value):
        return FileEnergy(log.path, False, None, None, note=f"there is no {ESTIMATE}")
    before = [e for e in log.all(EFFICIENCY) if e.line < estimate.line and is_number(e.value)]
    factor = float(before[-1].value) if before else 1.0
    joule = factor * estimate.value * (stop_ms - start_ms) / 1000
    return FileEnergy(log.path, False, joule, joule, efficiency=factor)


def efficiency(log: Log) -> float:
    """conversion_eff of a node file: the last one counts, 1 when there is none, as upstream reads it."""
    known = [e.value for e in _by_time(log) if e.key == EFFICIENCY and is_number(e.value)]
    return float(known[-1]) if known else 1.0


def mean_w(log: Log, start_ms: int, stop_ms: int) -> float | None:
    """Mean power of a node file within the run, before conversion_eff; None when it does not cover it."""
    try:
        edges, powers = steps(log)
    except ValueError:
        return None
    if edges[0] > start_ms or edges[-1] < stop_ms or stop_ms <= start_ms:
        return None
    return clipped_j(edges, powers, start_ms, stop_ms) / (stop_ms - start_ms) * 1000


def _by_time(log: Log) -> list[Event]:
    """Events in the order of their times; equal times stay in line order."""
    return sorted(log.events, key=lambda e: time_ms(e) or 0)


def _source(log: Log) -> str | None:
    start = log.first(START)
    value = start.metadata.get("source") if start and isinstance(start.metadata, dict) else None
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 40 else None
