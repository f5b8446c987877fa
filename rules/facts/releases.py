"""Digests of the code of each release (rules/releases.yaml), by which a run's code is recognised.

The file lies outside of what it covers, and is written by `cloudmask release-digests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

FILE = Path(__file__).resolve().parents[1] / "releases.yaml"
PACKAGES = ("harness", "reference", "rules")


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One release: the SHA-256 over the files of each package, as harness/core/own_code.py computes it."""

    version: str
    harness: str
    reference: str
    rules: str


def read_releases(text: str) -> list[Release]:
    """The releases of a file, in its order. Raises ValueError in one line."""
    try:
        return msgspec.convert(yaml.safe_load(text) or [], list[Release])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValueError(
            f"the list of releases cannot be read: {' '.join(str(error).split())[:200]}"
        ) from None


@lru_cache(maxsize=1)
def load_releases() -> list[Release]:
    """All releases that this rulebook knows."""
    return read_releases(FILE.read_text(encoding="utf-8"))


def release_of(software: Mapping[str, Any]) -> Release | None:
    """The release whose code a run.json states: all three packages are of it."""
    for release in load_releases():
        if all(software.get(f"code_{package}") == getattr(release, package) for package in PACKAGES):
            return release
    return None
