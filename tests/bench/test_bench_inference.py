"""Whole scenes to masks: seconds per scene, beside the model's forward pass over the same patches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reference.data.scenes import load_scene
from reference.tensorflow import xla
from reference.tensorflow.environment import quiet_tensorflow
from reference.tensorflow.inference import Predictor
from tests.bench.record import Spent, in_turns, measurement, ratios

pytestmark = pytest.mark.bench

ROUNDS = 3
SCENES = 2
PATCHES = 63
FORWARD_STEPS = 4


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> Any:
    quiet_tensorflow()
    return pytest.importorskip("tensorflow")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_scenes_to_masks(scenes: list[Path], geometry, measured, precision: str) -> None:
    import tensorflow as tf

    from reference.tensorflow.model import build_unet

    model = build_unet(geometry.patch_size, precision)
    predictor = Predictor(model, geometry)
    predictor.warm_up()
    inputs = tf.random.normal((8, 256, 256, 9))
    with_xla = xla.helps(model, geometry.patch_size, training=False)
    forward = xla.compiled(lambda: model(inputs, training=False), with_xla)
    forward()

    def whole() -> None:
        loaded = (load_scene(path, geometry) for path in scenes[:SCENES])
        assert sum(1 for _ in predictor.predict_all(loaded)) == SCENES

    got = in_turns(ROUNDS, whole=whole, forward=lambda: [forward() for _ in range(FORWARD_STEPS)])
    per_scene = [Spent(t.wall_s / SCENES, t.cpu_s / SCENES) for t in got["whole"]]
    share = PATCHES / (8 * FORWARD_STEPS)
    alone = [Spent(t.wall_s * share, t.cpu_s * share) for t in got["forward"]]
    cores = len(os.sched_getaffinity(0))
    name = f"inference {precision.removeprefix('mixed_')}"
    measured(measurement(name, "s/scene", [t.wall_s for t in per_scene], "lower"))
    measured(measurement(f"{name}, free cores", "s/scene", [t.cpu_s / cores for t in per_scene], "lower"))
    measured(measurement(f"{name}: forward alone, free", "s/scene", [t.cpu_s / cores for t in alone], "none"))
    measured(measurement(f"{name}: cost beside forward", "x", ratios(per_scene, alone), "lower"))
