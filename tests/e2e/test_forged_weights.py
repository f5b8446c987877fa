"""Weights that were forged to pass the older bounds of lineage, in the example that has its weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.check import check_all
from harness.check.claims import what_stands
from harness.check.replay import Replayer
from reference.tensorflow.weights import as_layers, read_weights
from rules.model.claims import Claim, Standing
from rules.model.findings import Outcome, Verdict
from rules.ruleset import load_ruleset
from tests.support import EXAMPLES

SYSTEM = "local-smoke"
# from beginning and way of a run, and its number, another way
Forge = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def weights_of(package: Path, run: int) -> Path:
    return package / f"evidence/{SYSTEM}/strong/cloudmask/result_{run}/weights.weights.h5"


def numbers(path: Path) -> np.ndarray:
    return np.concatenate([array.ravel() for array in read_weights(path)])


def write(path: Path, weights: np.ndarray) -> None:
    """Put other numbers into a file of weights."""
    layers = as_layers(weights)
    with h5py.File(path, "r+") as file:
        for at, array in enumerate(layers):
            layer = f"conv2d_{at // 2}" if at > 1 else "conv2d"
            file[f"layers/{layer}/vars/{at % 2}"][...] = array


def seed_of(path: Path) -> int:
    """The seed of the run that a file of weights belongs to."""
    return int(json.loads((path.parent / "run.json").read_text())["seed"])


def replayed(package: Path) -> Verdict:
    """The verdict with lineage."""
    with Replayer() as step:
        [(_, verdict)] = check_all(package, load_ruleset(), SYSTEM, replay=step)
    return verdict


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {result.id: result.outcome for result in verdict.rules}


def one_way_for_all() -> Forge:
    ways: list[np.ndarray] = []

    def forge(beginning: np.ndarray, way: np.ndarray, run: int) -> np.ndarray:
        ways.append(way)
        noise = np.random.default_rng(run).standard_normal(way.shape, np.float32)
        return ways[0] * (1 + np.float32(0.1) * noise)

    return forge


def noise_as_long(beginning: np.ndarray, way: np.ndarray, run: int) -> np.ndarray:
    made, rng = np.zeros_like(way), np.random.default_rng(run)
    for array, real in zip(as_layers(made), as_layers(way), strict=True):
        array += np.sqrt(np.mean(real**2)) * rng.standard_normal(array.shape, np.float32)  # a view of `made`
    return made


@pytest.mark.parametrize(("forge", "rule"), [(one_way_for_all(), "EVD072"), (noise_as_long, "EVD083")])
def test_ways_that_were_not_trained(tmp_path, forge: Forge, rule: str):
    pytest.importorskip("tensorflow")
    from reference.tensorflow.state import initial_weights

    package = tmp_path / "examples"
    shutil.copytree(EXAMPLES, package)
    for run in range(5):
        path = weights_of(package, run)
        beginning = initial_weights(seed_of(path))
        write(path, beginning + forge(beginning, numbers(path) - beginning, run))
    found = outcomes(replayed(package))
    assert found[rule] is Outcome.FAIL
    passing = {"EVD070", "EVD071", "EVD072", "EVD083"} - {rule}
    assert {id: found[id] for id in passing} == dict.fromkeys(passing, Outcome.PASS)


def test_a_mixture_on_claimed_accelerators(tmp_path):
    """Weights of another run, with a fifth of the seed's beginning: they descend, compute, and were never trained.

    Nothing was recorded on accelerators; that was the way around the bounds of processors."""
    pytest.importorskip("tensorflow")
    from reference.tensorflow.state import initial_weights

    package = tmp_path / "examples"
    shutil.copytree(EXAMPLES, package)
    trained = [numbers(weights_of(package, run)) for run in range(5)]
    for run in range(5):
        path = weights_of(package, run)
        write(path, trained[run - 1] + 0.2 * initial_weights(seed_of(path)))
        log = package / f"results/{SYSTEM}/strong/cloudmask/result_{run}.txt"
        said = log.read_text()
        claimed = said.replace('"accelerators_per_node", "value": 0', '"accelerators_per_node", "value": 4')
        assert claimed != said
        log.write_text(claimed)
    verdict = replayed(package)
    found = outcomes(verdict)
    assert found["EVD071"] is found["EVD083"] is Outcome.FAIL
    seed = next(claim for claim in what_stands(verdict) if claim.claim is Claim.SEED)
    assert seed.standing is Standing.ASSERTED
