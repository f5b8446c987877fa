"""The description of a data set, which a package holds as evidence (dataset.json)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DatasetFile:
    """One scene file: its name relative to the data set's folder, its size and its digest."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """What a model was trained and tested on."""

    profile: str
    synthetic: bool
    root: str
    digest: str  # over file names, contents, geometry and split
    geometry: dict[str, int]  # fields of spec.Geometry
    split: dict[str, Any]  # fields of spec.Split
    train: list[DatasetFile]
    test: list[DatasetFile]
    train_samples: int
    eval_samples: int
    description: str = ""
