"""A control group for one run: what is in it can be ended in one step, whatever it forked (cgroups(7), version 2)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

MOUNTS, MEMBERSHIP = Path("/proc/self/mounts"), Path("/proc/self/cgroup")
END_S = 5.0


class Group:
    """A folder below the group of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def end(self) -> None:
        """Kill all that is in it, and remove it. Never raises."""
        end_s = time.monotonic() + END_S
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                (self.folder / "cgroup.kill").write_text("1")
            for pid in self._members():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.02)

    def _members(self) -> list[int]:
        try:
            return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]
        except (OSError, ValueError):
            return []


def make_group(name: str) -> Group | None:
    """A new group below that of this process; None where there are none, or where they are not ours to make."""
    parent = _own_folder()
    if parent is None:
        return None
    folder = parent / name
    try:
        folder.mkdir()
    except OSError:
        return None
    if os.access(folder / "cgroup.procs", os.W_OK) and os.access(parent / "cgroup.procs", os.W_OK):
        return Group(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()
    return None


def _own_folder() -> Path | None:
    try:
        mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
        places = [words[1] for words in mounts if words[2] == "cgroup2"]
        own = [line[3:] for line in MEMBERSHIP.read_text().splitlines() if line.startswith("0::")]
    except (OSError, IndexError):
        return None
    if not places or not own or ".." in own[0]:
        return None
    folder = Path(places[0] + own[0])
    return folder if folder.is_dir() else None
