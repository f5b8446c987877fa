"""Telemetry files and power files of a run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.telemetry.recorder.file import Anchor, SampleWriter, compact
from harness.telemetry.sources.base import Kind, QuantitySpec, Source
from rules.model.layout import PackageLayout
from tests.support.builders.files import events_of, write
from tests.support.builders.log import LogWriter
from tests.support.builders.options import BOOT_WALL_S, RunOptions

CORES = 2  # as system_fields describes


class Unread(Source):
    """Names what readings written by hand are of; is never read itself."""

    def __init__(self, name: str, *quantities: QuantitySpec) -> None:
        self.name, self._quantities = name, list(quantities)

    def quantities(self) -> list[QuantitySpec]:
        """As they were given."""
        return self._quantities

    def read(self) -> list[float | None]:
        """Raises NotImplementedError."""
        raise NotImplementedError


def _busy_machine(name: str, accelerators: int, more: Sequence[QuantitySpec]) -> Unread:
    """Cores of the process tree, and accelerators where there are any."""
    return Unread(
        name,
        QuantitySpec("cpu", "%", "process_tree", Kind.RATE),
        *(QuantitySpec("gpu_utilization", "%", f"gpu{i}") for i in range(accelerators)),
        *(QuantitySpec("gpu_power", "W", f"gpu{i}") for i in range(accelerators)),
        QuantitySpec("cpu_utilization", "%", "node", Kind.RATE),
        QuantitySpec("disk_read", "B/s", "node", Kind.RATE),
        QuantitySpec("rss", "B", "process_tree"),
        QuantitySpec("memory_used", "B", "node"),
        *(QuantitySpec("core_utilization", "%", f"core{i}", Kind.RATE) for i in range(CORES)),
        *more,
    )


def write_telemetry(
    path: Path,
    lines: list[str],
    accelerators: int = 0,
    busy_percent: float = 180.0,
    start_s: float = -2.0,
    stop_s: float = 2.0,
    hole_s: float = 0.0,
    noise: str | None = None,
    gpu_w: float = 250.0,
    more: Mapping[QuantitySpec, Callable[[float], float]] | None = None,
    source: str = "machine",
    remark: str = "",
    node: int = 0,
    every: int = 1,
    read_bytes: float = 1.0e8,
) -> None:
    """A sampler file at 2 Hz, start_s after run_start to stop_s after run_stop, with a hole in the middle.

    `noise` seeds what the readings vary by (default: the time of the run). `more`: further quantities,
    each with its value by seconds since the first sample. `remark`: what the sampler notes half way.
    `every`: only one of so many readings was made.
    `read_bytes`: what was read from disk between run_start and run_stop.
    """
    more = more or {}
    events = events_of(lines)
    at = {e["key"]: e["time_ms"] / 1000 for e in events if e["key"] in ("run_start", "run_stop")}
    first_s, last_s = at["run_start"] + start_s, at["run_stop"] + stop_s
    middle_s = (first_s + last_s) / 2
    path.unlink(missing_ok=True)
    writer = SampleWriter(
        path, f"node_{node}", f"node{node}.example", 0.5, Anchor(first_s, first_s - BOOT_WALL_S)
    )
    machine = _busy_machine(source, accelerators, list(more))
    writer.begin([machine], {machine.name: 0.5})
    count = int((last_s - first_s) / 0.5) + 1
    times = [first_s + 0.5 * i for i in range(0, count, every)]
    gpu, rng = min(busy_percent, 95.0), random.Random(noise or f"{first_s}{node or ''}")
    rate = read_bytes / (at["run_stop"] - at["run_start"])
    core = min(100.0, busy_percent / CORES)
    machine_wide = [core, rate, 1.45e9, 2.0e9, *[core] * CORES]

    def values(at_s: float) -> list[float]:
        busy = _reading(rng, busy_percent, [gpu] * accelerators, [gpu_w] * accelerators)
        return [*busy, *_shaken(rng, machine_wide), *[value(at_s - first_s) for value in more.values()]]

    read = [t for t in times if abs(t - middle_s) >= hole_s / 2]
    writer.append(machine.name, [(t - BOOT_WALL_S, values(t)) for t in read])
    if remark:
        writer.event(remark, middle_s - BOOT_WALL_S)
    writer.flush()
    writer.close()
    compact(path)  # as at the end of a run


def _reading(rng: random.Random, busy_percent: float, gpus: list[float], gpus_w: list[float]) -> list[float]:
    """Utilisation of the process tree, utilisation and watts of each accelerator, a little noisy."""
    shake = rng.uniform(0.97, 1.03)
    return [v * shake for v in (busy_percent, *gpus, *gpus_w)]


def _shaken(rng: random.Random, values: list[float]) -> list[float]:
    """Each value by itself, a little lower."""
    return [v * rng.uniform(0.97, 1.0) for v in values]


def write_power(layout: PackageLayout, run: RunOptions, lines: list[str]) -> None:
    """One node file per node: a reading per 0.5 s from just before run_start to just after run_stop."""
    events = events_of(lines)
    window = {e["key"]: e["time_ms"] for e in events if e["key"] in ("run_start", "run_stop")}
    for node in range(run.options.nodes):
        rng = random.Random(f"power {run.number} {node}")
        log = LogWriter(window["run_start"] - 800, rng)
        log.event("conversion_eff", 0.94, measurement_type="AC")
        log.start("power_measurement_start")
        while log.now_ms < window["run_stop"] + 300:
            log.wait(0.5)
            accelerators_w = 300.0 * run.options.accelerators_per_node
            log.event("power_reading", round(rng.uniform(180, 240) + accelerators_w, 1))
        log.end("power_measurement_stop")
        write(layout.power_dir(run.number) / f"node_{node}.txt", "".join(line + "\n" for line in log.lines))
    if run.options.nodes > 1:
        log = LogWriter(window["run_start"] - 800, random.Random(run.number))
        log.event("conversion_eff", 0.94, measurement_type="AC")
        log.event("interconnect_power_est", 350.0)
        write(layout.power_dir(run.number) / "sw_0.txt", "".join(line + "\n" for line in log.lines))
