"""The pictures of a gallery against those that the weights give again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.untrusted.hdf5_guard import Reader
from rules.model.evidence import PictureDifference

STEP = 2  # of 255: rounding, on this hardware or another, moves a probability by less
PICTURES = ("false_colour", "bayes", "probability")


def compare_pictures(reader: Reader, stored: Path, again: Path) -> tuple[PictureDifference, ...]:
    """Each picture that is stored against the same made again.

    Raises ValueError, in one line, when the stored gallery cannot be read or shows other scenes.
    """
    shown, made = reader.gallery(stored), {scene.name: scene for scene in reader.gallery(again).scenes}
    if shown.notes:
        raise ValueError(shown.notes[0])
    found = []
    for scene in shown.scenes:
        twin = made.get(scene.name)
        if twin is None:
            raise ValueError(f"{scene.name} is none of the first test scenes")
        for picture in PICTURES:
            a, b = getattr(scene, picture), getattr(twin, picture)
            if a.shape != b.shape:
                raise ValueError(f"{scene.name}: {picture} has the shape {a.shape}, {b.shape} expected")
            far = np.abs(a.astype(np.int16) - b) > (0 if picture == "bayes" else STEP)
            found.append(PictureDifference(scene.name, picture, float(far.mean()), STEP))
    return tuple(found)
