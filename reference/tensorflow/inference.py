"""From whole test scenes to masks: overlapping patches, prediction, stitching.

Reading, predicting and writing overlap, and batches run on across scenes: the model never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.data.patches import CHANNELS, inference_grid, inference_patches, normalise, stitch
from reference.data.pipeline import prefetch
from reference.data.scenes import LoadedScene
from reference.protocol.spec import Geometry
from reference.tensorflow import xla

if TYPE_CHECKING:
    import keras

PIXELS_PER_BATCH = {"cpu": 1 << 19, "gpu": 1 << 21}  # 8 and 32 patches of 256 x 256


@dataclass
class _Unfinished:
    """A scene on its way through the model."""

    scene: LoadedScene
    predictions: np.ndarray  # (rows * columns, P, P)
    missing: int


Place = tuple[_Unfinished, int]  # where a prediction belongs: its scene, its number there


class Predictor:
    """A model that predicts whole scenes, in batches of one fixed shape that run on across scenes."""

    def __init__(self, model: keras.Model, geometry: Geometry) -> None:
        import tensorflow as tf

        self._geometry = geometry
        rows, columns = inference_grid(geometry)
        self._patches, size = rows * columns, geometry.patch_size
        pixels = PIXELS_PER_BATCH["gpu" if tf.config.list_physical_devices("GPU") else "cpu"]
        batch = max(1, min(self._patches, pixels // size**2))  # no more than a scene: filling costs as much
        self._shape = (batch, size, size, CHANNELS)

        def predict(inputs: Any) -> Any:
            return model(inputs, training=False)

        self._predict = xla.compiled(predict, xla.helps(model, size, training=False))

    def warm_up(self) -> None:
        """Build the graph on zeros, so that the first scene is timed like the others."""
        self._predict(np.zeros(self._shape, np.float32))

    def predict(self, scene: LoadedScene) -> np.ndarray:
        """Probability of cloud (H, W) float32 of one scene."""
        return next(self.predict_all(iter([scene])))[1]

    def predict_all(self, scenes: Iterator[LoadedScene]) -> Iterator[tuple[LoadedScene, np.ndarray]]:
        """Each scene, in order, with its probability of cloud (H, W) float32.

        One thread takes the next scenes and cuts their patches, one feeds the model and stitches,
        while the caller writes down what it got. Errors of `scenes` are raised here.
        """
        return prefetch(self._predicted(scenes), 1)

    def _predicted(self, scenes: Iterator[LoadedScene]) -> Iterator[tuple[LoadedScene, np.ndarray]]:
        running: deque[tuple[list[Place], Any]] = deque()
        for inputs, places in prefetch(self._batches(scenes), 2):
            running.append((places, self._predict(inputs)))
            if len(running) > 1:  # fetched only after the next batch has been handed to the device
                yield from self._stitched(*running.popleft())
        while running:
            yield from self._stitched(*running.popleft())

    def _batches(self, scenes: Iterator[LoadedScene]) -> Iterator[tuple[np.ndarray, list[Place]]]:
        """Patches of all scenes, one after the other, batch by batch; the last one filled up with zeros."""
        inputs = np.zeros(self._shape, np.float32)
        places: list[Place] = []
        size = self._geometry.patch_size
        for scene in scenes:
            unfinished = _Unfinished(scene, np.empty((self._patches, size, size), np.float32), self._patches)
            image = normalise(scene.refs, scene.bts)
            for number, patch in enumerate(inference_patches(image, self._geometry)):
                inputs[len(places)] = patch
                places.append((unfinished, number))
                if len(places) == len(inputs):
                    yield inputs, places
                    inputs, places = np.zeros(self._shape, np.float32), []
        if places:
            yield inputs, places

    def _stitched(self, places: list[Place], predicted: Any) -> Iterator[tuple[LoadedScene, np.ndarray]]:
        """Put a batch's predictions where they belong; yield the scenes that are complete with it."""
        for (unfinished, number), prediction in zip(places, predicted.numpy(), strict=False):
            unfinished.predictions[number] = prediction[..., 0]
            unfinished.missing -= 1
            if not unfinished.missing:
                yield unfinished.scene, stitch(unfinished.predictions, self._geometry)
