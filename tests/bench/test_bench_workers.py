"""One worker with all cores beside two with half of them each: what sharing the work costs on one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.data.synthetic import synthesize
from tests.bench.record import in_turns, measurement
from tests.bench.smoke_run import Harness

pytestmark = pytest.mark.bench

ROUNDS = 3


def test_two_workers_beside_one(tmp_path: Path, measured) -> None:
    """No speed is gained where the cores are the same: the ratio shows the price of the collectives."""
    synthesize("smoke", tmp_path / "data")
    trials = {
        "one": Harness(tmp_path, "one"),
        "two": Harness(tmp_path, "two", workers_per_node=2),
    }
    wall: dict[str, list[float]] = {name: [] for name in trials}

    def run(name: str) -> None:
        wall[name].append(trials[name].start().time_to_train_s())

    in_turns(ROUNDS, one=lambda: run("one"), two=lambda: run("two"))
    measured(measurement("workers: time-to-train of 1", "s", wall["one"], "none"))
    measured(measurement("workers: time-to-train of 2", "s", wall["two"], "none"))
    ratio = [two / one for one, two in zip(wall["one"], wall["two"], strict=True)]
    measured(measurement("workers: 2 beside 1 on the same cores", "x", ratio, "lower"))
