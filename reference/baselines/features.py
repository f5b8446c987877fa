"""What simple methods see of a pixel: its nine channels, four combinations, and the spread around it.

Reflectance is 0 where it is missing; a pixel without brightness temperature at 11 um is not valid, and is
neither fitted to nor called cloud (borders of scenes hold zeros, which the mask counts as clear).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.data.scenes import LoadedScene

NAMES = (
    *("S1", "S2", "S3", "S4", "S5", "S6"),  # reflectance
    *("S7", "S8", "S9"),  # brightness temperature, K
    "S8-S9",
    "S7-S8",
    "NDSI",  # (S1 - S5) / (S1 + S5): snow
    "NDVI",  # (S3 - S2) / (S3 + S2): vegetation; below 0 over clear water
    "S8 spread",  # standard deviation of 3 x 3 pixels, K
    "S3 spread",  # of reflectance
)
COLUMN = {name: place for place, name in enumerate(NAMES)}
COLDEST_K, WARMEST_K = 180.0, 340.0
MISSING_K = 270.0  # what the benchmark's normalisation makes of a missing temperature


@dataclass(frozen=True)
class View:
    """The pixels of a scene, or some of them: `values` (..., 15) float32 in the order of NAMES."""

    values: np.ndarray
    valid: np.ndarray  # (...) bool
    day: bool

    def column(self, name: str) -> np.ndarray:
        """One feature, (...) float32."""
        found: np.ndarray = self.values[..., COLUMN[name]]
        return found


def view_of(scene: LoadedScene) -> View:
    """The features of a whole scene."""
    refs = np.nan_to_num(np.asarray(scene.refs, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    bts = np.nan_to_num(np.asarray(scene.bts, np.float32), nan=MISSING_K, posinf=MISSING_K, neginf=MISSING_K)
    with np.errstate(invalid="ignore"):
        valid = scene.bts[..., 1] > 100
    bts = np.clip(bts, COLDEST_K, WARMEST_K)
    s7, s8, s9 = (bts[..., k] for k in range(3))
    values = np.empty((*s8.shape, len(NAMES)), np.float32)
    values[..., :6], values[..., 6:9] = refs, bts
    derived = (
        s8 - s9,
        s7 - s8,
        _index(refs[..., 0], refs[..., 4]),
        _index(refs[..., 2], refs[..., 1]),
        spread(s8),
        spread(refs[..., 2]),
    )
    for place, field in enumerate(derived, 9):
        values[..., place] = field
    return View(values, valid, scene.daylight)


def spread(field: np.ndarray) -> np.ndarray:
    """Standard deviation of the 3 x 3 pixels around each of (H, W); the outermost ones are repeated."""
    mean = _box(field.astype(np.float64))
    squares = _box(field.astype(np.float64) ** 2)
    deviation: np.ndarray = np.sqrt(np.maximum(squares - mean**2, 0)).astype(np.float32)
    return deviation


def _box(field: np.ndarray) -> np.ndarray:
    padded = np.pad(field, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    total: np.ndarray = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return total


def _index(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(one - other) / (one + other), 0 where there is no light, never beyond -1 to 1."""
    total = one + other
    ratio = np.divide(one - other, total, out=np.zeros_like(total), where=total > 0.005)
    index: np.ndarray = np.clip(ratio, -1, 1)
    return index
