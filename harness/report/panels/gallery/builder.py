"""Pictures of test scenes, from what the reader process found in gallery.h5."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.report.drawing.labels import VIEWS
from harness.report.drawing.text import clean, daylight, finite, position
from harness.report.panels.gallery.model import GalleryCard, GalleryScene
from harness.untrusted.gallery import Scene
from harness.untrusted.hdf5_guard import Reader
from reference.science.imagery import FALSE_RGB, MISSED_RGB
from reference.science.stamp import stamped

THRESHOLD = 127  # a probability above it (of 255) is 0.5 or more, and means cloud

Colour = tuple[int, int, int]
CLEAR = (28, 52, 74)  # deep water blue
CLOUD = (236, 240, 243)
# Disagreement: the mistakes in the colours of `data preview`; agreement stays grey.
AGREED_CLEAR = (45, 52, 60)
AGREED_CLOUD = (150, 158, 166)
MISSED_CLOUD, FALSE_CLOUD = MISSED_RGB, FALSE_RGB


@dataclass(frozen=True)
class Pictures:
    """The card for the page, and the PNG files it names."""

    card: GalleryCard
    files: dict[str, bytes]


def read_gallery(
    path: Path | None, run: int | None, reader: Reader | None = None, synthetic: bool = False
) -> Pictures:
    """Scenes and pictures of one run's gallery.h5; an empty gallery with a note when there is none.

    Pictures of `synthetic` scenes say so in their names and in themselves: they may leave their page.
    """
    if path is None or not path.is_file():
        return Pictures(GalleryCard(run=run, scenes=[], notes=["No pictures of scenes were recorded"]), {})
    try:
        found = (reader or Reader()).gallery(path)
    except ValueError as error:
        return Pictures(GalleryCard(run=run, scenes=[], notes=[clean(error)]), {})
    shown = [_scene(scene, number, synthetic) for number, scene in enumerate(found.scenes)]
    files = {name: picture for _, images in shown for name, picture in images.items()}
    notes = [clean(note) for note in found.notes]
    return Pictures(GalleryCard(run=run, scenes=[scene for scene, _ in shown], notes=notes), files)


def _scene(found: Scene, number: int, synthetic: bool) -> tuple[GalleryScene, dict[str, bytes]]:
    truth, predicted = found.bayes > 0, found.probability > THRESHOLD
    mistakes = 2 * truth.astype(np.uint8) + predicted
    mark = stamped if synthetic else _plain
    pictures = {
        "false_colour": png(mark(found.false_colour, 0, 255)),
        "bayes": png(mark(truth.astype(np.uint8), 0, 1), [CLEAR, CLOUD]),
        "probability": png(mark(found.probability, 0, 255), _ramp()),
        "disagreement": png(mark(mistakes, 0, 3), [AGREED_CLEAR, FALSE_CLOUD, MISSED_CLOUD, AGREED_CLOUD]),
    }
    images = {view: picture_name(f"scene-{number:02d}-{view.replace('_', '-')}", synthetic) for view in VIEWS}
    height, width = truth.shape
    stated = found.attributes
    scene = GalleryScene(
        name=clean(stated["name"] or found.name, 120),
        accuracy=finite(stated["accuracy"]),
        daylight=daylight(stated["daylight"]),
        position=position(finite(stated["latitude"]), finite(stated["longitude"])),
        width=width,
        height=height,
        missed=float(np.mean(truth & ~predicted)),
        false_alarm=float(np.mean(~truth & predicted)),
        images=images,
    )
    return scene, {images[view]: picture for view, picture in pictures.items()}


def picture_name(stem: str, synthetic: bool) -> str:
    """File name of a picture; that of synthetic scenes says so."""
    return f"{'synthetic-' if synthetic else ''}{stem}.png"


def _plain(picture: np.ndarray, dark: int, light: int) -> np.ndarray:
    return picture


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
