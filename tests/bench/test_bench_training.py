"""The training step beside bare Keras, and beside what the machine's convolutions can do at most."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.data.patches import Patch
from reference.data.pipeline import PatchStore
from reference.protocol.log import Progress
from reference.protocol.spec import Data, Geometry, Hyperparameters, RunSpec
from reference.tensorflow import xla
from reference.tensorflow.environment import quiet_tensorflow
from reference.tensorflow.strategies import place
from tests.bench import record
from tests.bench.onednn import profile_steps
from tests.bench.record import free_rates, in_turns, measurement, rates, ratios

pytestmark = pytest.mark.bench

ROUNDS = 3
BATCH = 8
STEPS = 1  # per round
EVALUATION_ROUNDS, EVALUATION_STEPS = 5, 4  # an epoch has thousands of steps and starts once
FORWARD_FLOP = 21.48e9  # per 256 x 256 patch, multiplications and additions of all convolutions
TRAINING_FLOP = 64.11e9  # three times that, less the gradient that nobody needs of the scene itself
POLICIES = {"float32": "float32", "mixed_bfloat16": "bfloat16"}


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> Any:
    quiet_tensorflow()
    return pytest.importorskip("tensorflow")


def rounds_beside_keras(precision: str) -> int:
    """Without AVX-512, bare Keras takes minutes for a step in bfloat16: one has to do."""
    flags = Path("/proc/cpuinfo")
    emulated = flags.is_file() and "avx512" not in flags.read_text()
    return 1 if emulated and precision == "mixed_bfloat16" else ROUNDS


def trainer_for(scenes: list[Path], geometry: Geometry, precision: str) -> Any:
    from reference.tensorflow.training import Trainer

    data = Data("full-size", "", [str(path) for path in scenes], [], geometry)
    spec = RunSpec(0, 1, data, "", Hyperparameters(global_batch_size=BATCH), precision=precision)
    return Trainer(replace(spec), place("one-device"))


def patches_of(scenes: list[Path], geometry: Geometry, count: int) -> PatchStore:
    """A store of `count` patches, decoded already: these benchmarks are about the step, not the files."""
    size = geometry.patch_size
    store = PatchStore(
        scenes, [Patch(0, 88 + 40 * (at % 16), 110 + 40 * (at % 24)) for at in range(count)], geometry
    )
    assert store.cached and size == 256
    store.fetch(range(count))
    return store


def convolution(precision: str) -> tuple[Callable[[], object], float]:
    """Work that is nothing but one large 3x3 convolution with 64 channels; and its FLOP."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    dtype = tf.as_dtype(POLICIES[precision])
    image = tf.cast(rng.standard_normal((8, 128, 128, 64)), dtype)
    kernel = tf.cast(rng.standard_normal((3, 3, 64, 64)) / 24, dtype)
    convolve = tf.function(lambda: tf.nn.conv2d(image, kernel, 1, "SAME"))
    convolve()
    repeats = 8

    return lambda: [convolve() for _ in range(repeats)], repeats * 2.0 * 8 * 128 * 128 * 64 * 64 * 9


def bare_keras(precision: str, piece: Any) -> Callable[[], object]:
    """The same model in Keras' own loop, on arrays in memory."""
    import keras

    from reference.tensorflow.model import build_unet

    model = build_unet(256, precision)
    model.compile(
        keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=[keras.metrics.BinaryAccuracy()]
    )
    labels = piece.labels.astype(np.float32)
    model.train_on_batch(piece.inputs, labels)
    return lambda: [model.train_on_batch(piece.inputs, labels) for _ in range(STEPS)]


@pytest.mark.parametrize("precision", POLICIES)
def test_training_step(scenes: list[Path], geometry, measured, precision: str) -> None:
    trainer = trainer_for(scenes, geometry, precision)
    store = patches_of(scenes, geometry, BATCH * STEPS)
    one_batch = patches_of(scenes, geometry, BATCH).fetch(range(BATCH))
    ceiling, ceiling_flop = convolution(precision)
    silent = Progress(False)
    trainer.train_epoch(store, 1, silent)
    got = in_turns(
        rounds_beside_keras(precision),
        ours=lambda: trainer.train_epoch(store, 1, silent),
        keras=bare_keras(precision, one_batch),
        ceiling=ceiling,
    )
    count = BATCH * STEPS
    name = f"training {POLICIES[precision]}"
    top = [rate / 1e9 for rate in free_rates(ceiling_flop, got["ceiling"])]
    share = [
        rate * TRAINING_FLOP / 1e9 / t for rate, t in zip(free_rates(count, got["ours"]), top, strict=True)
    ]
    measured(measurement(name, "patches/s", rates(count, got["ours"])))
    measured(measurement(f"{name}, free cores", "patches/s", free_rates(count, got["ours"])))
    measured(measurement(f"{name}: bare Keras", "patches/s", rates(count, got["keras"]), "none"))
    measured(measurement(f"{name}: ratio to bare Keras", "x", ratios(got["keras"], got["ours"])))
    measured(measurement(f"{name}: convolution ceiling", "GFLOP/s", top, "none"))
    measured(measurement(f"{name}: share of ceiling", "x", share))


@pytest.mark.parametrize("precision", POLICIES)
def test_evaluation_beside_forward(scenes: list[Path], geometry, measured, precision: str) -> None:
    """What the evaluation costs beyond the model's own forward pass over the same patches, compiled alike."""
    import tensorflow as tf

    trainer = trainer_for(scenes, geometry, precision)
    count = BATCH * EVALUATION_STEPS
    store = patches_of(scenes, geometry, count)
    inputs = tf.constant(store.fetch(range(BATCH)).inputs)
    with_xla = xla.helps(trainer.model, geometry.patch_size, training=False)
    forward = xla.compiled(lambda: trainer.model(inputs, training=False), with_xla)
    forward()
    silent = Progress(False)
    trainer.evaluate(store, 1, silent)
    got = in_turns(
        EVALUATION_ROUNDS,
        ours=lambda: trainer.evaluate(store, 1, silent),
        forward=lambda: [forward() for _ in range(EVALUATION_STEPS)],
    )
    name = f"evaluation {POLICIES[precision]}"
    measured(measurement(name, "patches/s", rates(count, got["ours"])))
    measured(measurement(f"{name}, free cores", "patches/s", free_rates(count, got["ours"])))
    measured(measurement(f"{name}: cost beside forward", "x", ratios(got["ours"], got["forward"]), "lower"))


KINDS = ("convolution forward", "convolution backward_data", "convolution backward_weights")


def test_profile_of_a_step(scenes: list[Path], measured) -> None:
    """What each kind of convolution takes of a float32 step without XLA, at what rate, and what is none of them."""
    steps = profile_steps(scenes)
    assert steps and steps[0].primitives, "oneDNN said nothing: is it switched off?"
    for kind in KINDS:
        name = f"step float32: {kind}"
        if not all(s.time_s(kind) for s in steps):
            continue  # oneDNN leaves it to somebody else here
        measured(measurement(name, "of the step", [s.time_s(kind) / s.wall_s for s in steps], "none"))
        rate = [s.flop(kind) / s.time_s(kind) / 1e9 for s in steps]
        measured(measurement(f"{name}, rate", "GFLOP/s", rate, "none"))
    other = [1 - s.time_s("convolution") / s.wall_s for s in steps]
    measured(measurement("step float32: all but convolutions", "of the step", other, "lower"))


STEPS_OF_32 = """
import sys
from reference.protocol.log import Progress
from reference.tensorflow.environment import quiet_tensorflow
quiet_tensorflow()
from reference.data.patches import training_patches
from reference.data.pipeline import PatchStore
from reference.protocol.spec import Data, Hyperparameters, RunSpec
from reference.tensorflow.strategies import place
from reference.tensorflow.training import Trainer
from tests.bench.record import peak_bytes
data = Data("full-size", "", sys.argv[1:], [])
trainer = Trainer(RunSpec(0, 1, data, "", Hyperparameters(global_batch_size=32)), place("one-device"))
store = PatchStore(data.train_files, training_patches(len(data.train_files), data.geometry)[:64], data.geometry, 0)
trainer.train_epoch(store, 1, Progress(False))
print(peak_bytes())
"""


def test_memory_of_training_at_batch_32(scenes: list[Path], measured) -> None:
    """Peak resident bytes of a process that trains two steps on full-size scenes at global batch 32."""
    command = [sys.executable, "-c", STEPS_OF_32, *map(str, scenes)]
    done = subprocess.run(command, cwd=record.ROOT, capture_output=True, text=True, check=True)
    peak_gb = int(done.stdout.split()[-1]) / 1e9
    measured(measurement("training float32, batch 32: peak memory", "GB", [peak_gb], "lower"))
