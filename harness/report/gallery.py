"""Pictures of test scenes from gallery.h5: a stranger's file, so shapes, types and counts are bounded.

One group per scene with `false_colour` (h, w, 3 uint8), `bayes` (h, w uint8, 0 or 1) and
`probability` (h, w uint8, 0 to 255). Whatever is odd is skipped with a note.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from harness.report.model import GalleryCard, GalleryScene
from harness.report.science import daylight, position
from harness.report.text import clean, finite

MAX_SCENES = 24
MAX_SIDE = 600  # pixels
MAX_CHUNK = 4 * 1024 * 1024  # bytes a single chunk may unpack to
THRESHOLD = 127  # a probability above it (of 255) is 0.5 or more, and means cloud

VIEWS = ("false_colour", "bayes", "probability", "disagreement")
Colour = tuple[int, int, int]
CLEAR = (28, 52, 74)  # deep water blue
CLOUD = (236, 240, 243)
# Disagreement: the two mistakes differ in lightness and along the blue-orange axis, which all common
# kinds of colour blindness keep apart; agreement stays grey.
AGREED_CLEAR = (45, 52, 60)
AGREED_CLOUD = (150, 158, 166)
MISSED_CLOUD = (255, 176, 32)
FALSE_CLOUD = (46, 134, 255)


class _Odd(Exception):
    """Why a scene is not shown."""


@dataclass(frozen=True)
class Pictures:
    """The card for the page, and the PNG files it names."""

    card: GalleryCard
    files: dict[str, bytes]


def read_gallery(path: Path | None, run: int | None) -> Pictures:
    """Scenes and pictures of one run's gallery.h5; an empty gallery with a note when there is none."""
    if path is None or not path.is_file():
        return Pictures(GalleryCard(run=run, scenes=[], notes=["no pictures of scenes were recorded"]), {})
    scenes: list[GalleryScene] = []
    notes: list[str] = []
    files: dict[str, bytes] = {}
    try:
        with h5py.File(path, "r") as file:
            names = sorted(file.keys())
            if len(names) > MAX_SCENES:
                notes.append(f"{len(names)} scenes were recorded; the first {MAX_SCENES} are shown")
            for name in names[:MAX_SCENES]:
                try:
                    scene, images = _scene(file, name, len(scenes))
                except (_Odd, OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
                    reason = str(error) if isinstance(error, _Odd) else "it cannot be read"
                    notes.append(f"scene {clean(name, 80)} is not shown: {reason}")
                    continue
                scenes.append(scene)
                files.update(images)
    except (OSError, RuntimeError, ValueError) as error:
        notes.append(f"gallery.h5 cannot be read ({clean(error.__class__.__name__)})")
    return Pictures(GalleryCard(run=run, scenes=scenes, notes=notes), files)


def _scene(file: h5py.File, name: str, number: int) -> tuple[GalleryScene, dict[str, bytes]]:
    group = _hard(file, name)
    if not isinstance(group, h5py.Group):
        raise _Odd("it is no group")
    colour = _array(group, "false_colour", 3)
    bayes = _array(group, "bayes", 2)
    probability = _array(group, "probability", 2)
    if colour.shape[2] != 3 or not colour.shape[:2] == bayes.shape == probability.shape:
        raise _Odd(f"its pictures differ in shape ({colour.shape}, {bayes.shape}, {probability.shape})")
    truth, predicted = bayes > 0, probability > THRESHOLD
    mistakes = 2 * truth.astype(np.uint8) + predicted
    pictures = {
        "false_colour": png(colour),
        "bayes": png(truth.astype(np.uint8), [CLEAR, CLOUD]),
        "probability": png(probability, _ramp()),
        "disagreement": png(mistakes, [AGREED_CLEAR, FALSE_CLOUD, MISSED_CLOUD, AGREED_CLOUD]),
    }
    images = {view: f"scene-{number:02d}-{view.replace('_', '-')}.png" for view in VIEWS}
    attributes = group.attrs
    scene = GalleryScene(
        name=clean(_attribute(attributes, "name") or name, 120),
        accuracy=finite(_attribute(attributes, "accuracy")),
        daylight=daylight(_attribute(attributes, "daylight")),
        position=position(
            finite(_attribute(attributes, "latitude")), finite(_attribute(attributes, "longitude"))
        ),
        width=colour.shape[1],
        height=colour.shape[0],
        missed=float(np.mean(truth & ~predicted)),
        false_alarm=float(np.mean(~truth & predicted)),
        images=images,
    )
    return scene, {images[view]: picture for view, picture in pictures.items()}


def _hard(group: h5py.Group, name: str) -> Any:
    """A member that lies in this very file: links to other files are never followed."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise _Odd("it is a link to somewhere else, or missing")
    return group[name]


def _array(group: h5py.Group, name: str, dimensions: int) -> np.ndarray:
    dataset = _hard(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype != np.uint8:
        raise _Odd(f"{name} is no array of bytes")
    shape = dataset.shape
    if shape is None or len(shape) != dimensions or any(not 0 < side <= MAX_SIDE for side in shape):
        raise _Odd(f"{name} has the shape {shape}; at most {MAX_SIDE} x {MAX_SIDE} pixels are shown")
    if dataset.is_virtual or dataset.external or int(np.prod(dataset.chunks or (1,))) > MAX_CHUNK:
        raise _Odd(f"{name} is not stored plainly in this file")
    return np.asarray(dataset[()])


def _attribute(attributes: Any, name: str) -> Any:
    """A small attribute as a plain Python value; None when absent or not a single text or number."""
    if name not in attributes:
        return None
    identifier = attributes.get_id(name)
    if identifier.shape not in ((), (1,)) or identifier.dtype.itemsize > 4096:
        return None
    value = attributes[name]
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _ramp() -> list[Colour]:
    """256 colours from clear to cloud."""

    def mix(dark: int, bright: int, step: int) -> int:
        return round(dark + (bright - dark) * step / 255)

    red, green, blue = zip(CLEAR, CLOUD, strict=True)
    return [(mix(*red, i), mix(*green, i), mix(*blue, i)) for i in range(256)]


def png(picture: np.ndarray, palette: list[Colour] | None = None) -> bytes:
    """PNG of an (h, w, 3) picture, or of (h, w) indices into a palette. The same bytes every time."""
    image = Image.fromarray(np.ascontiguousarray(picture, np.uint8))
    if palette is not None:
        image.putpalette([part for colour in palette for part in colour])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
