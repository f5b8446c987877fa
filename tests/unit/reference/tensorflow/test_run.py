"""`python -m reference` as the harness starts it: log, outputs, endings, errors, several devices."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from harness.plan.recipe import DevicesRecipe, HyperparametersRecipe, Recipe
from harness.run.launch.registry import launcher_for
from reference.data.dataset import describe
from reference.protocol.spec import Data, Hyperparameters, RunSpec
from reference.tensorflow.run import check
from tests.support.scenes import SMALL, write_scene, write_set

slow = pytest.mark.slow
BATCH = 8


def spec_for(tmp_path: Path, **changes: Any) -> RunSpec:
    data = describe(write_set(tmp_path / "data"), "tiny", SMALL).data
    hyper = {"global_batch_size": BATCH, "max_epochs": 3, **changes.pop("hyper", {})}
    return replace(RunSpec(0, 11, data, str(tmp_path / "out"), Hyperparameters(**hyper)), **changes)


def environment(spec: RunSpec | str, tmp_path: Path, **variables: str) -> dict[str, str]:
    path = tmp_path / "spec.json"
    path.write_text(spec if isinstance(spec, str) else spec.to_json())
    return {**os.environ, "CLOUDMASK_RUN_SPEC": str(path), "CUDA_VISIBLE_DEVICES": "-1", **variables}


def start(spec: RunSpec | str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reference"],
        env=environment(spec, tmp_path, **variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )


def events(output: str) -> list[dict[str, Any]]:
    lines = [line for line in output.splitlines() if line.startswith(":::MLLOG ")]
    return [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]


def values(output: str, key: str) -> list[Any]:
    return [event["value"] for event in events(output) if event["key"] == key]


@slow
def test_a_run_that_reaches_the_target(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, hyper={"target_accuracy": 0.4, "max_epochs": 5})
    done = start(spec, tmp_path)
    assert done.returncode == 0, done.stderr
    log = events(done.stdout)
    keys = [event["key"] for event in log]
    epochs = len(values(done.stdout, "eval_accuracy"))
    each = [
        "epoch_start",
        "epoch_stop",
        "tracked_stats",
        "eval_start",
        "eval_loss",
        "eval_accuracy",
        "eval_stop",
        "weights_commitment",
    ]
    assert keys[0] == "init_start" and keys[1] == "seed"
    assert keys[keys.index("init_stop") :] == [
        *("init_stop", "run_start"),
        *(each * epochs),
        *("run_stop", "weights_digest", "inference_start", "inference_stop", "result"),
    ]
    first = {event["key"]: event for event in reversed(log)}
    expected = {
        "seed": 11,
        "global_batch_size": BATCH,
        "micro_batch_size": BATCH,
        "number_of_ranks": 1,
        "opt_name": "adam",
        "opt_base_learning_rate": 0.001,
        "model_parameters_count": 1_948_609,
        "patch_size": 16,
        "train_samples": 24,
        "eval_samples": 6,
        "train_scenes": 4,
        "eval_scenes": 1,
        "test_scenes": 2,
        "target_quality": 0.4,
        "lowest_numerical_precision_in_linear": "fp32",
    }
    assert {key: first[key]["value"] for key in expected} == expected
    assert first["run_stop"]["event_type"] == "INTERVAL_END" and first["run_start"]["value"] is None
    stop = first["run_stop"]["metadata"]
    assert (stop["status"], stop["epoch_num"], stop["samples_count"]) == ("success", epochs, 24 * epochs)
    assert stop["file"] == "reference/tensorflow/run.py"
    assert values(done.stdout, "eval_accuracy")[-1] >= 0.4
    times = [event["time_ms"] for event in log]
    assert times == sorted(times)
    check_outputs(spec, done.stdout)
    progress = [json.loads(line[12:]) for line in done.stdout.splitlines() if line.startswith(":::PROGRESS ")]
    assert {line["phase"] for line in progress} == {"init", "train", "evaluate", "inference"}


def check_outputs(spec: RunSpec, output: str) -> None:
    weights = spec.weights_path.read_bytes()
    assert values(output, "weights_digest") == [hashlib.sha256(weights).hexdigest()]
    science = json.loads(spec.science_path.read_text())
    assert science["schema"] == 2 and science["scenes"] == 2 == len(science["per_scene"])
    assert science["overall"]["pixels"] == 2 * 40 * 50
    result = values(output, "result")[0]
    assert result["test_accuracy"]["value"] == science["overall"]["accuracy"]
    assert set(result["seconds_per_scene"]) == {"value", "meaning", "unit"}
    with h5py.File(spec.gallery_path) as gallery:
        assert len(gallery) == 2
        for group in gallery.values():
            assert group["false_colour"].shape == (40, 50, 3)
            assert group["bayes"].shape == group["probability"].shape == (40, 50)
            agreed = np.mean((group["probability"][...] > 127) == (group["bayes"][...] > 0))
            assert agreed == pytest.approx(group.attrs["accuracy"], abs=0.02)
    assert sorted(p.name for p in Path(spec.output_dir).iterdir()) == [
        "gallery.h5",
        "science.json",
        "weights.weights.h5",
    ]


@slow
def test_what_cannot_be_written_does_not_end_a_trained_run(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, hyper={"target_accuracy": 0.4, "max_epochs": 5})
    paths = (spec.weights_path, spec.gallery_path, spec.science_path)
    for path in paths:
        (path / "in the way").mkdir(parents=True)
    done = start(spec, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [e["metadata"]["status"] for e in events(done.stdout) if e["key"] == "run_stop"] == ["success"]
    assert values(done.stdout, "result") and not values(done.stdout, "weights_digest")
    assert all(f"{path.name} could not be written" in done.stderr for path in paths)
    assert "Traceback" not in done.stderr and not list(Path(spec.output_dir).glob(".*"))


@slow
def test_saved_weights_give_the_logged_accuracy(tmp_path: Path) -> None:
    """What replaying a package relies on: weights, data and code give the number in the log."""
    from reference.data.pipeline import PatchStore
    from reference.data.split import split_patches
    from reference.tensorflow.model import build_unet

    spec = spec_for(tmp_path)
    done = start(spec, tmp_path)
    model = build_unet(16)
    model.load_weights(spec.weights_path)
    split = split_patches(5, SMALL, spec.data.split)
    piece = PatchStore(spec.data.train_files, split.validation, SMALL).fetch(range(6))
    predicted = np.asarray(model(piece.inputs)) > 0.5
    assert np.mean(predicted == (piece.labels > 0)) == pytest.approx(values(done.stdout, "eval_accuracy")[-1])


@slow
@pytest.mark.parametrize(
    ("hyper", "epochs"),
    [
        ({"target_accuracy": 1.0, "learning_rate": 1e-12}, 3),
        ({"target_accuracy": 1.0, "learning_rate": 50.0}, None),
    ],
)
def test_runs_that_do_not_converge_are_aborted(
    tmp_path: Path, hyper: dict[str, float], epochs: int | None
) -> None:
    done = start(spec_for(tmp_path, hyper={**hyper, "early_stopping_patience": 2}), tmp_path)
    assert done.returncode == 0, done.stderr
    stop = next(event for event in events(done.stdout) if event["key"] == "run_stop")
    assert stop["metadata"]["status"] == "aborted"
    assert epochs is None or stop["metadata"]["epoch_num"] == epochs
    assert "NaN" not in "".join(line for line in done.stdout.splitlines() if ":::" in line)


@slow
def test_runs_repeat_with_the_seed(tmp_path: Path) -> None:
    spec = spec_for(tmp_path)
    losses = [
        values(start(replace(spec, seed=seed), tmp_path, TF_ENABLE_ONEDNN_OPTS="0").stdout, "eval_loss")
        for seed in (3, 3, 4)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


@slow
@pytest.mark.parametrize(("precision", "word"), [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "fp16")])
def test_half_precision(tmp_path: Path, precision: str, word: str) -> None:
    done = start(spec_for(tmp_path, precision=precision), tmp_path)
    assert done.returncode == 0, done.stderr
    assert values(done.stdout, "lowest_numerical_precision_in_linear") == [word]
    assert all(isinstance(loss, float) for loss in values(done.stdout, "eval_loss"))


TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from reference.tensorflow.run import main
sys.exit(main())
"""


@slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_two_devices_train_as_one_does(tmp_path: Path, precision: str) -> None:
    """Same seed, same global batches: mirrored on two devices must give nearly the same losses."""
    spec = spec_for(tmp_path, precision=precision)
    one = values(start(spec, tmp_path).stdout, "eval_loss")
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES],
        env=environment(replace(spec, strategy="mirrored"), tmp_path),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert values(done.stdout, "number_of_ranks") == [2]
    assert values(done.stdout, "micro_batch_size") == [BATCH // 2]
    assert values(done.stdout, "eval_loss") == pytest.approx(one, rel=0.02 if precision == "float32" else 0.1)


def losses(spec: RunSpec, tmp_path: Path, workers: int) -> list[float]:
    """Per epoch, of a run that the local launcher starts with so many workers. Only rank 0 speaks and saves."""
    batch = spec.hyperparameters.global_batch_size
    recipe = Recipe(
        devices=DevicesRecipe(workers_per_node=workers),
        hyperparameters=HyperparametersRecipe(global_batch_size=batch),
    )
    launcher = launcher_for(recipe)
    spec = replace(spec, strategy=recipe.devices.chosen_strategy, output_dir=str(tmp_path / f"out{workers}"))
    done = subprocess.run(
        launcher.command([sys.executable, "-m", "reference"]),
        env=environment(spec, tmp_path, **launcher.environment()),
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    assert values(done.stdout, "number_of_ranks") == [workers]
    assert values(done.stdout, "micro_batch_size") == [batch // workers]
    assert ":::" not in done.stderr
    check_outputs(spec, done.stdout)
    return values(done.stdout, "eval_loss")


@slow
@pytest.mark.timeout(2000)
@pytest.mark.parametrize(
    ("hyper", "tolerance"),
    [
        # Adam with so large an epsilon is plain momentum: no division makes rounding grow, and a
        # gradient that is too large or too small by any factor would show
        ({"global_batch_size": 24, "adam_epsilon": 1.0, "learning_rate": 0.1}, 1e-5),
        # the benchmark's Adam divides small gradients by their own size: rounding grows with each step
        ({"global_batch_size": 24}, 5e-3),
        ({"global_batch_size": 16, "max_epochs": 2}, 5e-3),  # 24 patches: the last batch is half empty
    ],
)
def test_two_workers_learn_as_one_does(tmp_path: Path, hyper: dict[str, Any], tolerance: float) -> None:
    """Same seed and global batches: sums in another order are all that may differ."""
    spec = spec_for(tmp_path, hyper={"max_epochs": 5, "target_accuracy": 0.9999, **hyper})
    one, two = (losses(spec, tmp_path, workers) for workers in (1, 2))
    print(one, two)
    assert len(one) == spec.hyperparameters.max_epochs and one[-1] < one[0]
    assert two == pytest.approx(one, rel=tolerance)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("{", "Expecting"),
        ('{"schema": 9}', "schema 1 expected"),
        ('{"schema": 1, "run": 0}', "data"),
        ("[]", "schema 1 expected"),
    ],
)
def test_specs_that_are_none_end_in_one_line(tmp_path: Path, spec: str, word: str) -> None:
    done = start(spec, tmp_path)
    assert done.returncode == 2 and word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not done.stdout


@slow
@pytest.mark.parametrize("trouble", ["missing scene", "other size", "batch for two"])
def test_trouble_during_the_run_ends_in_one_line(tmp_path: Path, trouble: str) -> None:
    spec = spec_for(tmp_path)
    if trouble == "missing scene":
        Path(spec.data.train_files[2]).unlink()
    elif trouble == "other size":
        write_scene(Path(spec.data.test_files[0]), height=48)
    else:
        spec = replace(spec, strategy="multi-worker")
    done = start(spec, tmp_path, TF_CONFIG="")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("cloudmask reference: ")
    assert not list(Path(spec.output_dir).glob(".*")) if Path(spec.output_dir).exists() else True


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"precision": "float8"}, "precision is 'float8'"),
        ({"strategy": "magic"}, "strategy is 'magic'"),
        ({"hyperparameters": Hyperparameters(global_batch_size=0)}, "global_batch_size is 0"),
        ({"hyperparameters": Hyperparameters(max_epochs=1.5)}, "max_epochs is 1.5"),  # type: ignore[arg-type]
        ({"hyperparameters": Hyperparameters(learning_rate=float("nan"))}, "learning_rate is nan"),
        ({"hyperparameters": Hyperparameters(learning_rate="1e-3")}, "learning_rate is '1e-3'"),  # type: ignore[arg-type]
        ({"hyperparameters": Hyperparameters(target_accuracy=1.5)}, "target_accuracy is 1.5"),
        ({"data": Data("x", "", [], [])}, "no training files"),
    ],
)
def test_values_no_run_can_use_are_named(change: dict[str, Any], word: str) -> None:
    spec = replace(RunSpec(0, 1, Data("x", "", ["S3A_1.hdf"], []), "out"), **change)
    with pytest.raises(ValueError, match=word):
        check(spec)
