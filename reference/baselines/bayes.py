"""Bayesian screening: how often pixels that look like this one were cloud in the training scenes.

Four features by day and three at night span a histogram each; the probability of cloud is that of the cell.
After Merchant, Harris, Maturi and MacCallum (2005), "Probabilistic physically based cloud screening of satellite
infrared imagery for operational sea surface temperature retrieval", and Hollstein, Fischer, Carbajal Henken and
Preusker (2015), "Bayesian cloud detection for MERIS, AATSR, and their combination", whose histograms are from
training data as these are. Both are known here by what others write of them, not read.
"""

from __future__ import annotations

import numpy as np

from reference.baselines.base import Sample, base_rate, measured
from reference.baselines.features import COLUMN, View

DAY = ("S2", "S8", "S7-S8", "S3 spread")
NIGHT = ("S8", "S7-S8", "S8 spread")
BINS = {True: 14, False: 24}  # of each feature, with equally many training pixels in each
PRIOR_PIXELS = 2.0  # every cell starts with so many pixels, of the average share of cloud
KERNEL = (0.15, 0.7, 0.15)  # counts are spread to the neighbouring cells, along each axis


class JointBayes:
    """Smoothed joint histograms of cloud and clear, one by day and one at night."""

    name = "bayes"
    title = "Bayesian screening"
    version = 1
    needs = "histograms of the training scenes, by day and at night"

    def __init__(self) -> None:
        self._edges: dict[bool, list[np.ndarray]] = {}
        self._cloud: dict[bool, np.ndarray] = {}

    def fit(self, sample: Sample) -> None:
        """Count training pixels. Raises ValueError when there is none."""
        if not len(sample.truth):
            raise ValueError("no valid pixel to fit to")
        for day in (True, False):
            part = sample.part(day)
            self._fit_part(day, part, base_rate(part, base_rate(sample)))

    def _fit_part(self, day: bool, part: Sample, share: float) -> None:
        names, bins = DAY if day else NIGHT, BINS[day]
        columns = [part.values[:, COLUMN[name]] for name in names]
        quantiles = np.linspace(0, 1, bins + 1)[1:-1]
        self._edges[day] = [
            np.quantile(column, quantiles) if len(column) else np.linspace(0, 1, bins - 1)
            for column in columns
        ]
        shape = (bins,) * len(names)
        cell = self._cells(day, columns)
        seen = _smooth(np.bincount(cell, minlength=bins ** len(names)).reshape(shape))
        cloud = _smooth(np.bincount(cell, weights=part.truth, minlength=bins ** len(names)).reshape(shape))
        self._cloud[day] = ((cloud + PRIOR_PIXELS * share) / (seen + PRIOR_PIXELS)).astype(np.float32).ravel()

    def _cells(self, day: bool, columns: list[np.ndarray]) -> np.ndarray:
        """The number of each pixel's cell, (...) int64."""
        places = [np.searchsorted(e, c, side="right") for e, c in zip(self._edges[day], columns, strict=True)]
        cell: np.ndarray = np.ravel_multi_index(tuple(places), (BINS[day],) * len(places))
        return cell

    def predict(self, view: View) -> np.ndarray:
        """The share of cloud in each pixel's cell."""
        columns = [view.column(name) for name in (DAY if view.day else NIGHT)]
        return measured(view, self._cloud[view.day][self._cells(view.day, columns)])

    def state(self) -> dict[str, np.ndarray]:
        """Edges of the bins, and the share of cloud in each cell."""
        state = {}
        for day, name in ((True, "day"), (False, "night")):
            state[f"{name}_edges"] = np.stack(self._edges[day])
            state[f"{name}_cloud"] = self._cloud[day]
        return state


def _smooth(counts: np.ndarray) -> np.ndarray:
    """Counts spread to neighbouring cells along each axis; their sum stays."""
    smooth = counts.astype(np.float64)
    for axis in range(counts.ndim):
        line = np.moveaxis(smooth, axis, 0)
        before = np.concatenate([line[:1], line[:-1]])
        after = np.concatenate([line[1:], line[-1:]])
        smooth = np.moveaxis(KERNEL[0] * before + KERNEL[1] * line + KERNEL[2] * after, 0, axis)
    return smooth
