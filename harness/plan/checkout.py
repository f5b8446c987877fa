"""The state of the source code that runs: commit, and whether it was changed since.

Contents are compared with the commit, and not what git's index says of them: files marked as unchanged
(`git update-index --skip-worktree`), filters, replaced objects and untracked modules would deceive it.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.core.own_code import digests, tree_files
from rules.facts.releases import release_of

SOURCE_ROOT = Path(__file__).resolve().parents[2]
GIT_S = 10.0
LINK = "120000"  # mode of a symbolic link
SHA256_LENGTH = 64  # of an object name in repositories that use it instead of SHA-1
REDIRECTIONS = (  # to another repository than the one that the code lies in
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
)


@dataclass(frozen=True)
class SourceState:
    """Commit of the checkout; both are None where the harness does not run from a checkout (a wheel, say)."""

    commit: str | None
    # the contents of files differ from the commit, or there are modules that it does not have
    dirty: bool | None


def source_state() -> SourceState:
    """Compare the checkout that this code was loaded from with its commit. Never raises."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != SOURCE_ROOT:
        return SourceState(None, None)
    return SourceState(_git("rev-parse", "--verify", "HEAD^{commit}"), _changed())


def _changed() -> bool | None:
    """Whether any file differs from the commit; None where git cannot list it."""
    listed = _asked("ls-tree", "-r", "-z", "--full-tree", "HEAD")
    if listed is None or listed.returncode != 0:
        return None
    tracked = set()
    for entry in filter(None, listed.stdout.split("\0")):
        described, _, name = entry.partition("\t")
        mode, kind, blob = described.split()
        if kind == "blob" and _blob(SOURCE_ROOT / name, mode, blob) != blob:
            return True
        tracked.add(name)
    return any(name not in tracked for name in tree_files(SOURCE_ROOT))


def _blob(path: Path, mode: str, expected: str) -> str | None:
    """git's name for the contents of a file as they are on disk; None when it is missing or of another kind."""
    try:
        link = path.is_symlink()
        if link != (mode == LINK):
            return None
        data = os.fsencode(os.readlink(path)) if link else path.read_bytes()
    except OSError:
        return None
    digest = hashlib.sha256() if len(expected) == SHA256_LENGTH else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(data) + data)
    return digest.hexdigest()


@dataclass(frozen=True)
class SourceDoubt:
    """Why the code that runs is not that of a known commit, and what to do."""

    what: str
    fix: str


def source_doubt() -> SourceDoubt | None:
    """What will leave the rules about the code unchecked, or break them; None where there is nothing. Never raises."""
    state = source_state()
    if state.commit is None:
        return None if _released() else _unknown_commit()
    if state.dirty is None:
        return SourceDoubt("git does not say whether files differ from the commit", "see git status.")
    if state.dirty:
        where = shlex.quote(str(SOURCE_ROOT))
        return SourceDoubt(
            "files differ from the commit: results do not show what ran",
            f"see: git -C {where} status (it does not show files marked with --skip-worktree)",
        )
    return None


def _released() -> bool:
    """Whether this is the code of a release, installed somewhere: its digests are known."""
    return release_of({f"code_{name}": sha256 for name, sha256 in digests(tree_files()).items()}) is not None


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
        "run from a clone of the repository, or install a release.",
    )


def _git(*arguments: str) -> str | None:
    done = _asked(*arguments)
    return done.stdout.strip() if done is not None and done.returncode == 0 else None


def _asked(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    """What git answers; None where it cannot be run."""
    command = ["git", "--no-replace-objects", "-C", str(SOURCE_ROOT), *arguments]
    environment = {**{k: v for k, v in os.environ.items() if k not in REDIRECTIONS}, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="surrogateescape", timeout=GIT_S, env=environment
        )  # names of files need not be UTF-8
    except (OSError, subprocess.TimeoutExpired):
        return None
