"""Use and clock of the node's processors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil

from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, SourceUnavailable
from harness.telemetry.sources.proc_files import PROC, ProcFile

TICKS_PER_S = 100  # of /proc/stat: USER_HZ, on every architecture that matters here
_Times = tuple[float, float]  # all processor seconds since boot, and the idle ones among them


def _times(cpu: Any) -> _Times:
    """From psutil's cpu_times: guest time is part of user time; waiting for I/O is idle."""
    total = sum(cpu) - getattr(cpu, "guest", 0.0) - getattr(cpu, "guest_nice", 0.0)
    return total, cpu.idle + getattr(cpu, "iowait", 0.0)


def node_times(stat: ProcFile) -> _Times:
    """Of all processors together: from the first line of /proc/stat where there is one (proc(5)), at a
    fifth of what psutil costs."""
    try:
        line = stat.read(256).partition(b"\n")[0].split()
        # user nice system idle iowait irq softirq steal; guest times are in user and nice already
        ticks = [int(field) for field in line[1:9]]
        return sum(ticks) / TICKS_PER_S, (ticks[3] + ticks[4]) / TICKS_PER_S
    except (OSError, ValueError, IndexError):
        return _times(psutil.cpu_times())


def _busy_percent(now: _Times, last: _Times | None) -> float | None:
    """Busy share between two readings; None for the first, and when no tick has passed."""
    if last is None or now[0] <= last[0]:
        return None
    return 100.0 * min(1.0, max(0.0, 1.0 - (now[1] - last[1]) / (now[0] - last[0])))


class HostSource(Source):
    """Processor use of the whole node: the cheapest quantity that shows what the machine does."""

    name = "psutil"
    lane = KERNEL
    slowest_s = 1.0

    def __init__(self) -> None:
        self._stat = ProcFile(PROC / "stat")
        self._last: _Times | None = None

    def open(self) -> None:
        """Raises SourceUnavailable where /proc cannot be read."""
        try:
            node_times(self._stat)
        except (OSError, psutil.Error, RuntimeError) as error:
            raise SourceUnavailable(
                "psutil cannot read this system", str(error), "make /proc readable for this user"
            ) from error
        self.read()  # a rate needs a first reading to start from

    def quantities(self) -> list[QuantitySpec]:
        """The busy share of all processors together."""
        return [QuantitySpec("cpu_utilization", "%", "node", Kind.RATE)]

    def read(self) -> Sequence[float | None]:
        """Percent of the time since the reading before."""
        try:
            now = node_times(self._stat)
        except (OSError, RuntimeError):
            return [None]
        last, self._last = self._last, now
        return [_busy_percent(now, last)]

    def close(self) -> None:
        """Close /proc/stat."""
        self._stat.close()


class CoreSource(Source):
    """Use of every hardware thread, once a second: one busy thread does not show in the node's mean."""

    name = "psutil_cores"
    lane = KERNEL
    interval_s = 1.0
    slowest_s = 10.0

    def __init__(self) -> None:
        self._count = 0
        self._last: list[_Times] = []

    def open(self) -> None:
        """Count the hardware threads, and take the reading that rates start from."""
        self._last = [_times(core) for core in psutil.cpu_times(percpu=True)]
        self._count = len(self._last)

    def quantities(self) -> list[QuantitySpec]:
        """One for each hardware thread, in the order of the kernel."""
        return [
            QuantitySpec("core_utilization", "%", f"core{index}", Kind.RATE) for index in range(self._count)
        ]

    def read(self) -> Sequence[float | None]:
        """Percent of the time since the reading before; all absent while a core is off line."""
        try:
            now = [_times(core) for core in psutil.cpu_times(percpu=True)]
        except (OSError, RuntimeError):
            return [None] * self._count
        if len(now) != self._count:  # a core went off line: which one is not known
            return [None] * self._count
        last, self._last = self._last, now
        return [_busy_percent(*pair) for pair in zip(now, last, strict=True)]


class FrequencySource(Source):
    """Clock of the cores, mean and slowest, every five seconds: asking wakes every core on some kernels."""

    name = "psutil_frequency"
    interval_s = 5.0

    def open(self) -> None:
        """Raises SourceUnavailable where the system reports no clocks."""
        if not self._mhz():
            raise SourceUnavailable(
                "processor clocks cannot be read",
                "the system reports none (usual in virtual machines)",
                "nothing to do in a virtual machine; on metal load a cpufreq driver",
            )

    @staticmethod
    def _mhz() -> list[float]:
        try:
            return [core.current for core in psutil.cpu_freq(percpu=True) if core.current > 0]
        except (OSError, RuntimeError, AttributeError, TypeError, NotImplementedError):
            return []  # psutil has no such function, or returns None, on some systems

    def quantities(self) -> list[QuantitySpec]:
        """Mean and slowest clock."""
        return [
            QuantitySpec("cpu_frequency", "MHz", "node"),
            QuantitySpec("cpu_frequency_slowest", "MHz", "node"),
        ]

    def read(self) -> Sequence[float | None]:
        """MHz of all cores on average, and of the slowest."""
        mhz = self._mhz()
        return [sum(mhz) / len(mhz), min(mhz)] if mhz else [None, None]
