"""Dividing the training patches into those to train on and those to validate with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reference.data.patches import Patch, training_patches
from reference.protocol.settings import Samples
from reference.protocol.spec import Data, Geometry, Split


@dataclass(frozen=True)
class PatchSplit:
    """Training and validation patches, in file order."""

    train: list[Patch]
    validation: list[Patch]
    train_scenes: int
    validation_scenes: int


def split_indices(count: int, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and validation items, in the order scikit-learn's train_test_split gives.

    In a permutation by MT19937, seeded with random_state, the first n_test items are for validation,
    the next n_train = floor(train_fraction * count) for training. Raises ValueError when either is empty,
    or train_fraction is not a fraction.
    """
    if not 0 < split.train_fraction < 1:
        raise ValueError(f"{split.train_fraction:g} is not a share of the scenes between 0 and 1")
    train_count = int(np.floor(split.train_fraction * count))
    validation_count = count - train_count
    if train_count < 1 or validation_count < 1:
        raise ValueError(
            f"a split of {count} by {split.unit}, {split.train_fraction:g} to {1 - split.train_fraction:g}, "
            "leaves a part empty: training and validation need at least one each"
        )
    order = np.random.RandomState(split.random_state).permutation(count)
    return order[validation_count : validation_count + train_count], order[:validation_count]


def split_patches(files: int, geometry: Geometry, split: Split) -> PatchSplit:
    """Training and validation patches of `files` sorted scenes.

    Raises ValueError when either list is empty, or the split's unit is unknown.
    """
    patches = training_patches(files, geometry)
    if not patches:
        raise ValueError(
            f"scenes of {geometry.scene_height} x {geometry.scene_width} are too small for patches of "
            f"{geometry.patch_size}"
        )
    if split.unit == "patch":
        train_at, validation_at = split_indices(len(patches), split)
        train = [patches[i] for i in sorted(train_at)]
        validation = [patches[i] for i in sorted(validation_at)]
    elif split.unit == "file":
        train_at, validation_at = split_indices(files, split)
        chosen = set(train_at.tolist())
        train = [p for p in patches if p.file in chosen]
        validation = [p for p in patches if p.file not in chosen]
    else:
        raise ValueError(f"split unit {split.unit!r}: 'file' or 'patch' expected")
    return PatchSplit(train, validation, _scenes(train), _scenes(validation))


def split_digest(names: Sequence[str], split: PatchSplit) -> str:
    """SHA-256 over the ordered lists of training and validation patches, with the names of their files."""
    digest = hashlib.sha256()
    for kind, patches in (("train", split.train), ("validation", split.validation)):
        for p in patches:
            digest.update(f"{kind} {names[p.file]} {p.row} {p.column}\n".encode())
    return digest.hexdigest()


def _scenes(patches: Iterable[Patch]) -> int:
    return len({p.file for p in patches})


def samples(data: Data, split: PatchSplit) -> Samples:
    """What a run logs about its split: numbers of patches and scenes, and the split's digest."""
    return Samples(
        train_samples=len(split.train),
        eval_samples=len(split.validation),
        train_scenes=split.train_scenes,
        eval_scenes=split.validation_scenes,
        split_digest=split_digest([Path(file).name for file in data.train_files], split),
    )
