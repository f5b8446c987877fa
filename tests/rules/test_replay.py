"""Replay: what EVD019 makes of it, and the whole way from weights to verdict."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.checker import check_all
from harness.errors import WrongData
from harness.replay import replay_package
from rules.model import Outcome, Replay, Severity
from tests.builders import BuiltPackage
from tests.rules.cases import find


def outcome(built, prepare):
    _, verdict = check_all(built.root, prepare=prepare)[0]
    result = next(r for r in verdict.rules if r.id == "EVD019")
    findings = [f for f in verdict.findings if f.rule == "EVD019"]
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    assert (verdict.verdict == "not_compliant") == any(f.severity is Severity.ERROR for f in verdict.findings)
    return result, findings


def attached(change):
    """A prepare function that replays every run as it was logged, and run 2 as `change` says."""

    def prepare(package):
        for run in package.runs:
            accuracy, loss = run.log.last("eval_accuracy").value, run.log.last("eval_loss").value
            run.replay = Replay(accuracy, loss, 80, "cpu")
        package.runs[2].replay = change(package.runs[2].replay)

    return prepare


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


def test_without_tensorflow(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    result, _ = outcome(fresh(), lambda package: replay_package(package, tmp_path))
    assert result.outcome is Outcome.NOT_CHECKED and "TensorFlow is not installed" in (result.reason or "")


def test_another_implementation(fresh, tmp_path):
    built = fresh()
    built.edit_text(built.layout.recipe, lambda text: text + "command: [./train]\n")
    result, _ = outcome(built, lambda package: replay_package(package, tmp_path))
    assert result.outcome is Outcome.NOT_CHECKED and "another implementation" in (result.reason or "")


@pytest.mark.parametrize(
    "geometry", [{"patch_size": 100_000}, {"scene_height": 10**9, "patch_size": 8}, {"scene_width": -5}]
)
def test_absurd_geometry_ends_at_once(fresh, tmp_path, geometry):
    built = fresh()
    built.edit_json(built.layout.dataset, lambda value: value["geometry"].update(geometry))
    with pytest.raises(WrongData, match="describes no data set"):
        check_all(built.root, prepare=lambda package: replay_package(package, tmp_path))


def test_scene_names_cannot_leave_the_folder(fresh, tmp_path):
    built = fresh()
    built.edit_json(built.layout.dataset, lambda value: value["train"][0].update(name="../../etc/passwd"))
    with pytest.raises(WrongData, match="outside of the data set"):
        check_all(built.root, prepare=lambda package: replay_package(package, tmp_path))


def test_wrong_folder(fresh, tmp_path):
    built = fresh()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(WrongData, match="has no scene|no folder"):
            check_all(built.root, prepare=lambda package, f=folder: replay_package(package, f))


# ---------------------------------------------------------------- with TensorFlow


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    from reference.synthetic import synthesize

    root = tmp_path_factory.mktemp("data")
    synthesize("smoke", root)
    return root / "smoke"


def real_package(built: BuiltPackage, smoke: Path) -> tuple[BuiltPackage, float]:
    """The package with weights of the real model in run 2, and the accuracy that they give on real scenes."""
    import keras

    from reference.dataset import describe
    from reference.model import build_unet
    from reference.profiles import PROFILES
    from reference.replay import evaluate
    from reference.spec import RunSpec
    from reference.weights import read_weights

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
    result, findings = outcome(built, lambda package: replay_package(package, smoke, said.append))
    assert findings == [] and result.outcome is Outcome.NOT_CHECKED  # the other runs have no weights
    assert any(f"run 2: {accuracy}" in line for line in said)

    def lie(events):
        find(events, "eval_accuracy", -1)["value"] = accuracy + 0.05

    built.edit_events(2, lie)
    result, findings = outcome(built, lambda package: replay_package(package, smoke.parent))
    assert result.outcome is Outcome.FAIL and len(findings) == 1
    assert f"the weights give {accuracy:.6f}" in findings[0].message

    weights = built.run_files(2).weights
    weights.write_bytes(weights.read_bytes()[:-1000])
    result, findings = outcome(built, lambda package: replay_package(package, smoke))
    assert result.outcome is Outcome.FAIL and "cannot be read as HDF5" in findings[0].message
