"""Logistic regression on fifteen features of a pixel, one for the day and one for the night: 32 coefficients.

Fitted by iteratively reweighted least squares (Newton's method for this likelihood; McCullagh and Nelder,
"Generalized Linear Models") with a small ridge, so that features that never vary get the coefficient 0.
"""

from __future__ import annotations

import numpy as np

from reference.baselines.base import Sample, base_rate, measured
from reference.baselines.features import NAMES, View

STEPS = 25
ENOUGH = 1e-6  # largest change of a coefficient that counts as converged
RIDGE = 1e-4  # of the mean log-likelihood, on standardised features
BLOCK = 1 << 18  # pixels at a time
FARTHEST = 6.0  # deviations: what is farther out counts as so far


class Logistic:
    """A weighted sum of standardised features, through the logistic function."""

    name = "logistic"
    title = "logistic regression (15 features)"
    version = 1
    needs = "32 coefficients fitted to the training scenes"

    def __init__(self) -> None:
        self._mean: dict[bool, np.ndarray] = {}
        self._scale: dict[bool, np.ndarray] = {}
        self._weights: dict[bool, np.ndarray] = {}

    def fit(self, sample: Sample) -> None:
        """Maximise the likelihood of the training pixels. Raises ValueError when there is none."""
        if not len(sample.truth):
            raise ValueError("no valid pixel to fit to")
        for day in (True, False):
            part = sample.part(day)
            mean, deviation = np.zeros(len(NAMES)), np.ones(len(NAMES))
            if len(part.truth):
                mean, deviation = part.values.mean(axis=0, dtype=np.float64), part.values.std(axis=0)
            self._mean[day] = mean
            self._scale[day] = np.where(deviation > 1e-6, deviation, 1.0).astype(np.float64)
            self._weights[day] = self._solve(day, part, base_rate(part, base_rate(sample)))

    def _solve(self, day: bool, part: Sample, share: float) -> np.ndarray:
        weights = np.zeros(len(NAMES) + 1)
        share = min(max(share, 1e-4), 1 - 1e-4)
        weights[-1] = np.log(share / (1 - share))
        ridge = RIDGE * np.diag([1.0] * len(NAMES) + [0.0]) * max(len(part.truth), 1)
        for _ in range(STEPS if len(part.truth) else 0):
            gradient, curvature = -ridge @ weights, ridge + 1e-9 * np.eye(len(weights))
            for start in range(0, len(part.truth), BLOCK):
                rows = self._rows(day, part.values[start : start + BLOCK])
                p = _logistic(rows @ weights)
                gradient = gradient + rows.T @ (part.truth[start : start + BLOCK] - p)
                curvature = curvature + rows.T @ (rows * (p * (1 - p))[:, None])
            step = np.linalg.solve(curvature, gradient)
            weights = weights + step
            if np.abs(step).max() < ENOUGH:
                break
        return weights

    def _rows(self, day: bool, values: np.ndarray) -> np.ndarray:
        """Standardised features and a 1, (n, 16) float64."""
        standard = np.clip((values - self._mean[day]) / self._scale[day], -FARTHEST, FARTHEST)
        return np.concatenate([standard, np.ones((len(values), 1))], axis=1)

    def predict(self, view: View) -> np.ndarray:
        """Probability of cloud of each pixel."""
        values = view.values.reshape(-1, len(NAMES))
        out = np.empty(len(values), np.float32)
        for start in range(0, len(values), BLOCK):
            rows = self._rows(view.day, values[start : start + BLOCK])
            out[start : start + BLOCK] = _logistic(rows @ self._weights[view.day])
        return measured(view, out.reshape(view.valid.shape))

    def state(self) -> dict[str, np.ndarray]:
        """Coefficients of the standardised features, the constant last; means and deviations."""
        state = {}
        for day, name in ((True, "day"), (False, "night")):
            state[f"{name}_weights"] = self._weights[day]
            state[f"{name}_mean"], state[f"{name}_scale"] = self._mean[day], self._scale[day]
        return state


def _logistic(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return result
