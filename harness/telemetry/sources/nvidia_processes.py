"""Which processes compute on each GPU, and which of them are not of the run.

Other work on a GPU that is being measured spoils its time, power and utilisation, so it is
counted where a rule can find it. Belonging to the run means: descending from the watched process,
started in its session (the harness starts a run in a session of its own, which its daemons keep), or
holding the same run spec in its environment (batch systems start workers on the harness' behalf).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.telemetry.sources.base import Kind
from harness.telemetry.sources.nvml import NvmlBase, Reading

PROC = Path("/proc")
# inode of the first PID name space (PROC_PID_INIT_INO in Linux' include/linux/proc_ns.h)
_FIRST_NAMESPACE = "pid:[4026531836]"
MAX_ANCESTORS = 64
MAX_ENVIRONMENT = 1 << 20  # bytes
SPEC = b"CLOUDMASK_RUN_SPEC="  # reference.spec.SPEC_VARIABLE: what the harness hands to every worker
MAX_NAMED = 20  # foreign processes named in notes


class NvmlProcessSource(NvmlBase):
    """Compute processes per GPU, and how many of them are not of the watched run.

    The second number is absent while no run is watched, and in containers where the driver's process
    ids are those of the host and say nothing about ours.
    """

    name = "nvml_processes"
    interval_s = 5.0
    slowest_s = 10.0  # who else computes there is evidence, also in a short run

    def __init__(self, proc: Path = PROC) -> None:
        super().__init__()
        self._proc = proc
        self._root: int | None = None
        self._spec: bytes | None = None
        self._ours: set[tuple[int, str]] = set()  # (pid, start time): outlives its parents
        self._named: set[tuple[int, str]] = set()
        self._matched = False  # whether a process of the run was ever seen on a GPU
        self._native = _own_namespace(proc) == _FIRST_NAMESPACE

    def watch(self, pid: int) -> None:
        """The run is this process, its session, and whatever has its run spec."""
        self._root, self._ours, self._matched = pid, set(), False
        self._spec = _run_spec(self._proc, pid)

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """The number of processes, and of those that are not of the run."""
        names = ("gpu_processes", "gpu_foreign_processes")
        return [Reading(tuple((name, "1", Kind.GAUGE) for name in names), self._count)]

    def _count(self, nvml: ModuleType, handle: Any) -> Sequence[float | None]:
        pids = {int(p.pid) for p in nvml.nvmlDeviceGetComputeRunningProcesses(handle)}
        foreign = {pid for pid in pids if not self._of_the_run(pid)}
        self._matched = self._matched or len(foreign) < len(pids)
        if self._root is None or not (self._native or self._matched or not pids):
            return (float(len(pids)), None)
        for pid in sorted(foreign):
            self._name(pid)
        return (float(len(pids)), float(len(foreign)))

    def _of_the_run(self, pid: int) -> bool:
        start = _start_time(self._proc, pid)
        if start is None:
            return False
        if (pid, start) not in self._ours and (self._descends(pid) or self._has_our_spec(pid)):
            self._ours.add((pid, start))
        return (pid, start) in self._ours

    def _descends(self, pid: int) -> bool:
        for _ in range(MAX_ANCESTORS):
            if pid == self._root:
                return True
            found = _stat(self._proc, pid)
            if found is None:
                return False
            if int(found[3]) == self._root:  # session
                return True
            pid = int(found[1])  # parent
        return False

    def _has_our_spec(self, pid: int) -> bool:
        return self._spec is not None and _run_spec(self._proc, pid) == self._spec

    def _name(self, pid: int) -> None:
        """Say once who it is, as far as this user may know."""
        key = (pid, _start_time(self._proc, pid) or "")
        if key in self._named or len(self._named) >= MAX_NAMED:
            return
        self._named.add(key)
        self._notes.append(
            f"process {pid} ({_command(self._proc, pid)}) is not of the run but computes on a GPU"
        )


def _stat(proc: Path, pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the state on: state, parent, group, session, ... (proc(5))."""
    try:
        line = (proc / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()  # the command in brackets may hold anything
    return fields if len(fields) > 19 else None


def _start_time(proc: Path, pid: int) -> str | None:
    """Tells apart two processes that had the same id."""
    found = _stat(proc, pid)
    return None if found is None else found[19]


def _run_spec(proc: Path, pid: int) -> bytes | None:
    """The run spec that a process was started with; None without one, or when it is not ours to look at."""
    try:
        with open(proc / str(pid) / "environ", "rb") as file:
            entries = file.read(MAX_ENVIRONMENT).split(b"\0")
    except OSError:
        return None
    return next((entry for entry in entries if entry.startswith(SPEC)), None)


def _command(proc: Path, pid: int) -> str:
    try:
        return (proc / str(pid) / "comm").read_text(errors="replace").strip() or "?"
    except OSError:
        return "of a name that cannot be read"


def _own_namespace(proc: Path) -> str:
    try:
        return os.readlink(proc / "self" / "ns" / "pid")
    except OSError:
        return ""
