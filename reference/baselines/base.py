"""What every simple method is: a name, what it needs, how it is fitted, and the numbers that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reference.baselines.features import View


@dataclass(frozen=True)
class Sample:
    """Valid pixels of the training patches: features (n, 15) float32, whether by day, and truth 0 or 1."""

    values: np.ndarray
    day: np.ndarray  # (n,) bool
    truth: np.ndarray  # (n,) uint8

    def part(self, day: bool) -> Sample:
        """The pixels by day, or those at night."""
        at = self.day == day
        return Sample(self.values[at], self.day[at], self.truth[at])


class Baseline(Protocol):
    """A method. `fit` may be called once; `state` holds all that was learnt from the training scenes."""

    name: str  # in files
    title: str  # for people
    version: int  # raised whenever the same scenes give other masks
    needs: str  # what it takes from the training scenes

    def fit(self, sample: Sample) -> None:
        """Learn from training pixels. Raises ValueError where there are none."""

    def predict(self, view: View) -> np.ndarray:
        """Probability of cloud (...) float32 in [0, 1] of every pixel, valid or not (see `measured`)."""

    def state(self) -> dict[str, np.ndarray]:
        """The numbers learnt, by name."""


def base_rate(sample: Sample, fallback: float = 0.5) -> float:
    """The share of cloud; `fallback` where there is no pixel."""
    return float(np.mean(sample.truth)) if len(sample.truth) else fallback


def measured(view: View, probability: np.ndarray) -> np.ndarray:
    """The probability where there is a measurement, 0 elsewhere: empty borders are clear."""
    return np.where(view.valid, probability, np.float32(0))
