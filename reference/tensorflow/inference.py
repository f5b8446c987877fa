"""From whole test scenes to masks: overlapping patches, prediction, stitching.

Reading, predicting and writing overlap, and batches continue across scenes, so that the model never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.data.patches import CHANNELS, inference_grid, inference_patches, normalise, stitch
from reference.data.per_scene import standardised
from reference.data.pipeline import prefetch
from reference.data.scenes import LoadedScene
from reference.protocol.spec import Geometry
from reference.tensorflow import xla

if TYPE_CHECKING:
    import keras

PIXELS_PER_BATCH = {"cpu": 1 << 19, "gpu": 1 << 21}  # 8 and 32 patches of 256 x 256


@dataclass
class _Unfinished:
    """A scene of which some patches have not been predicted yet."""

    scene: LoadedScene
    predictions: np.ndarray  # (rows * columns, P, P)
    missing: int


Place = tuple[_Unfinished, int]  # where a prediction belongs: scene, and number of the patch in it


class Predictor:
    """A model that predicts whole scenes, in batches of one fixed shape that continue across scenes."""

    def __init__(self, model: keras.Model, geometry: Geometry, normalisation: str = "fixed") -> None:
        import tensorflow as tf

        self._geometry, self._normalisation = geometry, normalisation
        rows, columns = inference_grid(geometry)
        self._patches, size = rows * columns, geometry.patch_size
        pixels = PIXELS_PER_BATCH["gpu" if tf.config.list_physical_devices("GPU") else "cpu"]
        # at most a scene: padding takes as long as patches
        batch = max(1, min(self._patches, pixels // size**2))
        self._shape = (batch, size, size, CHANNELS)

        def predict(inputs: Any) -> Any:
            return model(inputs, training=False)

        self._predict = xla.compiled(predict, xla.helps(model, size, training=False))

    def warm_up(self) -> None:
        """Build the graph with zeros, so that the first scene takes no longer than the others."""
        self._predict(np.zeros(self._shape, np.float32))

    def predict(self, scene: LoadedScene) -> np.ndarray:
        """Probability of cloud (H, W) float32 in one scene."""
        return next(self.predict_all(iter([scene])))[1]

    def predict_all(self, scenes: Iterator[LoadedScene]) -> Iterator[tuple[LoadedScene, np.ndarray]]:
        """Each scene, in order, with its probability of cloud (H, W) float32.

        One thread takes the next scenes and cuts their patches, another feeds the model and stitches,
        while the caller processes results. Errors of `scenes` are raised here.
        """
        return prefetch(self._predicted(scenes), 1)

    def _predicted(self, scenes: Iterator[LoadedScene]) -> Iterator[tuple[LoadedScene, np.ndarray]]:
        running: deque[tuple[list[Place], Any]] = deque()
        for inputs, places in prefetch(self._batches(scenes), 2):
            running.append((places, self._predict(inputs)))
            if len(running) > 1:  # fetched after the next batch has been passed to the device
                yield from self._stitched(*running.popleft())
        while running:
            yield from self._stitched(*running.popleft())

    def _batches(self, scenes: Iterator[LoadedScene]) -> Iterator[tuple[np.ndarray, list[Place]]]:
        """Patches of all scenes, one after the other, batch by batch; the last batch is padded with zeros."""
        inputs = np.zeros(self._shape, np.float32)
        places: list[Place] = []
        size = self._geometry.patch_size
        for scene in scenes:
            unfinished = _Unfinished(scene, np.empty((self._patches, size, size), np.float32), self._patches)
            image = normalise(scene.refs, scene.bts)
            if self._normalisation == "per-scene":
                image = standardised(image)
            for number, patch in enumerate(inference_patches(image, self._geometry)):
                inputs[len(places)] = patch
                places.append((unfinished, number))
                if len(places) == len(inputs):
                    yield inputs, places
                    inputs, places = np.zeros(self._shape, np.float32), []
        if places:
            yield inputs, places

    def _stitched(self, places: list[Place], predicted: Any) -> Iterator[tuple[LoadedScene, np.ndarray]]:
        """Put a batch's predictions where they belong. Yields the scenes that it completes."""
        for (unfinished, number), prediction in zip(places, predicted.numpy(), strict=False):
            unfinished.predictions[number] = prediction[..., 0]
            unfinished.missing -= 1
            if not unfinished.missing:
                yield unfinished.scene, stitch(unfinished.predictions, self._geometry)
