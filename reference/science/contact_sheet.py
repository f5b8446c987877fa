"""Contact sheets: scenes beside their masks, or beside the predictions in the gallery of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reference.data.scenes import load_scene, named_as_synthetic
from reference.protocol.spec import Geometry
from reference.science.imagery import (
    disagreement_picture,
    false_colour,
    mask_picture,
    probability_picture,
    shrink,
)
from reference.science.stamp import WORD, stamped

TITLES = ("False colour", "Bayesian mask", "Predicted probability", "Disagreement")
GAP = 8
TITLE_HEIGHT = 30
TEXT_SIZE = 15
BACKGROUND, INK = (250, 250, 248), (34, 40, 49)
PALETTE_COLOURS = 160  # enough for scenes, and keeps files small

Row = Sequence[np.ndarray]


def scenes_sheet(files: Sequence[Path | str], geometry: Geometry, longest: int = 375) -> Image.Image:
    """Scenes and their masks, one row each; `info` says whether any is synthetic.

    Raises ValueError when there are none or one cannot be read.
    """
    rows, made = [], []
    for file in files:
        scene = load_scene(file, geometry)
        pictures = (false_colour(scene.refs, scene.bts, scene.daylight), mask_picture(scene.truth))
        rows.append([shrink(picture, longest) for picture in pictures])
        made.append(named_as_synthetic(Path(file).name))
    return _sheet(rows, made)


def gallery_sheet(gallery: Path | str, scenes: int | None = None) -> Image.Image:
    """Scenes of a run's gallery.h5 with masks, predictions and where they differ, one row each.

    Raises ValueError when the file is not a gallery, or is empty.
    """
    rows, made = [], []
    try:
        with h5py.File(gallery, "r", locking=False) as file:
            for name in sorted(file)[:scenes]:
                group = file[name]
                truth, said = group["bayes"][...], group["probability"][...]
                rows.append(
                    [
                        group["false_colour"][...],
                        mask_picture(truth),
                        probability_picture(said / 255),
                        disagreement_picture(truth, said > 127),
                    ]
                )
                made.append(named_as_synthetic(str(group.attrs["name"])))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{gallery}: not the gallery of a run ({' '.join(str(error).split())[:120]})"
        ) from error
    return _sheet(rows, made)


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as a PNG with a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(PALETTE_COLOURS, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)


def _sheet(rows: Sequence[Row], made: Sequence[bool]) -> Image.Image:
    """The rows below titles; those of synthetic (`made`) scenes say so in every picture, and so do the titles."""
    if not rows:
        raise ValueError("no scenes to show")
    height, width = rows[0][0].shape[:2]
    columns = len(rows[0])
    size = (columns * (width + GAP) + GAP, TITLE_HEIGHT + len(rows) * (height + GAP))
    sheet = Image.new("RGB", size, BACKGROUND)
    sheet.info["synthetic"] = any(made)
    draw = ImageDraw.Draw(sheet)
    more = f", {WORD} scenes" if any(made) else ""
    for column, title in enumerate(TITLES[:columns]):
        place = (GAP + column * (width + GAP), (TITLE_HEIGHT - TEXT_SIZE) // 2 - 2)
        draw.text(place, title + more, INK, ImageFont.load_default(TEXT_SIZE))
    for at, row in enumerate(rows):
        for column, picture in enumerate(row):
            corner = (GAP + column * (width + GAP), TITLE_HEIGHT + at * (height + GAP))
            sheet.paste(Image.fromarray(stamped(picture, 0, 255) if made[at] else picture), corner)
    return sheet
