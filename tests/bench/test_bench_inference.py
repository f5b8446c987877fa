"""Whole scenes to masks: seconds per scene, beside the model's forward pass over the same patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference.inference import Predictor, load_scene
from reference.logs import quiet_tensorflow
from tests.bench.record import in_turns, measurement, ratios, wall_s

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

ROUNDS = 3
SCENES = 2
PATCHES = 63


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> Any:
    quiet_tensorflow()
    return pytest.importorskip("tensorflow")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_scenes_to_masks(scenes: list[Path], geometry, measured, precision: str) -> None:
    import tensorflow as tf

    from reference.model import build_unet

    model = build_unet(geometry.patch_size, precision)
    predictor = Predictor(model, geometry)
    predictor.warm_up()
    inputs = tf.random.normal((8, 256, 256, 9))
    forward = tf.function(lambda: model(inputs, training=False))
    forward()
    steps = 4

    def whole() -> float:
        loaded = (load_scene(path, geometry) for path in scenes[:SCENES])
        return wall_s(lambda: sum(1 for _ in predictor.predict_all(loaded))) / SCENES

    got = in_turns(
        ROUNDS,
        whole=whole,
        forward=lambda: wall_s(lambda: [forward() for _ in range(steps)]) / (8 * steps) * PATCHES,
    )
    name = f"inference {precision.removeprefix('mixed_')}"
    measured(measurement(name, "s/scene", got["whole"], "lower"))
    measured(measurement(f"{name}: forward pass alone", "s/scene", got["forward"], "none"))
    measured(measurement(f"{name}: cost beside forward", "x", ratios(got["whole"], got["forward"]), "lower"))
