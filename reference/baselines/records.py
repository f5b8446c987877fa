"""Scores of simple methods on one data set, as a file: shipped for the standard synthetic sets, else cached.

A record is found by the digest of its data set, which covers the files, the geometry and the split. The records
in this package's own folder come first, then those that `cloudmask baselines` left in the user's cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reference.data.files import write_json

SCHEMA = 1
SHIPPED = Path(__file__).resolve().parent / "recorded"
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class SceneCounts:
    """One test scene: pixels rightly and wrongly called cloud, and wrongly and rightly called clear."""

    name: str
    true_cloud: int
    false_cloud: int
    false_clear: int
    true_clear: int


@dataclass(frozen=True)
class Method:
    """One simple method: what it is, and its scores (see reference.science.metrics.summary)."""

    name: str
    title: str
    version: int
    needs: str
    numbers: int  # that were learnt
    validation: Mapping[str, float | None]  # pixels of the validation patches
    test: Mapping[str, float | None]  # whole test scenes
    scenes: tuple[SceneCounts, ...]  # of testing


@dataclass(frozen=True)
class Record:
    """All methods on one data set."""

    profile: str
    synthetic: bool
    dataset_digest: str
    split_digest: str
    training_pixels: int
    methods: tuple[Method, ...]


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/cloudmask/baselines, by default below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cloudmask" / "baselines"


def find(digest: str, folders: tuple[Path, ...] | None = None) -> Record | None:
    """The record of a data set by its digest; None where there is none that can be read.

    `folders` are by default the shipped records and the user's cache.
    """
    if len(digest) != 64 or not set(digest) <= _HEXADECIMAL:
        return None
    for folder in (SHIPPED, cache_folder()) if folders is None else folders:
        try:
            record = read(folder / file_name(digest))
        except (OSError, ValueError):
            continue
        if record.dataset_digest == digest:
            return record
    return None


def cached_digest() -> str:
    """SHA-256 over the records in the user's cache, so that pages made with others are not taken for current."""
    digest = hashlib.sha256()
    for path in sorted(cache_folder().glob("*.json")):
        with contextlib.suppress(OSError):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def file_name(digest: str) -> str:
    """What the record of a data set is called."""
    return f"{digest}.json"


def write(record: Record, folder: Path) -> Path:
    """Write a record into a folder, atomically. Raises OSError."""
    path = folder / file_name(record.dataset_digest)
    write_json(path, {"schema": SCHEMA, **asdict(record)})
    return path


def read(path: Path) -> Record:
    """A record. Raises OSError when the file cannot be read, ValueError when it is not a record."""
    try:
        raw = json.loads(path.read_bytes())
        if raw["schema"] != SCHEMA:
            raise ValueError(f"{path}: schema {raw['schema']}, {SCHEMA} expected")
        return Record(
            profile=str(raw["profile"]),
            synthetic=bool(raw["synthetic"]),
            dataset_digest=str(raw["dataset_digest"]),
            split_digest=str(raw["split_digest"]),
            training_pixels=int(raw["training_pixels"]),
            methods=tuple(_method(one) for one in raw["methods"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a record of simple methods") from error


def _method(raw: Mapping[str, Any]) -> Method:
    return Method(
        name=str(raw["name"]),
        title=str(raw["title"]),
        version=int(raw["version"]),
        needs=str(raw["needs"]),
        numbers=int(raw["numbers"]),
        validation=_scores(raw["validation"]),
        test=_scores(raw["test"]),
        scenes=tuple(
            SceneCounts(
                str(one["name"]),
                *(int(one[key]) for key in ("true_cloud", "false_cloud", "false_clear", "true_clear")),
            )
            for one in raw["scenes"]
        ),
    )


def _scores(raw: Mapping[str, Any]) -> dict[str, float | None]:
    return {str(name): None if value is None else float(value) for name, value in raw.items()}
