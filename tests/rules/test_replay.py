"""Replay: what EVD019 makes of it, and the whole way from weights to verdict."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.check import check_all
from harness.check.replay import Replayer
from harness.check.watch import Watch
from harness.core.errors import WrongData
from harness.untrusted.hdf5_guard import ROOT
from reference.tensorflow.weights import expected_shapes
from rules.model.evidence import Replay
from rules.model.findings import Outcome, Severity
from tests.rules.cases.edits import find
from tests.support.builders import BuiltPackage


def outcome(built, replay):
    _, verdict = check_all(built.root, replay=replay)[0]
    result = next(r for r in verdict.rules if r.id == "EVD019")
    findings = [f for f in verdict.findings if f.rule == "EVD019"]
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    assert (verdict.verdict == "not_compliant") == any(f.severity is Severity.ERROR for f in verdict.findings)
    return result, findings


def attached(change):
    """A step that replays every run as it was logged, and run 2 as `change` says."""

    def replay(run):
        accuracy, loss = run.log.last("eval_accuracy").value, run.log.last("eval_loss").value
        found = Replay(accuracy, loss, 80, "cpu")
        return change(found) if run.index == 2 else found

    return replay


def replayed(built, folder, say=lambda line: None):
    """Outcome and findings of EVD019 after a replay on a data set."""
    with Replayer([folder], Watch(say)) as step:
        return outcome(built, step)


def lacking(findings, built, present=()):
    """Whether exactly the runs without weights are errors for that reason."""
    named = {f.path for f in findings if "no weights in the package" in f.message}
    wanted = {run for run in range(5) if run not in present}
    return named == {str(built.layout.result(run).relative_to(built.root)) for run in wanted}


def moved(accuracy=0.0, loss=1.0):
    return lambda r: Replay(r.accuracy + accuracy, r.loss * loss, r.samples, r.device)


@pytest.mark.parametrize("change", [moved(), moved(5e-5), moved(-5e-5), moved(loss=1.00005)])
def test_within_rounding(fresh, change):
    result, findings = outcome(fresh(), attached(change))
    assert result.outcome is Outcome.PASS and findings == []


@pytest.mark.parametrize("change", [moved(2e-4), moved(-0.01), moved(loss=1.01), moved(float("nan"))])
def test_beyond_rounding(fresh, change):
    result, findings = outcome(fresh(), attached(change))
    assert result.outcome is Outcome.FAIL
    assert findings[0].path.endswith("result_2.txt") and findings[0].line


def test_lower_precision_may_move_more(fresh):
    built = fresh(precision="bfloat16")
    assert outcome(built, attached(moved(1e-3)))[0].outcome is Outcome.PASS
    assert outcome(built, attached(moved(3e-3)))[0].outcome is Outcome.FAIL


def test_bad_weights_are_an_error(fresh):
    result, findings = outcome(fresh(), attached(lambda r: Replay(problem="29 arrays")))
    assert result.outcome is Outcome.FAIL and "29 arrays" in findings[0].message


def test_what_could_not_be_done_is_no_pass(fresh):
    result, _ = outcome(fresh(), attached(lambda r: Replay(reason="no weights")))
    assert (result.outcome, result.reason) == (Outcome.NOT_CHECKED, "no weights")


@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_replay_without_weights_never_ends_well(fresh, division):
    """It was asked for and cannot be done: decisions of this rulebook."""
    built = fresh(weights=False, division=division)
    with Replayer() as step:
        result, findings = outcome(built, step)
    assert result.outcome is Outcome.FAIL and lacking(findings, built)


def test_without_tensorflow(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    result, _ = replayed(fresh(), tmp_path)
    assert result.outcome is Outcome.NOT_CHECKED and "TensorFlow is not installed" in (result.reason or "")


def test_another_implementation_in_open(fresh):
    built = fresh(division="open", runs=1)
    built.edit_text(built.layout.recipe, lambda text: text + "command: [./train]\n")
    with Replayer() as step:
        result, _ = outcome(built, step)
    assert result.outcome is Outcome.NOT_CHECKED and "another implementation" in (result.reason or "")


@pytest.mark.parametrize(
    "geometry", [{"patch_size": 100_000}, {"scene_height": 10**9, "patch_size": 8}, {"scene_width": -5}]
)
def test_absurd_geometry_ends_at_once(fresh, tmp_path, geometry):
    built = fresh()
    built.edit_json(built.layout.dataset, lambda value: value["geometry"].update(geometry))
    with pytest.raises(WrongData, match="does not describe a data set"):
        replayed(built, tmp_path)


def test_scene_names_cannot_leave_the_folder(fresh, tmp_path):
    built = fresh()
    built.edit_json(built.layout.dataset, lambda value: value["train"][0].update(name="../../etc/0"))
    with pytest.raises(WrongData, match="outside of the data set"):
        replayed(built, tmp_path)


def test_wrong_folder(fresh, tmp_path):
    built = fresh()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(WrongData, match="has no scene|not a folder"):
            replayed(built, folder)


# ---------------------------------------------------------------- with TensorFlow


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    from reference.data.synthetic import synthesize

    root = tmp_path_factory.mktemp("data")
    synthesize("smoke", root)
    return root / "smoke"


def real_package(built: BuiltPackage, smoke: Path) -> tuple[BuiltPackage, float]:
    """The package with weights of the real model in run 2, and the accuracy that they give on real scenes."""
    import keras

    from reference.data.dataset import describe
    from reference.data.profiles import PROFILES
    from reference.protocol.spec import RunSpec
    from reference.tensorflow.model import build_unet
    from reference.tensorflow.replay import evaluate
    from reference.tensorflow.weights import read_weights

    described = describe(smoke, "smoke", PROFILES["smoke"].geometry)
    built.layout.dataset.write_text(json.dumps({"schema": 1, **asdict(described.dataset)}))
    keras.utils.set_random_seed(5)
    path = built.run_files(2).weights
    build_unet(32).save_weights(path)
    spec = RunSpec(0, 0, described.data, "")
    run = {"batch": 32, "precision": "float32", "tf32": False}
    said = evaluate(spec, run, read_weights(path))

    def change(events):
        find(events, "eval_accuracy", -1)["value"] = said["accuracy"]
        find(events, "eval_loss", -1)["value"] = said["loss"]
        find(events, "weights_digest")["value"] = hashlib.sha256(path.read_bytes()).hexdigest()

    for number in (0, 1, 3, 4):
        built.run_files(number).weights.unlink()
    built.edit_events(2, change)
    return built, said["accuracy"]


@pytest.mark.slow
def test_from_weights_to_verdict(fresh, smoke):
    pytest.importorskip("tensorflow")
    built, accuracy = real_package(fresh(), smoke)
    said: list[str] = []
    result, findings = replayed(built, smoke, said.append)
    assert lacking(findings, built, (2,)) and len(findings) == 4
    assert any(f"run 2 gave an accuracy of {accuracy:.4f}" in line for line in said)

    def lie(events):
        find(events, "eval_accuracy", -1)["value"] = accuracy + 0.05

    built.edit_events(2, lie)
    result, findings = replayed(built, smoke.parent)
    assert result.outcome is Outcome.FAIL and len(findings) == 5
    assert any(f"the weights give {accuracy:.6f}" in f.message for f in findings)

    weights = built.run_files(2).weights
    weights.write_bytes(weights.read_bytes()[:-1000])
    result, findings = replayed(built, smoke)
    assert result.outcome is Outcome.FAIL
    assert any("cannot be read as HDF5" in f.message for f in findings)


# ---------------------------------------------------------------- without TensorFlow, on the real data


def describe_smoke(built: BuiltPackage, smoke: Path) -> None:
    from reference.data.dataset import describe
    from reference.data.profiles import PROFILES

    described = describe(smoke, "smoke", PROFILES["smoke"].geometry)
    built.layout.dataset.write_text(json.dumps({"schema": 1, **asdict(described.dataset)}))


def write_weights(built: BuiltPackage, run: int, value: float) -> None:
    """Weights of the right shapes, made without Keras."""
    with h5py.File(built.run_files(run).weights, "w") as file:
        for at, shape in enumerate(expected_shapes()):
            layer = f"layers/conv2d_{at // 2}" if at > 1 else "layers/conv2d"
            file[f"{layer}/vars/{at % 2}"] = np.full(shape, value, np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensorflow", "keras"])
def test_a_tensorflow_that_does_not_load(fresh, smoke, tmp_path, monkeypatch, name):
    """There, but broken: found by name, and of no use."""
    blocker = tmp_path / "blocker" / name / "__init__.py"
    blocker.parent.mkdir(parents=True)
    blocker.write_text("raise ImportError('blocked')\n")
    monkeypatch.setenv("PYTHONPATH", f"{blocker.parent.parent}{os.pathsep}{ROOT}")
    built = fresh()
    describe_smoke(built, smoke)
    for run in range(5):
        write_weights(built, run, run / 100)
    said: list[str] = []
    result, findings = replayed(built, smoke, said.append)
    assert result.outcome is Outcome.NOT_CHECKED and findings == []
    assert "ended before this run" in (result.reason or "") and any("blocked" in line for line in said)


@pytest.mark.parametrize("kind", ["pickle", "keras archive", "telemetry", "empty"])
def test_weights_of_another_kind_are_never_opened_by_tensorflow(fresh, smoke, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: True)
    monkeypatch.setattr("harness.check.replay.Reference", lambda *args: pytest.fail("TensorFlow was asked"))
    ran = tmp_path / "ran"
    built = fresh(telemetry=True)
    describe_smoke(built, smoke)
    for run in range(5):
        path = built.run_files(run).weights
        if kind == "pickle":
            path.write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % str(ran).encode())
        elif kind == "keras archive":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("config.json", json.dumps({"class_name": "Lambda"}))
        else:
            data = built.run_files(run).telemetry().read_bytes() if kind == "telemetry" else b""
            path.write_bytes(data)
    result, findings = replayed(built, smoke)
    assert result.outcome is Outcome.FAIL and len(findings) == 5 and not ran.exists()


@pytest.mark.slow
def test_modules_in_the_package_are_not_imported(fresh, smoke, monkeypatch):
    """A reviewer may stand in the package that is replayed."""
    built = fresh()
    describe_smoke(built, smoke)
    for run in range(5):
        write_weights(built, run, run / 100)
    ran = built.root.parent / "ran"
    for name in ("reference", "harness", "numpy", "json", "keras"):
        (built.root / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')\n")
    monkeypatch.chdir(built.root)
    blocked = built.root.parent / "blocker" / "tensorflow"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('blocked')\n")
    monkeypatch.setenv("PYTHONPATH", f"{blocked.parent}{os.pathsep}{ROOT}")
    result, _ = replayed(built, smoke)
    assert result.outcome is Outcome.NOT_CHECKED and not ran.exists()


# ---------------------------------------------------------------- tampering, with TensorFlow


def log_what_the_weights_give(built: BuiltPackage, smoke: Path, runs: tuple[int, ...]) -> None:
    """Random weights for these runs, each its own, and logs that state truly what they give."""
    import keras

    from reference.data.dataset import describe
    from reference.data.profiles import PROFILES
    from reference.protocol.spec import RunSpec
    from reference.tensorflow.model import build_unet
    from reference.tensorflow.replay import evaluate
    from reference.tensorflow.weights import read_weights

    describe_smoke(built, smoke)
    data = describe(smoke, "smoke", PROFILES["smoke"].geometry).data
    for run in range(5):
        path = built.run_files(run).weights
        if run not in runs:
            path.unlink()
            continue
        keras.utils.set_random_seed(run + 1)
        build_unet(32).save_weights(path)
        settings = {"batch": 32, "precision": "float32", "tf32": False}
        said = evaluate(RunSpec(0, 0, data, ""), settings, read_weights(path))
        state(built, run, said["accuracy"], said["loss"])


def state(built: BuiltPackage, run: int, accuracy: float | None = None, loss: float | None = None) -> None:
    """Log these numbers, and the digest of the weights as they are now."""
    digest = hashlib.sha256(built.run_files(run).weights.read_bytes()).hexdigest()

    def change(events):
        for key, value in (("eval_accuracy", accuracy), ("eval_loss", loss), ("weights_digest", digest)):
            if value is not None:
                find(events, key, -1)["value"] = value

    built.edit_events(run, change)


def swap(built):
    first, second = (built.run_files(run).weights for run in (1, 2))
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)


def perturb(built):
    rng = np.random.default_rng(0)
    with h5py.File(built.run_files(2).weights, "r+") as file:
        for at, shape in enumerate(expected_shapes()):
            layer = f"layers/conv2d_{at // 2}" if at > 1 else "layers/conv2d"
            file[f"{layer}/vars/{at % 2}"][...] *= 1 + 0.01 * rng.standard_normal(shape).astype(np.float32)


def raise_accuracy(built):
    state(built, 2, built_accuracy(built, 2) + 0.005)


def built_accuracy(built: BuiltPackage, run: int) -> float:
    return float(find(built.events(run), "eval_accuracy", -1)["value"])


@pytest.mark.slow
def test_tampering_shows(fresh, smoke):
    pytest.importorskip("tensorflow")
    built = fresh()
    log_what_the_weights_give(built, smoke, (1, 2))
    result, findings = replayed(built, smoke)
    assert lacking(findings, built, (1, 2)) and len(findings) == 3
    kept = {p: p.read_bytes() for p in built.root.rglob("*") if p.is_file()}
    for tamper, wrong in ((swap, {1, 2}), (perturb, {2}), (raise_accuracy, {2})):
        tamper(built)
        for run in wrong:
            state(built, run)
        result, findings = replayed(built, smoke)
        assert result.outcome is Outcome.FAIL, tamper.__name__
        assert {f.path for f in findings if "no weights" not in f.message} == {
            str(built.layout.result(run).relative_to(built.root)) for run in wrong
        }
        for path, data in kept.items():
            path.write_bytes(data)
