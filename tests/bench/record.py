"""What the benchmarks measured: medians with their spread, printed, saved and compared with the last time."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.core.files import write_json

ROOT = Path(__file__).resolve().parents[2]
SAVED = ROOT / "build/bench.json"
COMMITTED = ROOT / "docs/bench"
SCHEMA = 1


@dataclass(frozen=True)
class Measurement:
    """Median, least and greatest of several rounds. `better`: higher, lower, or none (a fact, no aim)."""

    name: str
    unit: str
    median: float
    least: float
    greatest: float
    rounds: int
    better: str = "higher"
    note: str = ""


def measurement(
    name: str, unit: str, values: Sequence[float], better: str = "higher", note: str = ""
) -> Measurement:
    """A measurement from its rounds' values (at least one)."""
    return Measurement(
        name, unit, statistics.median(values), min(values), max(values), len(values), better, note
    )


@dataclass(frozen=True)
class Spent:
    """What a piece of work took. CPU seconds, of all threads of this process, hardly depend on others."""

    wall_s: float
    cpu_s: float


def spent(work: Callable[[], object]) -> Spent:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def peak_bytes() -> int | None:
    """The most that this process had resident. Not by getrusage, which counts what its parent held at the
    fork. None where there is no /proc."""
    try:
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return None


def in_turns(rounds: int, **work: Callable[[], object]) -> dict[str, list[Spent]]:
    """Do each piece of work once a round, so that whatever else the machine does hits all alike.

    The pieces change places every round.
    """
    times: dict[str, list[Spent]] = {name: [] for name in work}
    names = list(work)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            times[name].append(spent(work[name]))
    return times


def ratios(above: Sequence[Spent], below: Sequence[Spent]) -> list[float]:
    """Of CPU seconds, round by round: each pair was measured next to each other."""
    return [a.cpu_s / b.cpu_s for a, b in zip(above, below, strict=True)]


def rates(amount: float, times: Sequence[Spent]) -> list[float]:
    """Amount per wall second, as it was on this machine at that time."""
    return [amount / t.wall_s for t in times]


def free_rates(amount: float, times: Sequence[Spent]) -> list[float]:
    """Amount per second if all cores had been free: amount per CPU second, times cores.

    An upper bound: it assumes that no thread ever waits for another.
    """
    cores = len(os.sched_getaffinity(0))
    return [amount / t.cpu_s * cores for t in times]


def machine() -> dict[str, Any]:
    """What decides whether two results may be compared."""
    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                cpu = value.strip()
            elif name.strip() == "flags":
                known = set(value.split())
                wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in known]
                cpu = f"{cpu} ({', '.join(wide)})"
                break
    except OSError:
        pass
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def save(measurements: Sequence[Measurement], path: Path = SAVED) -> None:
    """Write the results; those of benchmarks that did not run this time are kept from the last one."""
    here = machine()
    kept = _load(path)
    entries = kept["measurements"] if kept and kept["machine"] == here else {}
    entries = {**entries, **{m.name: asdict(m) for m in measurements}}
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    load = round(os.getloadavg()[0], 2)
    write_json(path, {"schema": SCHEMA, "when": when, "machine": here, "load": load, "measurements": entries})


def last(path: Path = SAVED) -> dict[str, dict[str, Any]]:
    """The last results of such a machine by name: our own, else the committed ones, else none."""
    here = machine()
    for candidate in (path, *sorted(COMMITTED.glob("*.json"))):
        found = _load(candidate)
        if found and (found["machine"]["cpu"], found["machine"]["cores"]) == (here["cpu"], here["cores"]):
            return dict(found["measurements"])
    return {}


def table(measurements: Sequence[Measurement], before: dict[str, dict[str, Any]]) -> str:
    """One line each: name, median, spread, unit, and the change since the last time."""
    lines = [f"{'':48} {'median':>10} {'least':>10} {'greatest':>10}  {'unit':<12} {'last':>10}  change"]
    for m in measurements:
        old = before.get(m.name, {}).get("median")
        change = f"{m.median / old - 1:+.0%}" if old else ""
        if old and m.better != "none" and (m.median / old - 1) * (1 if m.better == "higher" else -1) < -0.1:
            change += " worse"
        numbers = " ".join(f"{_short(value):>10}" for value in (m.median, m.least, m.greatest))
        lines.append(f"{m.name:48} {numbers}  {m.unit:<12} {_short(old) if old else '':>10}  {change}")
        if m.note:
            lines.append(f"    {m.note}")
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _load(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None
