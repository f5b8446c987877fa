"""The state of the source code that runs: commit, and whether it was changed since."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parents[2]
GIT_S = 10.0


@dataclass(frozen=True)
class SourceState:
    """Commit of the checkout; both are None where the harness does not run from a checkout (a wheel, say)."""

    commit: str | None
    dirty: bool | None  # tracked files differ from the commit


def source_state() -> SourceState:
    """Ask git for the state of the checkout that this code was loaded from. Never raises."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != SOURCE_ROOT:
        return SourceState(None, None)
    status = _git("status", "--porcelain", "--untracked-files=no")
    return SourceState(_git("rev-parse", "HEAD"), None if status is None else bool(status))


@dataclass(frozen=True)
class SourceDoubt:
    """Why the code that runs is not that of a known commit, and what to do."""

    what: str
    fix: str


def source_doubt() -> SourceDoubt | None:
    """What will leave the rules about the code unchecked, or break them; None where there is nothing. Never raises."""
    state = source_state()
    if state.commit is None:
        return _unknown_commit()
    if state.dirty is None:
        return SourceDoubt("git does not say whether files differ from the commit", "see git status.")
    if state.dirty:
        where = shlex.quote(str(SOURCE_ROOT))
        return SourceDoubt(
            "tracked files differ from the commit: results do not show what ran",
            f"see: git -C {where} status",
        )
    return None


def _unknown_commit() -> SourceDoubt:
    unchecked = "rules about the code stay unchecked"
    done = _asked("rev-parse", "HEAD")
    where = shlex.quote(str(SOURCE_ROOT))
    if done is None:
        return SourceDoubt(f"the commit is not known, {unchecked}: git cannot be run", "install git.")
    if "dubious ownership" in done.stderr or "safe.directory" in done.stderr:
        return SourceDoubt(
            f"the commit is not known, {unchecked}: the checkout belongs to another user, and git refuses it",
            f"git config --global --add safe.directory {where}",
        )
    return SourceDoubt(
        f"the commit is not known, {unchecked}: {SOURCE_ROOT} is not the top of a git checkout with commits",
        "run from a clone of the repository.",
    )


def _git(*arguments: str) -> str | None:
    done = _asked(*arguments)
    return done.stdout.strip() if done is not None and done.returncode == 0 else None


def _asked(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    """What git answers; None where it cannot be run."""
    command = ["git", "-C", str(SOURCE_ROOT), *arguments]
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
