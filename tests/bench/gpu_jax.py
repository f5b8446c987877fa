"""The reference's model on a GPU, through Keras' JAX back end: `python -m tests.bench.gpu_jax OUT.json`.

For machines with JAX and no TensorFlow. Where Keras cannot be imported either, a U-Net of the same
layers in plain JAX takes its place, and the result says so. Patches per second of training and of
prediction at float32 (as JAX does it by default: TF32), strict float32 and bfloat16, beside what
the same GPU does in a large matrix product and in a 3x3 convolution, and the input pipeline's
speed by threads on that machine.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
import jax
import jax.numpy as jnp
import numpy as np

FORWARD_FLOP, TRAINING_FLOP = 21.48e9, 64.11e9  # per 256 x 256 patch
PEAK_FLOP_S = {"bfloat16": 989e12, "tf32": 494e12, "float32": 67e12}  # H100 SXM5, dense (NVIDIA's data sheet)
ROUNDS = 5


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median seconds of one call, after a warm-up, each round waiting for its last result only."""
    jax.block_until_ready(work())
    times = []
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        for _ in range(repeats):
            out = work()
        jax.block_until_ready(out)
        times.append((time.perf_counter() - start_s) / repeats)
    return statistics.median(times)


# ---------------------------------------------------------------- the model


def keras_model(precision: str) -> tuple[Callable[..., Any], list[Any]]:
    """The reference's own model as a function of its weights."""
    from reference.tensorflow.model import build_unet

    model = build_unet(None, "mixed_bfloat16" if precision == "bfloat16" else "float32")
    weights = [v.value for v in model.trainable_variables]
    return lambda w, x: model.stateless_call(w, [], x, training=True)[0], weights


def shapes() -> list[tuple[int, ...]]:
    """Kernels and biases in the model's order; not taken from `reference`, which needs h5py."""
    channels, kernels = 9, []
    for filters in (32, 64, 128, 256):
        kernels += [(3, 3, channels, filters), (3, 3, filters, filters)]
        channels = filters
    for filters in (128, 64, 32):
        kernels += [(3, 3, channels + filters, filters), (3, 3, filters, filters)]
        channels = filters
    kernels.append((1, 1, channels, 1))
    return [shape for kernel in kernels for shape in (kernel, kernel[-1:])]


def plain_model(precision: str) -> tuple[Callable[..., Any], list[Any]]:
    """The same layers without Keras: kernels and biases in the model's order."""
    rng = np.random.default_rng(0)
    weights = [
        jnp.asarray(rng.standard_normal(s) * np.sqrt(2 / max(1, np.prod(s[:-1]))) * (len(s) > 1), jnp.float32)
        for s in shapes()
    ]
    dtype = jnp.bfloat16 if precision == "bfloat16" else jnp.float32

    def convolve(x: Any, kernel: Any, bias: Any, kind: Any = dtype) -> Any:
        numbers = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(
            x.astype(kind), kernel.astype(kind), (1, 1), "SAME", dimension_numbers=numbers
        )
        return y + bias.astype(kind)

    def apply(w: list[Any], x: Any) -> Any:
        pairs = iter(zip(w[::2], w[1::2], strict=True))

        def block(x: Any) -> Any:
            for _ in range(2):
                x = jax.nn.relu(convolve(x, *next(pairs)))
            return x

        skips = []
        for _ in range(3):
            x = block(x)
            skips.append(x)
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = block(x)
        for skip in reversed(skips):
            x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
            x = block(jnp.concatenate([x, skip], -1))
        return jax.nn.sigmoid(convolve(x, *next(pairs), jnp.float32))

    return apply, weights


def training_step(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Forward, backward and Adam, as the reference does them; state is (weights, mean, square, step)."""

    def loss_of(w: Any, x: Any, y: Any) -> Any:
        p = jnp.clip(apply(w, x).astype(jnp.float32), 1e-7, 1 - 1e-7)
        return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))

    def step(state: Any, x: Any, y: Any) -> Any:
        w, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(w, x, y)
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w = [a - rate * b / (jnp.sqrt(c) + 1e-7) for a, b, c in zip(w, m, v, strict=True)]
        return (w, m, v, t), loss

    return jax.jit(step, donate_argnums=0)


def measure_model(
    make: Callable[..., Any], precision: str, batch: int, size: int, repeats: int
) -> dict[str, Any]:
    apply, weights = make(precision)
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.standard_normal((batch, size, size, 9)), jnp.float32)
    y = jnp.asarray(rng.random((batch, size, size, 1)) > 0.5, jnp.float32)
    weights = [jnp.array(w) for w in weights]
    state = [(weights, [w * 0 for w in weights], [w * 0 for w in weights], jnp.float32(0))]
    step, forward = training_step(apply), jax.jit(apply)

    def train() -> Any:
        state[0], loss = step(state[0], x, y)
        return loss

    scale = (size / 256) ** 2
    sampler = Sampler()
    with sampler:
        train_s = seconds(train, repeats)
    forward_s = seconds(lambda: forward(state[0][0], x), repeats)
    return {
        "batch": batch,
        "training_patches_per_s": batch / train_s,
        "training_flop_per_s": batch * TRAINING_FLOP * scale / train_s,
        "forward_patches_per_s": batch / forward_s,
        "forward_flop_per_s": batch * FORWARD_FLOP * scale / forward_s,
        "during_training": sampler.summary(),
    }


# ---------------------------------------------------------------- what the machine can do


class Sampler:
    """nvidia-smi every 100 ms while inside; nothing where there is none."""

    QUERY = "utilization.gpu,power.draw,clocks.sm,memory.used"

    def __enter__(self) -> Sampler:
        self._process, self._lines = None, []
        if shutil.which("nvidia-smi"):
            command = [
                "nvidia-smi",
                f"--query-gpu={self.QUERY}",
                "--format=csv,noheader,nounits",
                "-lms",
                "100",
            ]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            threading.Thread(target=lambda: self._lines.extend(self._process.stdout), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()

    def summary(self) -> dict[str, Any] | None:
        """Medians of the second half of the samples: the first half saw the compiler."""
        rows = []
        for line in self._lines[len(self._lines) // 2 :]:
            try:
                rows.append([float(value) for value in line.split(",")])
            except ValueError:
                continue
        if not rows:
            return None
        names = ("utilization_percent", "power_w", "sm_clock_mhz", "memory_mib")
        columns = zip(*rows, strict=True)
        return {
            "samples": len(rows),
            **{n: statistics.median(c) for n, c in zip(names, columns, strict=True)},
        }


def ceilings(gpu: bool) -> dict[str, float]:
    """FLOP/s of a large matrix product and of 3x3 convolutions of this model's kind."""
    found = {}
    n, batch, size = (8192, 32, 256) if gpu else (512, 1, 64)
    for name, dtype, precision in (
        ("bfloat16", jnp.bfloat16, "default"),
        ("tf32", jnp.float32, "default"),
        ("float32", jnp.float32, "highest"),
    ):
        key = jax.random.PRNGKey(0)
        a = jax.random.normal(key, (n, n), dtype)
        product = jax.jit(partial(jnp.dot, precision=precision))
        found[f"matmul_{name}"] = 2 * n**3 / seconds(lambda f=product, a=a: f(a, a), 5)
        for channels in (32, 64, 128):
            side = size * 32 // channels
            x = jax.random.normal(key, (batch, side, side, channels), dtype)
            k = jax.random.normal(key, (3, 3, channels, channels), dtype)
            convolve = jax.jit(
                lambda x, k, p=precision: jax.lax.conv_general_dilated(
                    x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=p
                )
            )
            flop = 2 * batch * side**2 * channels**2 * 9
            found[f"conv{channels}_{name}"] = flop / seconds(lambda f=convolve, x=x, k=k: f(x, k), 5)
    return found


def pipeline(threads: list[int], scenes: int) -> dict[str, float]:
    """Patches per second from page cache by number of reading threads, from scenes and from shards."""
    import h5py

    from reference.data.dataset import Described
    from reference.data.patches import training_patches
    from reference.data.pipeline import PatchStore, Shard, batches, epoch_order
    from reference.data.shards import prepare
    from reference.protocol.spec import Data, Geometry
    from rules.model.package import Dataset, DatasetFile

    geometry, rng, found = Geometry(), np.random.default_rng(0), {}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"S3A_{at}.hdf" for at in range(scenes)]
        for file in files:
            with h5py.File(file, "w") as scene:
                scene["refs"] = rng.random((1200, 1500, 6), np.float32)
                scene["bts"] = rng.random((1200, 1500, 3), np.float32) * 300
                scene["bayes"] = rng.integers(0, 2, (1200, 1500, 1), np.uint8)
        listed = [DatasetFile(file.name, 0, f"{at:032x}" * 2) for at, file in enumerate(files)]
        data = Data("random", "0" * 64, [str(file) for file in files], [], geometry)
        dataset = Dataset("random", True, folder, data.digest, {}, {}, listed, [], 0, 0)
        prepared = prepare(Described(dataset, data), Path(folder) / "prepared")
        patches = training_patches(scenes, geometry)
        for name, source in (("scenes", None), ("shards", prepared)):
            store = PatchStore(files, patches, geometry, 0, source)
            for count in threads:
                times = []
                for epoch in range(4):
                    start_s = time.perf_counter()
                    for _ in batches(store, epoch_order(len(patches), 1, epoch), 32, Shard(), readers=count):
                        pass
                    times.append(time.perf_counter() - start_s)
                found[f"{name}_{count}_threads"] = len(patches) / statistics.median(times[1:])
    return found


def attempt(work: Callable[[], Any]) -> Any:
    """One part must not cost the others."""
    try:
        return work()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    out = Path(sys.argv[1])
    gpu = jax.default_backend() == "gpu"
    batches, size, repeats = ((32, 128), 256, 10) if gpu else ((2,), 32, 1)
    try:
        import keras

        import reference.tensorflow.model  # noqa: F401  (needs h5py)

        make, kind = keras_model, f"Keras {keras.__version__} on JAX"
    except Exception as error:
        make, kind = plain_model, f"plain JAX (no Keras: {error})"
    result: dict[str, Any] = {
        "device": str(jax.devices()[0].device_kind),
        "jax": jax.__version__,
        "model": kind,
        "cores": len(os.sched_getaffinity(0)),
        "data_sheet_peak_flop_per_s": PEAK_FLOP_S,
    }

    def keep(name: str, work: Callable[[], Any]) -> None:
        result[name] = attempt(work)
        out.write_text(json.dumps(result, indent=1))
        print(name, json.dumps(result[name]), flush=True)

    numerics = {
        "bfloat16": ("bfloat16", "default"),
        "tf32": ("float32", "default"),
        "float32": ("float32", "highest"),
    }

    def model(name: str, batch: int, make: Callable[..., Any], suffix: str = "") -> None:
        precision, strict = numerics[name]
        with jax.default_matmul_precision(strict):
            keep(
                f"{name}_batch_{batch}{suffix}", lambda: measure_model(make, precision, batch, size, repeats)
            )

    # What matters most comes first: the time on such a machine may be short.
    for name in ("bfloat16", "tf32"):
        model(name, batches[0], make)
    keep("ceilings", lambda: ceilings(gpu))
    keep("pipeline_patches_per_s", lambda: pipeline([1, 2, 4, 8, 16] if gpu else [1, 2], 24 if gpu else 2))
    model("float32", batches[0], make)
    model("bfloat16", batches[0], plain_model, "_plain_jax")
    for name in ("bfloat16", "tf32"):
        model(name, batches[-1], make)


if __name__ == "__main__":
    main()
