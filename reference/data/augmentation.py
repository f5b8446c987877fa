"""Changed training patches, the same whenever a run is repeated: `augmentation: radiometric`, in open only.

A sensor of another gain and offset makes another image of the same scene. Every patch gets one gain for all channels,
one gain for each and one offset for each, drawn anew in every epoch from the run's seed, and is turned and mirrored.
"""

from __future__ import annotations

import numpy as np

COMMON_GAIN, CHANNEL_GAIN, OFFSET = 0.3, 0.1, 0.1  # standard deviations; gains are exp of them


class Radiometric:
    """The changes of one epoch of one run."""

    def __init__(self, seed: int, epoch: int) -> None:
        self._key = [seed % 2**64, epoch]

    def __call__(self, number: int, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Change patch `number` in place: inputs (P, P, C) float32 and labels (P, P, 1), P x P pixels."""
        rng = np.random.default_rng([*self._key, number])
        channels = inputs.shape[-1]
        gain = np.exp(rng.normal(0, CHANNEL_GAIN, (channels,)) + rng.normal(0, COMMON_GAIN))
        offset = rng.normal(0, OFFSET, (channels,))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        for array in (inputs, labels):
            turned = np.rot90(array, turns)
            array[...] = (turned[:, ::-1] if mirrored else turned).copy()
        inputs *= gain.astype(np.float32)
        inputs += offset.astype(np.float32)
