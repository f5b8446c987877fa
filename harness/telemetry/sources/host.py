"""What psutil says about the node, about the run's process tree, and about the sampler itself."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from harness.telemetry.recorder.pacing import PacedSource
from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, SourceUnavailable, per_second
from harness.telemetry.sources.proc_files import PROC, ProcFile

SYS_BLOCK = Path("/sys/block")
SYS_NET = Path("/sys/class/net")
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


def _hardware_names(folder: Path) -> set[str] | None:
    """Entries backed by a device. Leaves out loop, dm, md, bonds and bridges, which would count the
    same bytes twice. None where there is no such folder (not Linux)."""
    try:
        return {entry.name for entry in folder.iterdir() if (entry / "device").exists()}
    except OSError:
        return None


class HostSource(PacedSource):
    """Processor use of the whole node: the cheapest quantity that shows what the machine does."""

    name = "psutil"
    lane = KERNEL
    cpu_share = 0.002
    slowest_s = 1.0
    stretch_to_s = 1.0

    def __init__(self) -> None:
        self._stat = ProcFile(PROC / "stat")
        self._last: _Times | None = None

    def open(self) -> None:
        try:
            node_times(self._stat)
        except (OSError, psutil.Error, RuntimeError) as error:
            raise SourceUnavailable(
                "psutil cannot read this system", str(error), "make /proc readable for this user"
            ) from error
        self.read()  # a rate needs a first reading to start from
        self.pace()

    def quantities(self) -> list[QuantitySpec]:
        return [QuantitySpec("cpu_utilization", "%", "node", Kind.RATE)]

    def read(self) -> Sequence[float | None]:
        try:
            now = node_times(self._stat)
        except (OSError, RuntimeError):
            return [None]
        last, self._last = self._last, now
        return [_busy_percent(now, last)]

    def close(self) -> None:
        self._stat.close()


class CoreSource(PacedSource):
    """Use of every hardware thread, once a second: one busy thread does not show in the node's mean."""

    name = "psutil_cores"
    lane = KERNEL
    interval_s = 1.0
    cpu_share = 0.001
    slowest_s = 10.0
    stretch_to_s = 10.0

    def __init__(self) -> None:
        self._count = 0
        self._last: list[_Times] = []

    def open(self) -> None:
        self._last = [_times(core) for core in psutil.cpu_times(percpu=True)]
        self._count = len(self._last)
        self.pace()

    def quantities(self) -> list[QuantitySpec]:
        return [
            QuantitySpec("core_utilization", "%", f"core{index}", Kind.RATE) for index in range(self._count)
        ]

    def read(self) -> Sequence[float | None]:
        try:
            now = [_times(core) for core in psutil.cpu_times(percpu=True)]
        except (OSError, RuntimeError):
            return [None] * self._count
        if len(now) != self._count:  # a core went off line: which one, nobody says
            return [None] * self._count
        last, self._last = self._last, now
        return [_busy_percent(*pair) for pair in zip(now, last, strict=True)]


class FrequencySource(Source):
    """Clock of the cores, mean and slowest, every five seconds: asking wakes every core on some kernels."""

    name = "psutil_frequency"
    interval_s = 5.0

    def open(self) -> None:
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
        return [
            QuantitySpec("cpu_frequency", "MHz", "node"),
            QuantitySpec("cpu_frequency_slowest", "MHz", "node"),
        ]

    def read(self) -> Sequence[float | None]:
        mhz = self._mhz()
        return [sum(mhz) / len(mhz), min(mhz)] if mhz else [None, None]


class TrafficSource(Source):
    """Bytes per second through the node's disks and network devices.

    It is what the kernel moved through its own devices: remote file systems that bypass them (RDMA)
    do not show. Once a second: reading all device tables costs more than the rest of psutil.
    """

    name = "psutil_io"
    lane = KERNEL
    interval_s = 1.0
    stretch_to_s = 5.0

    def __init__(self) -> None:
        self._disks: set[str] | None = None
        self._nets: set[str] | None = None
        self._last: tuple[float, list[float | None]] | None = None

    def open(self) -> None:
        self._disks = _hardware_names(SYS_BLOCK)
        self._nets = _hardware_names(SYS_NET)
        self.read()  # rates need a first reading to start from

    def quantities(self) -> list[QuantitySpec]:
        names = ("disk_read", "disk_write", "network_receive", "network_send")
        return [QuantitySpec(name, "B/s", "node", Kind.RATE) for name in names]

    def read(self) -> Sequence[float | None]:
        now = time.monotonic()
        totals = [*self._disk_bytes(), *self._network_bytes()]
        before, old = self._last or (now, [None] * len(totals))
        self._last = (now, totals)
        return [per_second(new, was, now - before) for new, was in zip(totals, old, strict=True)]

    def _disk_bytes(self) -> list[float | None]:
        try:
            disks = psutil.disk_io_counters(perdisk=True, nowrap=False)
        except (OSError, RuntimeError, NotImplementedError):
            return [None, None]
        chosen = [c for name, c in disks.items() if self._disks is None or name in self._disks]
        if not chosen:
            return [None, None]
        return [float(sum(c.read_bytes for c in chosen)), float(sum(c.write_bytes for c in chosen))]

    def _network_bytes(self) -> list[float | None]:
        try:
            nets = psutil.net_io_counters(pernic=True, nowrap=False)
        except (OSError, RuntimeError):
            return [None, None]
        wanted = self._nets or set(nets) - {"lo", "lo0"}
        chosen = [c for name, c in nets.items() if name in wanted]
        if not chosen:
            return [None, None]
        return [float(sum(c.bytes_recv for c in chosen)), float(sum(c.bytes_sent for c in chosen))]


class ProcessTreeSource(Source):
    """The run's own processes: resident memory and CPU share (100 % is one core).

    Resident memory is the sum over the processes, so pages they share count once for each.
    Children of the main threads are looked up each time (Linux); looking for all others walks every
    process of the machine, and is done only as often as costs 0.05 % of a core.
    """

    name = "process"
    lane = KERNEL
    interval_s = 1.0
    stretch_to_s = 5.0
    scan_share = 0.0005

    def __init__(self, pid: int | None = None) -> None:
        self._root: psutil.Process | None = None
        self._known: dict[int, psutil.Process] = {}
        self._cpu_s: dict[int, float] = {}
        self._read_at: float | None = None
        self._next_scan = 0.0
        if pid is not None:
            self.watch(pid)

    def watch(self, pid: int) -> None:
        try:
            root = psutil.Process(pid)
        except psutil.Error:
            return  # gone already: readings stay absent
        self._known, self._cpu_s, self._read_at = {pid: root}, {}, None
        self._next_scan, self._root = 0.0, root

    def quantities(self) -> list[QuantitySpec]:
        return [
            QuantitySpec("rss", "B", "process_tree"),
            QuantitySpec("cpu", "%", "process_tree", Kind.RATE),
            QuantitySpec("processes", "1", "process_tree"),
        ]

    def read(self) -> Sequence[float | None]:
        if self._root is None:
            return [None, None, None]
        now = time.monotonic()
        self._scan(now)
        self._look_up()
        rss, busy_s, count = 0.0, 0.0, 0
        for pid, process in list(self._known.items()):
            try:
                with process.oneshot():
                    used = sum(process.cpu_times()[:2])
                    resident = process.memory_info().rss
            except (psutil.Error, OSError):
                del self._known[pid]
                self._cpu_s.pop(pid, None)
                continue
            # a process seen for the first time began since the last reading, except at the start
            busy_s += used - self._cpu_s.get(pid, 0.0)
            self._cpu_s[pid] = used
            # one that has ended and waits for its parent has no memory any more, and is none any more
            rss += resident
            count += resident > 0
        before, self._read_at = self._read_at, now
        if not count:
            return [None, None, None]
        share = None if before is None or now <= before else 100.0 * max(0.0, busy_s) / (now - before)
        return [rss, share, float(count)]

    def _scan(self, now: float) -> None:
        if self._root is None or now < self._next_scan:
            return
        try:
            for child in self._root.children(recursive=True):
                self._known.setdefault(child.pid, child)
        except (psutil.Error, OSError):
            pass  # the root is gone; its known children are still read
        self._next_scan = now + (time.monotonic() - now) / self.scan_share

    def _look_up(self) -> None:
        pids = list(self._known)
        while pids:
            for child in _children(pids.pop()):
                if child not in self._known:
                    with contextlib.suppress(psutil.Error):
                        self._known[child] = psutil.Process(child)
                        pids.append(child)


def _children(pid: int) -> list[int]:
    """Of its main thread, as Linux lists them (proc(5)); none where the kernel does not."""
    try:
        with open(PROC / str(pid) / "task" / str(pid) / "children") as file:
            return [int(child) for child in file.read().split()]
    except (OSError, ValueError):
        return []


class SelfSource(Source):
    """What the sampling itself costs, so that the overhead is evidence and not a claim."""

    name = "sampler"
    lane = KERNEL
    interval_s = 1.0

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def quantities(self) -> list[QuantitySpec]:
        return [QuantitySpec("cpu", "%", "sampler", Kind.RATE)]

    def read(self) -> Sequence[float | None]:
        of_tools = os.times()  # ipmitool and the like, which the sampler starts
        now = (time.monotonic(), time.process_time() + of_tools.children_user + of_tools.children_system)
        last, self._last = self._last, now
        if last is None or now[0] <= last[0]:
            return [None]
        return [100.0 * (now[1] - last[1]) / (now[0] - last[0])]
