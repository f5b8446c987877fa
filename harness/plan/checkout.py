"""The state of the source code that runs: commit, and whether it was changed since."""

from __future__ import annotations

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


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(SOURCE_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
