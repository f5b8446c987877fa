"""Where XLA compiles, and that it computes the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reference.data.patches import training_patches
from reference.data.pipeline import PatchStore
from reference.protocol.log import Progress
from reference.protocol.spec import Hyperparameters, RunSpec
from reference.tensorflow import xla
from reference.tensorflow.strategies import place
from tests.support.scenes import SMALL, write_scene

pytest.importorskip("tensorflow")

FLAGS = {
    "zen3": "fpu avx avx2 fma",
    "xeon": "fpu avx2 fma avx512f avx512_bf16",
    "old": "fpu sse4_2 avx",
    "arm": "asimd",
}


def of(*dtypes: str) -> Any:
    """As much of a model as matters here."""
    return SimpleNamespace(layers=[SimpleNamespace(compute_dtype=dtype) for dtype in dtypes])


@pytest.mark.parametrize(
    ("processor", "dtypes", "patch", "training", "expected"),
    [
        ("zen3", ["float32"], 256, True, True),
        ("zen3", ["float32"], 256, False, False),
        ("zen3", ["float32"], 64, True, False),
        ("zen3", ["bfloat16", "float32"], 64, True, True),
        ("zen3", ["bfloat16", "float32"], 64, False, True),
        ("zen3", ["float16", "float32"], 64, True, True),
        ("zen3", ["float16", "float32"], 64, False, True),
        ("xeon", ["float16", "float32"], 64, True, False),
        ("xeon", ["float32"], 256, True, False),
        ("xeon", ["bfloat16", "float32"], 256, True, False),
        ("old", ["float32"], 256, True, False),
        ("arm", ["float32"], 256, True, False),
    ],
)
def test_only_where_it_was_measured_to_help(
    processor: str,
    dtypes: list[str],
    patch: int,
    training: bool,
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {FLAGS[processor]}\n")
    monkeypatch.setattr(xla, "CPUINFO", cpuinfo)
    assert xla.helps(of(*dtypes), patch, training) is expected


def test_not_without_knowing_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xla, "CPUINFO", tmp_path / "absent")
    assert not xla.helps(of("float32"), 256, training=True)


@pytest.mark.slow
def test_training_is_the_same_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from reference.tensorflow.training import Trainer

    path = write_scene(tmp_path / "scene.hdf")
    store = PatchStore([path], training_patches(1, SMALL)[:12], SMALL)
    spec = RunSpec(0, 1, SimpleNamespace(geometry=SMALL), "", Hyperparameters(global_batch_size=8))  # type: ignore[arg-type]
    scores, weights = [], []
    for wanted in (True, False):
        monkeypatch.setattr(xla, "helps", lambda *_, wanted=wanted: wanted)
        keras.utils.set_random_seed(1)
        trainer = Trainer(spec, place("one-device"))
        before = [w.copy() for w in trainer.model.get_weights()]
        trainer.trace()
        assert all(np.array_equal(a, b) for a, b in zip(before, trainer.model.get_weights(), strict=True))
        assert int(trainer._optimizer.iterations.numpy()) == 0
        trained = trainer.train_epoch(store, 1, Progress(False))
        scores.append((trained.loss, trained.accuracy, trainer.evaluate(store, 1, Progress(False)).loss))
        weights.append(trainer.model.get_weights())
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)
    moved = max(np.abs(a - b).max() for a, b in zip(weights[0], before, strict=True))
    apart = max(np.abs(a - b).max() for a, b in zip(*weights, strict=True))
    assert moved > 10 * apart
