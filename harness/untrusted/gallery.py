"""Scenes out of gallery.h5: an untrusted file, so shapes, types and counts are bounded.

One group per scene with `false_colour` (h, w, 3 uint8), `bayes` (h, w uint8, 0 or 1) and
`probability` (h, w uint8, 0 to 255). A scene of another form is skipped with a note. To be
called in the process that reads untrusted files (harness.untrusted.hdf5_worker) only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rules.model.evidence import Pictured

MAX_SCENES = 24
MAX_SIDE = 600  # pixels
MAX_CHUNK = 4 * 1024 * 1024  # bytes a single chunk may unpack to
MIDDLE = 128  # of 255: probabilities just below and above 0.5 are both stored so
ATTRIBUTES = ("name", "accuracy", "daylight", "latitude", "longitude")


class _Odd(Exception):
    """Why a scene is not shown."""


@dataclass(frozen=True)
class Scene:
    """One scene's pictures, all of one height and width, and its attributes: text, number or None."""

    name: str
    false_colour: np.ndarray  # uint8 [h, w, 3]
    bayes: np.ndarray  # uint8 [h, w]
    probability: np.ndarray  # uint8 [h, w]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Scenes:
    """What could be read; `notes` name the rest, in text that is not yet safe to show."""

    scenes: list[Scene]
    notes: list[str]


def read_scenes(path: Path) -> Scenes:
    """The first MAX_SCENES scenes of a gallery. Raises ValueError when it is not an HDF5 file."""
    scenes: list[Scene] = []
    notes: list[str] = []
    try:
        with h5py.File(path, "r", locking=False) as file:
            if len(file) > MAX_SCENES:
                notes.append(f"{len(file)} scenes were recorded; the first {MAX_SCENES} are shown")
            for name in islice(file, MAX_SCENES):  # in HDF5's own order, which is that of the names
                try:
                    scenes.append(_scene(file, name))
                except (_Odd, OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
                    reason = str(error) if isinstance(error, _Odd) else "it cannot be read"
                    notes.append(f"scene {_shown(name)} is not shown: {reason}")
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"gallery.h5 cannot be read ({type(error).__name__})") from None
    return Scenes(scenes, notes)


def count_scenes(path: Path) -> list[Pictured]:
    """Pixels of each scene of a gallery by mask and probability. Raises ValueError as read_scenes does."""
    return [_counted(scene) for scene in read_scenes(path).scenes]


def _counted(scene: Scene) -> Pictured:
    cloud = scene.bayes > 0
    called, undecided = scene.probability > MIDDLE, scene.probability == MIDDLE
    tp, fp = int((called & cloud).sum()), int((called & ~cloud).sum())
    between = int((undecided & ~cloud).sum()), int((undecided & cloud).sum())
    fn, tn = int(cloud.sum()) - tp - between[1], int((~cloud).sum()) - fp - between[0]
    name, accuracy = scene.attributes.get("name"), scene.attributes.get("accuracy")
    if not isinstance(accuracy, (int, float)) or not math.isfinite(accuracy):
        accuracy = None
    return Pictured(
        name=name if isinstance(name, str) else scene.name,
        pixels=int(scene.bayes.size),
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        undecided=between,
        accuracy=accuracy,
    )


def _shown(name: str) -> str:
    return name[:80].encode(errors="replace").decode()


def _scene(file: h5py.File, name: str) -> Scene:
    group = _hard(file, name)
    if not isinstance(group, h5py.Group):
        raise _Odd("it is not a group")
    colour = _array(group, "false_colour", 3)
    bayes = _array(group, "bayes", 2)
    probability = _array(group, "probability", 2)
    if colour.shape[2] != 3 or not colour.shape[:2] == bayes.shape == probability.shape:
        raise _Odd(f"its pictures differ in shape ({colour.shape}, {bayes.shape}, {probability.shape})")
    attributes = {key: _attribute(group.attrs, key) for key in ATTRIBUTES}
    return Scene(_shown(name), colour, bayes, probability, attributes)


def _hard(group: h5py.Group, name: str) -> Any:
    """A member that lies in this file: links to other files are never followed."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise _Odd("it is a link to somewhere else, or missing")
    return group[name]


def _array(group: h5py.Group, name: str, dimensions: int) -> np.ndarray:
    dataset = _hard(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype != np.uint8:
        raise _Odd(f"{name} is not an array of bytes")
    shape = dataset.shape
    if shape is None or len(shape) != dimensions or any(not 0 < side <= MAX_SIDE for side in shape):
        raise _Odd(f"{name} has the shape {shape}; at most {MAX_SIDE} x {MAX_SIDE} pixels are shown")
    if dataset.is_virtual or dataset.external or int(np.prod(dataset.chunks or (1,))) > MAX_CHUNK:
        raise _Odd(f"{name} is not stored plainly in this file")
    return np.asarray(dataset[()])


def _attribute(attributes: h5py.AttributeManager, name: str) -> Any:
    """A small attribute as a plain Python value; None when absent or not a single text or number."""
    if name not in attributes:
        return None
    identifier = attributes.get_id(name)
    if identifier.shape not in ((), (1,)) or identifier.dtype.itemsize > 4096:
        return None
    value = attributes[name]
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value[:4096] if isinstance(value, str) else value if isinstance(value, (int, float)) else None
