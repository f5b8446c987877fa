"""Verdicts and pages of packages that were checked before, by digest of package, tool and ruleset.

The cache must not lie among the submissions: who may add a package there could add a verdict as well.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from harness.leaderboard.fingerprint import tool_digest
from reference.baselines.records import cached_digest

JUDGED = "judged.json"


def default_cache() -> Path:
    """$XDG_CACHE_HOME/cloudmask/leaderboard, by default below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cloudmask" / "leaderboard"


def cache_key(package_digest: str, org: str, ruleset: str, replay: bool) -> str:
    """Names a verdict: the files, their folder's name, the tool, the ruleset, and whether it replayed.

    The scores of simple methods that this machine knows are part of it: reports show them.
    """
    parts = (package_digest, org, tool_digest(), ruleset, "replay" if replay else "check", cached_digest())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def folder_of(cache: Path, key: str) -> Path:
    """The folder of a key in the cache, whether it exists or not."""
    return cache / key[:2] / key


def fill(cache: Path, key: str, write: Callable[[Path], None]) -> Path:
    """The folder of `key`, written by `write` unless it is there: whole or not at all."""
    target = folder_of(cache, key)
    if (target / JUDGED).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".new-{secrets.token_hex(8)}")
    fresh.mkdir()
    try:
        write(fresh)
        try:
            fresh.rename(target)
        except OSError:  # another build was faster
            if not (target / JUDGED).is_file():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
