"""Counts of every test scene, out of an untrusted science.json of schema 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rules.model.values import is_int, is_number

MAX_SCENES = 10_000
MAX_BINS = 1000
CONFUSION = ("tp", "fp", "fn", "tn")
OUTLINES = (
    "predicted", "predicted_near", "truth", "truth_near", "edge", "edge_right", "interior", "interior_right",
)  # fmt: skip


@dataclass(frozen=True)
class SceneCounts:
    """Pixels of the scenes of one run or method, scene by scene in the order of `names`.

    All arrays are float64: confusion and valid (scenes, 4) as tp, fp, fn, tn; boundary (scenes, 8) as OUTLINES;
    squared_error (scenes,); clear and cloud (scenes, bins), the histograms of probability.
    """

    names: tuple[str, ...]
    confusion: np.ndarray
    valid: np.ndarray
    boundary: np.ndarray
    squared_error: np.ndarray
    clear: np.ndarray
    cloud: np.ndarray

    @property
    def scenes(self) -> int:
        """Number of scenes."""
        return len(self.names)

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of each scene."""
        total: np.ndarray = self.confusion.sum(axis=1)
        return total

    @property
    def accuracy(self) -> np.ndarray:
        """Share of each scene's pixels that are labelled as the mask labels them."""
        right: np.ndarray = (self.confusion[:, 0] + self.confusion[:, 3]) / self.pixels
        return right


def scene_counts(science: Any) -> SceneCounts | None:
    """What a science.json says of its scenes; None for one of schema 1, or one whose counts are none.

    Raises nothing, whatever the file holds.
    """
    rows = science.get("per_scene") if isinstance(science, dict) else None
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_SCENES:
        return None
    found = [_row(row) for row in rows]
    known = [one for one in found if one is not None]
    names = tuple(name for name, _ in known)
    if len(known) < len(rows) or len(set(names)) < len(names):
        return None
    widths = {len(part) for _, parts in known for part in parts[4:]}
    if len(widths) != 1:
        return None
    columns = [np.array([parts[i] for _, parts in known], np.float64) for i in range(6)]
    if not (columns[0].sum(axis=1) > 0).all():
        return None
    return SceneCounts(names, columns[0], columns[1], columns[2], columns[3][:, 0], columns[4], columns[5])


def of_confusion(names: Sequence[str], confusion: np.ndarray) -> SceneCounts:
    """Scenes of which no more is known than tp, fp, fn and tn, (scenes, 4): enough to compare accuracies."""
    count = len(names)
    nothing = np.zeros(count), np.zeros((count, 1)), np.zeros((count, 1))
    return SceneCounts(tuple(names), confusion, confusion, np.zeros((count, 8)), *nothing)


def in_common(several: Sequence[SceneCounts]) -> list[SceneCounts]:
    """The same runs or methods, each with the scenes that all of them have, in one order."""
    shared = set(several[0].names).intersection(*(set(one.names) for one in several)) if several else set()
    order = [name for name in several[0].names if name in shared] if several else []
    return [_taken(one, order) for one in several]


def _taken(counts: SceneCounts, names: Sequence[str]) -> SceneCounts:
    at = {name: place for place, name in enumerate(counts.names)}
    places = np.array([at[name] for name in names], np.int64)
    parts = (
        counts.confusion,
        counts.valid,
        counts.boundary,
        counts.squared_error,
        counts.clear,
        counts.cloud,
    )
    return SceneCounts(tuple(names), *(part[places] for part in parts))


def _row(row: Any) -> tuple[str, list[list[float]]] | None:
    """Name and numbers of a scene; None unless all are there."""
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        return None
    valid, boundary, histogram = (_dict(row.get(name)) for name in ("valid", "boundary", "histogram"))
    error = row.get("squared_error")
    if not is_number(error) or error < 0:
        return None
    found = [
        _counts([row.get(name) for name in CONFUSION]),
        _counts([valid.get(name) for name in CONFUSION]),
        _counts([boundary.get(name) for name in OUTLINES]),
        [float(error)],
        _counts(histogram.get("clear")),
        _counts(histogram.get("cloud")),
    ]
    parts = [part for part in found if part is not None]
    return (row["name"], parts) if len(parts) == len(found) else None


def _counts(values: Any) -> list[float] | None:
    if not isinstance(values, list) or not 0 < len(values) <= MAX_BINS:
        return None
    known = [float(value) for value in values if is_int(value) and 0 <= value < 2**53]
    return known if len(known) == len(values) else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
