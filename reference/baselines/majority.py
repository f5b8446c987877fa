"""The majority: every pixel is what most training pixels are. Anything that learnt something is better."""

from __future__ import annotations

import numpy as np

from reference.baselines.base import Sample, base_rate
from reference.baselines.features import View


class Majority:
    """Cloud or clear everywhere, with the training scenes' share of cloud as its probability."""

    name = "majority"
    title = "majority of training pixels"
    version = 1
    needs = "the share of cloud in the training scenes"

    def __init__(self) -> None:
        self._share = 0.5

    def fit(self, sample: Sample) -> None:
        """Count cloud. Raises ValueError when there is no pixel."""
        if not len(sample.truth):
            raise ValueError("no valid pixel to fit to")
        self._share = base_rate(sample)

    def predict(self, view: View) -> np.ndarray:
        """The same probability everywhere."""
        return np.full(view.valid.shape, self._share, np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """The share of cloud."""
        return {"share": np.array(self._share)}
