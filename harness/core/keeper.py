"""Run a program and end all that it started: `python -I -S keeper.py PARENT REPORT GRACE_S GROUP COMMAND...`.

The keeper adopts every descendant of the program, daemons that forked twice and took a session of their own too (Linux:
subreaper). When the program ends, when SIGTERM asks for it, or when the harness (PARENT) is killed, whatever is left is
ended; only then the keeper ends, as the program did. The names of those that outlived the program are written as JSON
to the file descriptor REPORT. GROUP is a cgroup folder to put the program in, or -.

A script of the standard library alone, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform.startswith("linux")
FAREWELL_S = 0.5  # helpers of the program (multiprocessing's tracker, say) end by themselves
KILL_S = 5.0
PAUSE_S = 0.02
MAX_NAMES = 20


class _Asked(Exception):
    """SIGTERM: the harness wants everything to end."""


class _Abandoned(Exception):
    """The harness was killed."""


def main() -> None:
    """Returns only by exiting, with the code or the signal of the program."""
    parent, report, grace_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    group, command = sys.argv[4], sys.argv[5:]
    keeper = os.getpid()

    def asked(number: int, frame: Any) -> None:
        raise _Asked

    def abandoned(number: int, frame: Any) -> None:
        if os.getppid() != parent:
            raise _Abandoned

    def enter() -> None:
        if group != "-":
            with contextlib.suppress(OSError):
                Path(group, "cgroup.procs").write_text("0")
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)

    program, status, outlived = 0, 127 << 8, list[str]()
    try:
        signal.signal(signal.SIGUSR1, abandoned)
        signal.signal(signal.SIGTERM, asked)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        _prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)
        if LINUX and os.getppid() != parent:  # it ended before the signal was set up
            sys.exit(1)
        program = subprocess.Popen(command, preexec_fn=enter).pid  # noqa: PLW1509 - there is one thread
        _let_go()
        status = _wait_for(program)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        outlived = _end(_rest(FAREWELL_S), grace_s)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
    except _Asked:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end(_descendants(), grace_s)
        status = _statuses.get(program, signal.SIGKILL)
    except _Abandoned:
        _kill(group)
        sys.exit(1)
    with contextlib.suppress(OSError):
        os.write(report, json.dumps(outlived).encode())
    _exit_as(status)


_statuses: dict[int, int] = {}  # of all processes that were reaped


def _prctl(option: int, value: int) -> None:
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value)


def _let_go() -> None:
    """Leave input and output to the program: the harness waits for the end of its output."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for own in (0, 1):
        os.dup2(nothing, own)
    os.close(nothing)


def _wait_for(program: int) -> int:
    while program not in _statuses:
        pid, status = os.wait()
        _statuses[pid] = status
    return _statuses[program]


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _statuses[pid] = status


def _rest(limit_s: float) -> dict[int, str]:
    """Descendants that are still there, at the latest after some time; most have none from the beginning."""
    end_s = time.monotonic() + limit_s
    while True:
        found = _descendants()
        _reap()
        if not found or time.monotonic() >= end_s:
            return found
        time.sleep(PAUSE_S)


def _end(found: dict[int, str], grace_s: float) -> list[str]:
    """Terminate, then kill until nothing is left. Returns names of what was there in the beginning."""
    _signal(found, signal.SIGTERM)
    if found and _rest(grace_s):
        _kill("-")
    return [f"{name} ({pid})" for pid, name in list(found.items())[:MAX_NAMES]]


def _kill(group: str) -> None:
    if group != "-":
        with contextlib.suppress(OSError):
            Path(group, "cgroup.kill").write_text("1")
    end_s = time.monotonic() + KILL_S
    while (found := _descendants()) and time.monotonic() < end_s:
        _signal(found, signal.SIGKILL)
        time.sleep(PAUSE_S)
        _reap()


def _signal(found: dict[int, str], number: signal.Signals) -> None:
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _descendants() -> dict[int, str]:
    """Number and name of every process below this one; none where there is no /proc."""
    parents: dict[int, tuple[int, str]] = {}
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    before, _, after = (
                        Path("/proc", entry, "stat").read_text(errors="replace").rpartition(")")
                    )
                    if after.split()[0] != "Z":
                        parents[int(entry)] = (int(after.split()[1]), before.partition("(")[2])
    below = {os.getpid()}
    while more := {pid for pid, (parent, _) in parents.items() if parent in below} - below:
        below |= more
    return {pid: parents[pid][1] for pid in sorted(below) if pid in parents and pid != os.getpid()}


def _exit_as(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        sys.exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core file, of the program, is enough
    signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -code)
    sys.exit(128 - code)


if __name__ == "__main__":
    main()
