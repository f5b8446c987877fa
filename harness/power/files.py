"""MLPerf power files: power/result_<i>/node_<j>.txt and sw_<k>.txt, from readings of a whole node.

Keys and events are those of mlperf_logging's constants and power example (sources L1): conversion_eff,
power_measurement_start, power_reading (W), power_measurement_stop; interconnect_power_est for switches.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

from harness.core.mllog_lines import logger_to
from rules.facts.node_energy import EFFICIENCY, ESTIMATE, READING, START, STOP


@dataclass(frozen=True)
class Readings:
    """Power of one node over time. `times_ms`: Unix time on the node's clock, never descending."""

    source: str  # ipmi, redfish, hwmon, external meter
    times_ms: list[int]
    watts: list[float]
    details: dict[str, Any] = field(default_factory=dict)  # what else the file should say of the source


@dataclass(frozen=True)
class Supply:
    """At which side of the power supply was measured. AC readings times efficiency are DC (PM 3.2)."""

    measurement_type: str = "AC"
    efficiency: float = 1.0


def cut(readings: Readings, start_ms: int, stop_ms: int) -> Readings:
    """From the last reading before the run to the first after it: all of the run and little else (PM 3.5).

    Raises ValueError, in words, when the readings do not enclose the run.
    """
    times = readings.times_ms
    first = bisect.bisect_right(times, start_ms) - 1
    last = bisect.bisect_left(times, stop_ms)
    if not times:
        raise ValueError("there are no readings")
    if first < 0:
        raise ValueError(f"the first reading is {(times[0] - start_ms) / 1000:.1f} s after run_start")
    if last == len(times):
        raise ValueError(f"the last reading is {(stop_ms - times[-1]) / 1000:.1f} s before run_stop")
    kept = slice(first, last + 1)
    return Readings(readings.source, times[kept], readings.watts[kept], readings.details)


def node_text(readings: Readings, supply: Supply) -> str:
    """Contents of node_<j>.txt. The measurement begins with the first reading and ends with the last."""
    lines: list[str] = []
    log = logger_to(lines.append)
    begin, end = readings.times_ms[0], readings.times_ms[-1]
    kind = {"measurement_type": supply.measurement_type}
    log.event(EFFICIENCY, supply.efficiency, metadata=kind, time_ms=begin)
    log.start(START, metadata={"source": readings.source, **readings.details}, time_ms=begin)
    for at, power in zip(readings.times_ms, readings.watts, strict=True):
        log.event(READING, power, time_ms=at)
    log.end(STOP, time_ms=end)
    return _joined(lines)


def switch_text(name: str, maximum_w: float, share: float, basis: str, time_ms: int) -> str:
    """Contents of sw_<k>.txt: maximum specified power x the share that serves this system (PM 3.1.3)."""
    lines: list[str] = []
    told = {"name": name, "maximum_w": maximum_w, "share": share, "basis": basis}
    logger_to(lines.append).event(ESTIMATE, maximum_w * share, metadata=told, time_ms=time_ms)
    return _joined(lines)


def _joined(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)
