"""The U-Net's two numbers, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from reference.tensorflow.model import LAYERS, PARAMETERS, build_unet

pytestmark = pytest.mark.slow  # loads TensorFlow


@pytest.mark.parametrize("size", [256, 64, 32, None])
def test_layers_and_parameters(size: int | None) -> None:
    model = build_unet(size)
    assert len(model.layers) == LAYERS == 39
    assert model.count_params() == PARAMETERS == 1_948_609
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PARAMETERS


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_output_is_a_float32_probability(precision: str) -> None:
    output = build_unet(16, precision)(np.random.default_rng(0).random((2, 16, 16, 9), dtype=np.float32))
    assert output.shape == (2, 16, 16, 1) and output.dtype == "float32"
    assert 0 <= float(np.min(output)) <= float(np.max(output)) <= 1
    assert all(weight.dtype == "float32" for weight in build_unet(16, precision).weights)


def test_weights_follow_the_seed() -> None:
    import keras

    sums = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        sums.append(float(sum(np.abs(weight).sum() for weight in build_unet(16).get_weights())))
    assert sums[0] == sums[1] != sums[2]


@pytest.mark.parametrize(("size", "precision"), [(20, "float32"), (0, "float32"), (32, "float8")])
def test_what_cannot_be_built_is_an_error(size: int, precision: str) -> None:
    with pytest.raises(ValueError, match="multiple of 8|one of float32"):
        build_unet(size, precision)
