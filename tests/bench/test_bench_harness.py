"""What the harness costs a run: the reference under it and bare, in turns, on the same data with the same work."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from reference.dataset import describe
from reference.profiles import get_profile
from reference.spec import Hyperparameters, RunSpec
from reference.synthetic import synthesize
from tests.bench import record
from tests.bench.record import in_turns, measurement

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

ROUNDS = 5
EPOCHS = 3
# Steps so small that the target is never met: both always train the same number of epochs.
CHOSEN = {"global_batch_size": 8, "max_epochs": EPOCHS, "learning_rate": 1e-7}


def time_to_train_s(lines: list[str]) -> float:
    """run_stop - run_start of a log."""
    events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in lines if ":::MLLOG " in line]
    at = {e["key"]: e["time_ms"] for e in events if e["key"] in ("run_start", "run_stop")}
    return (at["run_stop"] - at["run_start"]) / 1e3


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLOUDMASK")}
    return {**kept, "PYTHONPATH": str(record.ROOT), **more}


def children_cpu_s(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, str]:
    """CPU seconds of a command and all it started, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_time_to_train_under_the_harness_and_bare(tmp_path: Path, measured) -> None:
    folder = synthesize("smoke", tmp_path / "data")
    data = describe(folder, "smoke", get_profile("smoke").geometry).data
    spec = RunSpec(0, 1, data, str(tmp_path / "out"), Hyperparameters(**CHOSEN))
    (tmp_path / "spec.json").write_text(spec.to_json())
    recipe = tmp_path / "submissions/lab/benchmarks/cloudmask/box/recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(
        yaml.safe_dump(
            {
                "division": "open",
                "runs": 1,
                "best_of": 1,
                "data": {"profile": "smoke"},
                "hyperparameters": CHOSEN,
            }
        )
    )
    cpu: dict[str, list[float]] = {"bare": [], "harness": []}

    wall: dict[str, list[float]] = {"bare": [], "harness": []}

    def bare() -> None:
        env = environment(CLOUDMASK_RUN_SPEC=str(tmp_path / "spec.json"))
        spent, output = children_cpu_s([sys.executable, "-m", "reference"], tmp_path, env)
        cpu["bare"].append(spent)
        wall["bare"].append(time_to_train_s(output.splitlines()))

    def harness() -> None:
        out = tmp_path / f"trials-{time.monotonic_ns()}"
        command = [
            sys.executable,
            "-m",
            "harness",
            "run",
            "--system",
            "box",
            "--org",
            "lab",
            "--out",
            str(out),
        ]
        spent, _ = children_cpu_s(command, tmp_path, environment())
        cpu["harness"].append(spent)
        log = next(out.glob("**/result_0.txt")).read_text()
        wall["harness"].append(time_to_train_s(log.splitlines()))

    in_turns(ROUNDS, bare=bare, harness=harness)
    measured(measurement("harness: time-to-train, bare", "s", wall["bare"], "none"))
    measured(measurement("harness: time-to-train, under it", "s", wall["harness"], "none"))
    measured(
        measurement(
            "harness: time-to-train ratio",
            "x",
            [h / b for h, b in zip(wall["harness"], wall["bare"], strict=True)],
            "lower",
        )
    )
    more = [h - b for h, b in zip(cpu["harness"], cpu["bare"], strict=True)]
    measured(
        measurement(
            "harness: CPU beyond the bare run's", "s/run", more, "lower", "start-up, hashing, sampling"
        )
    )
