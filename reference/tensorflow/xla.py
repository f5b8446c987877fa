"""Whether XLA compiles a pass: only where that was measured to help.

On x86 processors with AVX2 but without AVX-512, oneDNN computes gradients of convolution weights at a third
of its forward rate, bfloat16 element by element, and float16 not at all (Eigen does). With XLA, a training
step of full-size patches takes 0.65 to 0.78 of the time there (float32), a tenth in bfloat16 and a fifth in
float16; compiling takes about 5 s, and small patches gain 1 to 4 %. With AVX-512, oneDNN is faster than XLA.
GPUs were not measured: TensorFlow's own TF_XLA_FLAGS=--tf_xla_auto_jit=2 can be tried there.
docs/performance.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

CPUINFO = Path("/proc/cpuinfo")
WORTH_COMPILING_PIXELS = 128 * 128  # of a patch


def helps(model: keras.Model, patch_size: int, training: bool) -> bool:
    """Whether XLA makes passes of this model faster on this machine."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU") or not _onednn_is_slow(CPUINFO):
        return False
    dtypes = {layer.compute_dtype for layer in model.layers}
    if dtypes & {"bfloat16", "float16"}:
        return True
    return dtypes == {"float32"} and training and patch_size**2 >= WORTH_COMPILING_PIXELS


def compiled(function: Callable[..., Any], with_xla: bool) -> Any:
    """The function as a tf.function, compiled by XLA if `with_xla` is true."""
    import tensorflow as tf

    return tf.function(function, jit_compile=True if with_xla else None)


def _onednn_is_slow(cpuinfo: Path) -> bool:
    try:
        flags = cpuinfo.read_text()
    except OSError:
        return False
    return "avx2" in flags and "avx512" not in flags
