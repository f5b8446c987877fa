"""How far several runs agree, pixel by pixel: in the scenes whose predictions all of them kept as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLD = 127  # of 255: a probability above it means cloud


@dataclass(frozen=True)
class Prediction:
    """One scene of one run: its probability of cloud (h, w) uint8 of 255, and the mask (h, w) uint8, 0 for clear."""

    name: str
    probability: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """Shares of the pixels of the scenes that all runs kept."""

    runs: int
    scenes: int
    pairs: float  # on which two runs agree, mean over all pairs
    ensemble: float  # on which the mean probability of all runs is right
    single: float  # on which a run is right, mean over runs
    maps: dict[str, np.ndarray]  # by scene: in how many runs (uint8) each pixel is wrong


def agreement(runs: Sequence[Sequence[Prediction]]) -> Agreement | None:
    """What the runs agree on; None for fewer than two runs, or without a scene that all have in one size."""
    if len(runs) < 2:
        return None
    by_name = [{one.name: one for one in run} for run in runs]
    pixels = agreed = right = together = 0
    maps: dict[str, np.ndarray] = {}
    for name in (one.name for one in runs[0]):
        several = [found[name] for found in by_name if name in found]
        if len(several) < len(runs) or len({one.probability.shape for one in several}) != 1:
            continue
        truth = several[0].truth > 0
        called = np.sum([one.probability > THRESHOLD for one in several], axis=0, dtype=np.int64)
        wrong = np.where(truth, len(runs) - called, called)
        mean = np.mean([one.probability for one in several], axis=0)
        pixels += truth.size
        agreed += int(np.sum(called * (called - 1) + (len(runs) - called) * (len(runs) - called - 1)))
        right += int(np.sum(len(runs) - wrong))
        together += int(np.count_nonzero((mean > 127.5) == truth))
        maps[name] = wrong.astype(np.uint8)
    if not pixels:
        return None
    pairs = agreed / (pixels * len(runs) * (len(runs) - 1))
    return Agreement(len(runs), len(maps), pairs, together / pixels, right / (pixels * len(runs)), maps)
