"""One process at a time: by the kernel's lock, or, on file systems without locks, by a file that only one can make."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

WAIT_S = 0.05  # between two looks at a lock that somebody holds
HELD = (errno.EWOULDBLOCK, errno.EACCES)  # what flock answers while another process holds the lock


class Held(Exception):
    """Another process holds the lock. `by` names it where that is known, `fix` says what to do."""

    def __init__(self, by: str = "", fix: str = "wait for it.") -> None:
        super().__init__(by)
        self.by, self.fix = by, fix


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; nothing is left afterwards. Raises Held, and OSError where the folder cannot
    be written.

    Any answer of flock but "held" means that this file system has no locks (NFS, Lustre, DVS: errno 37, 38, 95, 524).
    """
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            has_locks = True
        except OSError as error:
            if error.errno in HELD:
                raise Held from None
            has_locks = False
        try:
            with contextlib.nullcontext() if has_locks else _by_name(path.with_name(f"{path.name}.held")):
                yield
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def patient(path: Path, limit_s: float = 600.0) -> Iterator[None]:
    """As `exclusive`, but waits for those who hold the lock. Raises Held after `limit_s`.

    The file stays: were it removed, one process could lock the removed file and another a new one.
    """
    end_s = time.monotonic() + limit_s
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(path.open("a"))
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in HELD:
                    try:
                        stack.enter_context(_by_name(path.with_name(f"{path.name}.held")))
                        break
                    except Held:
                        if time.monotonic() > end_s:
                            raise
                elif time.monotonic() > end_s:
                    raise Held from None
            else:
                break
            time.sleep(WAIT_S)
        yield


@contextlib.contextmanager
def _by_name(path: Path) -> Iterator[None]:
    """Make the file, which fails where it exists; one that a process of this machine left behind is taken over."""
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            _take_over(path)
        else:
            break
    else:
        raise Held
    try:
        with os.fdopen(descriptor, "w") as file:
            owner = {"host": platform.node(), "pid": os.getpid(), "started_s": _started_s(os.getpid())}
            json.dump(owner, file)
        yield
    finally:
        path.unlink(missing_ok=True)


def _started_s(pid: int) -> float:
    """When a process began; 0 for all where the system does not tell. Raises NoSuchProcess."""
    process = psutil.Process(pid)
    try:
        return process.create_time()
    except (OSError, RuntimeError):
        return 0.0


def _take_over(path: Path) -> None:
    """Remove the file if its process has ended. Raises Held if that runs, or cannot be told."""
    try:
        owner = json.loads(path.read_text())
        host, pid, started_s = str(owner["host"])[:80], int(owner["pid"]), float(owner["started_s"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Held("", f"wait for it; if none runs on any machine, remove {path}.") from None
    by = f" (process {pid} on {host})"
    if host != platform.node():
        raise Held(by, f"wait for it; if it does not run any more, remove {path}.")
    with contextlib.suppress(psutil.NoSuchProcess):
        if abs(_started_s(pid) - started_s) < 1:
            raise Held(by)
    path.unlink(missing_ok=True)
