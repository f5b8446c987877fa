"""From whole test scenes to masks: overlapping patches, prediction, stitching."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.patches import CHANNELS, inference_grid, inference_patches, label, normalise, stitch
from reference.scenes import Facts, is_daylight, open_scene
from reference.spec import Geometry

if TYPE_CHECKING:
    import keras

PIXELS_PER_BATCH = 1 << 19


@dataclass(frozen=True)
class LoadedScene:
    """A scene as stored: refs (H, W, 6), bts (H, W, 3), truth (H, W) uint8, surface (H, W) or None."""

    facts: Facts
    refs: np.ndarray
    bts: np.ndarray
    truth: np.ndarray
    surface: np.ndarray | None
    daylight: bool  # from the file, or judged from reflectance


def load_scene(path: Path | str, geometry: Geometry) -> LoadedScene:
    """Read a whole scene. Raises ValueError as scenes.open_scene does."""
    with open_scene(path) as scene:
        scene.require(geometry.scene_height, geometry.scene_width)
        refs, facts = scene.read("refs"), scene.facts()
        daylight = is_daylight(refs) if facts.daylight is None else facts.daylight
        truth = label(scene.read("bayes"))[..., 0]
        return LoadedScene(facts, refs, scene.read("bts"), truth, scene.surface(), daylight)


class Predictor:
    """A model that predicts whole scenes, batch by batch of one fixed shape."""

    def __init__(self, model: keras.Model, geometry: Geometry) -> None:
        import tensorflow as tf

        self._geometry = geometry
        rows, columns = inference_grid(geometry)
        size = geometry.patch_size
        self._batch = max(1, min(rows * columns, PIXELS_PER_BATCH // size**2))

        def predict(inputs: Any) -> Any:
            return model(inputs, training=False)

        self._predict = tf.function(
            predict, input_signature=[tf.TensorSpec((self._batch, size, size, CHANNELS), tf.float32)]
        )

    def warm_up(self) -> None:
        """Build the graph on zeros, so that the first scene is timed like the others."""
        size = self._geometry.patch_size
        self._predict(np.zeros((self._batch, size, size, CHANNELS), np.float32))

    def predict(self, scene: LoadedScene) -> np.ndarray:
        """Probability of cloud (H, W) float32 of a scene."""
        patches = inference_patches(normalise(scene.refs, scene.bts), self._geometry)
        return stitch(np.concatenate(list(self._predicted(patches))), self._geometry)

    def _predicted(self, patches: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(patches), self._batch):
            part = patches[start : start + self._batch]
            missing = self._batch - len(part)
            filled = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else part
            yield self._predict(filled).numpy()[: len(part)]
