"""What lineage measures of honest runs, and of weights that were forged out of them: docs/bench/margins.json.

    python -m tests.bench.margins submissions/lab [...] > docs/bench/margins.json

Each run's weights are held against the beginning of its own seed, then against what a forger could make of the run
after it: its weights, with noise, mixed with the beginning that they would have to descend from, and so on.
docs/images/margins.svg draws the result (tests/docs/margins.py).
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.check.entries import find_entries
from harness.check.lineage import kernel_moves
from harness.check.loader import load_header, load_runs
from harness.check.tree import scan, system_names
from harness.untrusted.hdf5_guard import Reader
from reference.tensorflow.weights import as_layers
from rules.evidence.lineage import ADAM_STEP
from rules.facts.lineage_bounds import steps_of
from rules.facts.log_reading import number
from rules.model.layout import RunFiles
from rules.model.run import Run
from rules.ruleset import load_ruleset

NOISE = 0.004


class Trained(NamedTuple):
    """One honest run."""

    beginning: np.ndarray  # (weights,) float32
    weights: np.ndarray
    most: float  # what Adam's steps can move a weight by
    run: Run
    steps: float
    profile: str  # of the data set


Forge = Callable[[Trained, Trained], np.ndarray]


def _noisy(mine: Trained, other: Trained) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(other.weights.shape, np.float32)
    return other.weights * (1 + NOISE * noise)


def _as_far(mine: Trained, other: Trained) -> np.ndarray:
    """The seed's beginning, each of its arrays moved at random, as far as training moved that of another run."""
    rng, made = np.random.default_rng(2), mine.beginning.copy()
    arrays = (as_layers(numbers) for numbers in (made, other.beginning, other.weights))
    for array, first, last in zip(*arrays, strict=True):
        far = np.sqrt(np.mean((last - first) ** 2))
        array += far * rng.standard_normal(array.shape, np.float32)  # a view of `made`
    return made


FORGERIES: dict[str, Forge] = {
    "weights of another run": lambda mine, other: other.weights,
    "the same with 0.4 % noise": _noisy,
    "another run's + half the seed's beginning": lambda mine, other: other.weights + mine.beginning / 2,
    "95 % of the beginning + 5 % of another run's": lambda mine, other: (
        0.95 * mine.beginning + 0.05 * other.weights
    ),
    "never trained": lambda mine, other: mine.beginning,
    "the beginning + the way of another run": lambda mine, other: (
        mine.beginning + (other.weights - other.beginning)
    ),
    "the beginning + noise, as far as training": _as_far,
}


def trained_in(package: Path) -> list[Trained]:
    """Every scored run of a package, with its weights and the beginning of its seed."""
    from reference.tensorflow.state import initial_weights

    tree, reader, found = scan(package), Reader(), []
    for entry in find_entries(package, system_names(package), load_ruleset()):
        header = load_header(package, entry, tree)
        if header.dataset is None:
            raise SystemExit(f"{package}: {entry.system} has no data set")
        for run in load_runs(header, tree):
            steps, rate = steps_of(run), number(run.settings, "opt_base_learning_rate")
            if (
                run.record is None
                or run.record.seed is None
                or run.evidence_dir is None
                or not steps
                or not rate
            ):
                raise SystemExit(f"{run.path}: seed, steps or learning rate are not stated")
            weights = reader.weights(RunFiles(run.evidence_dir).weights)
            most = ADAM_STEP * rate * steps
            found.append(
                Trained(initial_weights(run.record.seed), weights, most, run, steps, header.dataset.profile)
            )
    return found


def measured(runs: list[Trained]) -> dict[str, Any]:
    """Of each kernel: cosine with the beginning, cosine of beginning and way, farthest movement over Adam's bound,
    and how much more of the way is along one direction than noise has.
    """
    pairs = list(zip(runs, [*runs[1:], runs[0]], strict=True))
    forged = {
        name: [_line(one, forge(one, other)) for one, other in pairs] for name, forge in FORGERIES.items()
    }
    return {"honest": [_line(one, one.weights) for one in runs], "forged": forged}


def _line(run: Trained, weights: np.ndarray) -> dict[str, list[float]]:
    moves = kernel_moves(run.beginning, np.asarray(weights, np.float32))
    return {
        "cosine": [round(move.cosine, 4) for move in moves],
        "drift": [round(move.drift, 4) for move in moves],
        "alignment": [round(move.alignment, 3) for move in moves],
        "of_adam": [float(f"{move.farthest / run.most:.3g}") for move in moves],
    }


def main(packages: list[str]) -> int:
    """Print the record of these packages."""
    if not packages:
        print(__doc__, file=sys.stderr)
        return 2
    runs = [run for package in packages for run in trained_in(Path(package))]
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    print(json.dumps({"machine": machine, "runs": len(runs), **measured(runs)}, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
