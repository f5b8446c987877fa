"""The U-Net of the benchmark: 39 layers, 1,948,609 trainable parameters.

Three levels down (32, 64, 128 filters), a bottleneck of 256 and three levels up; every block is
twice a 3x3 convolution and a ReLU. Going up, plain up-sampling is concatenated with the skip
connection. No normalisation, no dropout, no transposed convolution: the sum of kernels and biases
then gives the parameter count, and counting the ReLUs as layers of their own the layer count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.data.patches import CHANNELS
from reference.protocol.settings import DEFAULT_PRECISION, PRECISIONS

if TYPE_CHECKING:
    import keras

FILTERS = (32, 64, 128)
BOTTLENECK = 256
LAYERS = 39
PARAMETERS = 1_948_609


def build_unet(patch_size: int | None = None, precision: str = DEFAULT_PRECISION) -> keras.Model:
    """The reference model: input (N, P, P, 9) float32, output (N, P, P, 1) float32, probability of cloud.

    `patch_size` must be a multiple of 8; None leaves it open. Raises ValueError for other sizes and for
    an unknown precision. Kernels are initialised with he_normal (seeded by keras.utils.set_random_seed),
    biases with zeros.
    """
    import keras

    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r}: one of {', '.join(PRECISIONS)} expected")
    if patch_size is not None and (patch_size < 8 or patch_size % 8):
        raise ValueError(f"patch size {patch_size}: the U-Net needs a multiple of 8")
    policy = keras.DTypePolicy(precision)
    inputs = keras.layers.Input((patch_size, patch_size, CHANNELS), name="scene_patch")
    x: Any = inputs
    skips = []
    for filters in FILTERS:
        x = _block(x, filters, policy)
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, dtype=policy)(x)
    x = _block(x, BOTTLENECK, policy)
    for filters, skip in zip(reversed(FILTERS), reversed(skips), strict=True):
        x = keras.layers.UpSampling2D(2, dtype=policy)(x)
        x = keras.layers.Concatenate(dtype=policy)([x, skip])
        x = _block(x, filters, policy)
    # The head stays in float32: half-precision probabilities would saturate the loss.
    outputs = keras.layers.Conv2D(
        1, 1, activation="sigmoid", kernel_initializer="he_normal", dtype="float32", name="cloud"
    )(x)
    return keras.Model(inputs, outputs, name="cloudmask_unet")


def _block(x: Any, filters: int, policy: Any) -> Any:
    """Two 3x3 convolutions, each followed by a ReLU."""
    import keras

    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal", dtype=policy)(x)
        x = keras.layers.Activation("relu", dtype=policy)(x)
    return x
