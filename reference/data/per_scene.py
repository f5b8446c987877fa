"""Inputs by the statistics of their own scene instead of constants: `data.normalisation: per-scene`, in open only.

Every channel of the normalised input loses its mean over the scene and is divided by its deviation, so that a sensor
that is brighter or has another gain looks like the others. Missing values count as the 0 that normalisation gives them.
A scene's statistics need no labels, but they need the whole scene: a mask of one pixel depends on all others.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reference.data.patches import Patch, normalise
from reference.data.readers import PatchReader
from reference.data.scenes import open_scene
from reference.protocol.spec import Geometry

SMALLEST = 1e-3  # a deviation below it is that of a channel without content, such as reflectance at night


def statistics(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and divisor (C,) float32 of each channel of a normalised scene (H, W, C)."""
    pixels = image.reshape(-1, image.shape[-1])
    mean, deviation = pixels.mean(axis=0, dtype=np.float64), pixels.std(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.where(deviation < SMALLEST, 1, deviation).astype(np.float32)


def standardised(image: np.ndarray) -> np.ndarray:
    """A normalised scene (H, W, C) by its own statistics."""
    mean, divisor = statistics(image)
    result: np.ndarray = (image - mean) / divisor
    return result


class PerSceneReader:
    """Patches of another reader, by the statistics of the scene that each comes from.

    A scene is read as a whole when its first patch is; its statistics are kept.
    """

    def __init__(
        self, reader: PatchReader, files: Sequence[Path | str], patches: Sequence[Patch], geometry: Geometry
    ) -> None:
        self._reader, self._geometry = reader, geometry
        self._files, self._patches = [Path(file) for file in files], list(patches)
        self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._reader)

    def read_into(self, number: int, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Read a patch and standardise it (see PatchReader)."""
        self._reader.read_into(number, inputs, labels)
        mean, divisor = self._statistics(self._patches[number].file)
        np.subtract(inputs, mean, out=inputs)
        np.divide(inputs, divisor, out=inputs)

    def close(self) -> None:
        """Close the other reader."""
        self._reader.close()

    def _statistics(self, file: int) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            if file not in self._known:
                with open_scene(self._files[file]) as scene:
                    scene.require(self._geometry.scene_height, self._geometry.scene_width)
                    self._known[file] = statistics(normalise(scene.read("refs"), scene.read("bts")))
            return self._known[file]
