"""Memory and processor use of the run's own processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import psutil

from harness.telemetry.pacing import Pace
from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, Subject
from harness.telemetry.sources.proc_files import PROC

SCAN_S, SCAN_SLOWEST_S = 5.0, 60.0


class ProcessTreeSource(Source):
    """The run's own processes: resident memory and CPU share (100 % is one core).

    Resident memory is the sum over the processes, so pages they share count once for each.
    Children of the main threads are looked up each time (Linux). Looking for all others walks every
    process of the machine, so it is a part with a pace of its own.
    """

    name = "process"
    subject = Subject.RUN
    lane = KERNEL
    interval_s = 1.0
    slowest_s = 5.0

    def __init__(self, pid: int | None = None) -> None:
        self._root: psutil.Process | None = None
        self._known: dict[int, psutil.Process] = {}
        self._cpu_s: dict[int, float] = {}
        self._read_at: float | None = None
        self._scan = Pace("process scan", SCAN_S, SCAN_SLOWEST_S)
        if pid is not None:
            self.watch(pid)

    def parts(self) -> Sequence[Pace]:
        """The search among all processes of the machine."""
        return (self._scan,)

    def watch(self, pid: int) -> None:
        """Start anew with the tree below this process."""
        try:
            root = psutil.Process(pid)
        except psutil.Error:
            return  # gone already: readings stay absent
        self._known, self._cpu_s, self._read_at = {pid: root}, {}, None
        self._root = root
        self._scan.at_once()

    def quantities(self) -> list[QuantitySpec]:
        """Resident memory, processor use and number of the processes."""
        return [
            QuantitySpec("rss", "B", "process_tree"),
            QuantitySpec("cpu", "%", "process_tree", Kind.RATE),
            QuantitySpec("processes", "1", "process_tree"),
        ]

    def read(self) -> Sequence[float | None]:
        """Bytes, percent of one core since the reading before, and a count; absent without a process."""
        if self._root is None:
            return [None, None, None]
        now = time.monotonic()
        if self._scan.is_due(now):
            self._scan.measured(self._find_all)
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
            # one that has ended and waits for its parent has no memory any more, and does not count
            rss += resident
            count += resident > 0
        before, self._read_at = self._read_at, now
        if not count:
            return [None, None, None]
        share = None if before is None or now <= before else 100.0 * max(0.0, busy_s) / (now - before)
        return [rss, share, float(count)]

    def _find_all(self) -> None:
        if self._root is None:
            return
        try:
            for child in self._root.children(recursive=True):
                self._known.setdefault(child.pid, child)
        except (psutil.Error, OSError, RuntimeError):
            pass  # the root is gone, or /proc/stat cannot be read; known children are still read

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
