"""Memory of the node, swap, and the pressure on the page cache."""

from __future__ import annotations

import mmap
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, per_second
from harness.telemetry.sources.proc_files import PROC, ProcFile

PAGE_BYTES = mmap.PAGESIZE
_PAGED = ("pswpin", "pswpout", "workingset_refault_file")  # of /proc/vmstat, in pages


class MemorySource(Source):
    """Memory, swap and the pressure on the page cache, once a second.

    cache_refault: bytes/s read again that had been dropped from the cache; memory_stall: share of the
    time in which some task waited for memory (Linux: workingset_refault_file of /proc/vmstat, "some"
    of /proc/pressure/memory). Absent on other systems and older kernels.
    """

    name = "psutil_memory"
    lane = KERNEL
    interval_s = 1.0
    slowest_s = 5.0

    def __init__(self, proc: Path = PROC) -> None:
        self._meminfo, self._vmstat = ProcFile(proc / "meminfo"), ProcFile(proc / "vmstat")
        self._pressure = ProcFile(proc / "pressure" / "memory")
        self._last: tuple[float, list[float | None]] | None = None

    def open(self) -> None:
        """Take the reading that rates start from."""
        self.read()

    def quantities(self) -> list[QuantitySpec]:
        """Three states in bytes, then rates since the reading before."""
        gauges = ("memory_used", "memory_cached", "swap_used")
        rates = (("swap_in", "B/s"), ("swap_out", "B/s"), ("cache_refault", "B/s"), ("memory_stall", "%"))
        return [
            *(QuantitySpec(name, "B", "node") for name in gauges),
            *(QuantitySpec(name, unit, "node", Kind.RATE) for name, unit in rates),
        ]

    def read(self) -> Sequence[float | None]:
        """Values in that order; those that this kernel does not report are absent."""
        now = time.monotonic()
        totals = [*self._paged(), self._stalled_s()]
        before, old = self._last or (now, [None] * len(totals))
        self._last = (now, totals)
        rates = [per_second(new, was, now - before) for new, was in zip(totals, old, strict=True)]
        stall = rates.pop()
        return [*self._used(), *rates, None if stall is None else 100.0 * stall]

    def close(self) -> None:
        """Close the files of /proc."""
        for file in (self._meminfo, self._vmstat, self._pressure):
            file.close()

    def _used(self) -> Sequence[float | None]:
        """Bytes used, cached, and swapped out. By psutil's definitions, and at a third of what it costs
        where there is a /proc/meminfo."""
        try:
            kib = _table(self._meminfo.read(), b":")
            if kib[b"MemAvailable"] > kib[b"MemTotal"]:
                raise ValueError("some containers say so")
            return [
                1024.0 * (kib[b"MemTotal"] - kib[b"MemAvailable"]),
                1024.0 * (kib[b"Cached"] + kib.get(b"SReclaimable", 0)),
                1024.0 * (kib[b"SwapTotal"] - kib[b"SwapFree"]),
            ]
        except (OSError, ValueError, KeyError, IndexError):
            return [*_memory(), _swap_used()]

    def _paged(self) -> list[float | None]:
        """Bytes swapped in, swapped out, and read again after eviction, since boot."""
        try:
            text = self._vmstat.read()
        except OSError:
            return [None] * len(_PAGED)
        return [_pages(text, name.encode()) for name in _PAGED]

    def _stalled_s(self) -> float | None:
        try:
            some = self._pressure.read().partition(b"\n")[0]
            return float(some.rpartition(b"total=")[2]) / 1e6
        except (OSError, ValueError):
            return None


def _table(text: bytes, mark: bytes) -> dict[bytes, int]:
    """The first number of each line, by what stands before the mark."""
    rows = (line.partition(mark) for line in text.splitlines())
    return {name: int(value.split()[0]) for name, _, value in rows}


def _pages(vmstat: bytes, name: bytes) -> float | None:
    """One line of /proc/vmstat in bytes; there are some 180, of which three are wanted."""
    found = (b"\n" + vmstat).partition(b"\n" + name + b" ")[2].partition(b"\n")[0]
    return float(found) * PAGE_BYTES if found.isdigit() else None


def _memory() -> tuple[float | None, float | None]:
    try:
        memory = psutil.virtual_memory()
    except (OSError, RuntimeError):
        return None, None
    cached = getattr(memory, "cached", None)
    return float(memory.total - memory.available), None if cached is None else float(cached)


def _swap_used() -> float | None:
    try:
        return float(psutil.swap_memory().used)
    except (OSError, RuntimeError):
        return None
