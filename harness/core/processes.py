"""A child process whose every output line is timestamped on arrival and whose whole tree can be ended."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

import psutil

from harness.core.cgroup import make_group
from harness.core.own_code import start_script
from harness.core.readout import Readout

PR_SET_CHILD_SUBREAPER = 36
MAX_LINE_BYTES = 1 << 20
GRACE_S = 5.0
KEEPER_S = 10.0  # that it takes to kill what did not end when asked


class HasDescriptor(Protocol):
    """An open file, or what stands for one."""

    def fileno(self) -> int:
        """Its number."""


@dataclass(frozen=True)
class Line:
    """One line of the child's standard output, without its newline, and when it could be read."""

    text: str
    monotonic_s: float
    wall_s: float


class Silence(Exception):
    """The child printed nothing for longer than allowed."""


class Overtime(Exception):
    """The child took longer than its time limit."""


class Child:
    """A command in a session of its own. A context manager: after it, nothing that it started lives.

    Standard error goes to `errors`. The child works in `folder` (default: the current one), and ends with
    this process even if that is killed. With `asked` it reads what `send` writes on standard input. It is the
    child of a keeper (keeper.py), whose process is the one that `pid` names, and where the system has cgroups that
    may be made, it is in one of its own.
    """

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        errors: HasDescriptor,
        folder: Path | None = None,
        asked: bool = False,
    ) -> None:
        adopt_orphans()
        self._group = make_group(f"cloudmask-{os.getpid()}-{secrets.token_hex(4)}")
        self._report, report = os.pipe()
        group = str(self._group.folder) if self._group else "-"
        keeper = start_script("keeper.py", str(os.getpid()), str(report), f"{GRACE_S:g}", group)
        self._others = _children()
        self._process = subprocess.Popen(
            [*keeper, *command],
            stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors.fileno(),
            env=environment,
            cwd=folder,
            start_new_session=True,
            pass_fds=(report,),
        )
        os.close(report)
        self._output = cast(IO[bytes], self._process.stdout)  # not None: it is a pipe
        self._readout = Readout(self._output.fileno())
        self.pid = self._process.pid
        self.exit_code: int | None = None
        self.peak_rss_bytes: int | None = None
        self.outlived: list[str] = []  # processes that were still there when the command had ended

    def lines(self, limit_s: float, silence_s: float, tick_s: float = 0.5) -> Iterator[Line | None]:
        """Lines as they arrive, and None at least every tick so that the caller can look around.

        Ends when the child has closed its output. Raises Overtime or Silence.
        """
        started = last_s = time.monotonic()
        pending = b""
        while True:
            piece = self._readout.next(tick_s)
            now = time.monotonic()
            if now - started > limit_s:
                raise Overtime(f"the run took longer than its limit of {limit_s:g} s")
            if piece is None:
                if now - last_s > silence_s:
                    raise Silence(f"no output for {silence_s:g} s: it hangs")
                yield None
                continue
            last_s = piece.monotonic_s
            *complete, pending = (pending + piece.data).split(b"\n")
            if not piece.data or len(pending) > MAX_LINE_BYTES:
                complete, pending = [*complete, pending], b""
            for raw in complete:
                if raw:
                    text = raw.decode("utf-8", "replace").rstrip("\r")
                    yield Line(text, piece.monotonic_s, piece.wall_s)
            if not piece.data:
                return

    def send(self, line: str) -> None:
        """Write one line to the child's standard input; nothing happens when it has ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def wait(self, limit_s: float | None = None) -> int | None:
        """Exit code of the child (negative: a signal); None when it still runs after `limit_s`."""
        deadline = None if limit_s is None else time.monotonic() + limit_s
        while self.exit_code is None:
            pid, status, usage = os.wait4(self.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                self.exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)
                self.peak_rss_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            elif deadline is not None and time.monotonic() >= deadline:
                return None
            else:
                time.sleep(0.01)
        return self.exit_code

    def end(self) -> None:
        """Terminate the whole tree, kill what is left after a grace period, reap everything."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)  # the keeper passes it on to all, and kills what is left
            if self.wait(GRACE_S + KEEPER_S) is None:
                _kill([self.pid, *_children(self.pid)])
                self.wait()
        if self._report >= 0:
            self.outlived = self._reported()
        if self._group is not None:
            self._group.end()

    def _reported(self) -> list[str]:
        """What the keeper says; when it was killed itself, what has become a child of this process is ended."""
        with open(self._report, "rb") as report:
            said = report.read()
        self._report = -1
        try:
            return [str(name) for name in json.loads(said)]
        except ValueError:
            strays = _children() - self._others - {self.pid}
            names = _names(strays)
            _kill(strays)
            _reap(strays)
            return names

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._readout.close()
        self._output.close()


def adopt_orphans() -> None:
    """Become the reaper of orphaned descendants (Linux), so that none escapes `end`."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _children(pid: int | None = None) -> set[int]:
    """Processes below a process (default: this one)."""
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.Error:
        return set()
    except (OSError, RuntimeError):  # /proc/stat is hidden or broken: psutil wants to know when each began
        return _listed(os.getpid() if pid is None else pid)


def _listed(pid: int) -> set[int]:
    """As the kernel lists them by thread (proc(5))."""
    found: set[int] = set()
    for path in Path("/proc", str(pid), "task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            for child in map(int, path.read_text().split()):
                found |= {child, *_listed(child)}
    return found


def _names(pids: Iterable[int]) -> list[str]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found.append(f"{psutil.Process(pid).name()} ({pid})")
    return found


def _reap(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).wait(timeout=1)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
