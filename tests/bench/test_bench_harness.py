"""What the harness costs a run: the reference under it and bare, in turns, on the same data with the same work."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from reference.data.dataset import describe
from reference.data.profiles import get_profile
from reference.data.synthetic import synthesize
from reference.protocol.spec import Hyperparameters, RunSpec
from tests.bench.record import in_turns, measurement
from tests.bench.smoke_run import CHOSEN, Harness, Running, environment, time_to_train_s

pytestmark = pytest.mark.bench

ROUNDS = 5
LOOK_S = 0.5


def children_cpu_s() -> float:
    """Of all that this process started and that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare(spec: Path) -> float:
    """Time-to-train of `python -m reference` in s."""
    done = subprocess.run(
        [sys.executable, "-m", "reference"],
        cwd=spec.parent,
        env=environment(CLOUDMASK_RUN_SPEC=str(spec)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return time_to_train_s(done.stdout.splitlines())


def share_of_machine(running: Running) -> float | None:
    """What harness and sampler, not the training, take while the clock runs: CPU s / (s x cores). None if
    the run was too short to see."""
    looks: list[tuple[float, float]] = []
    ours: list[psutil.Process] = []
    while running.process.poll() is None:
        time.sleep(LOOK_S)
        with contextlib.suppress(FileNotFoundError, psutil.Error):  # at the end files move and processes go
            log = next(running.out.glob("**/result.txt"), None)
            said = log.read_text() if log else ""
            if "run_start" in said and "run_stop" not in said:
                ours = ours or _harness_and_sampler(running.process.pid)
                looks.append((time.monotonic(), sum(sum(one.cpu_times()[:2]) for one in ours)))
    if len(looks) < 2:
        return None
    (begin_s, before_s), (end_s, after_s) = looks[0], looks[-1]
    return (after_s - before_s) / (end_s - begin_s) / len(os.sched_getaffinity(0))


def _harness_and_sampler(pid: int) -> list[psutil.Process]:
    own = psutil.Process(pid)
    return [own, *(c for c in own.children() if "harness.telemetry.recorder.sampler" in c.cmdline())]


def test_time_to_train_under_the_harness_and_bare(tmp_path: Path, measured) -> None:
    folder = synthesize("smoke", tmp_path / "data")
    data = describe(folder, "smoke", get_profile("smoke").geometry).data
    spec = RunSpec(0, 1, data, str(tmp_path / "out"), Hyperparameters(**CHOSEN))
    (tmp_path / "spec.json").write_text(spec.to_json())
    harness = Harness(tmp_path)
    wall: dict[str, list[float]] = {"bare": [], "harness": []}
    cpu: dict[str, list[float]] = {"bare": [], "harness": []}
    shares: list[float] = []

    def alone() -> None:
        before = children_cpu_s()
        wall["bare"].append(bare(tmp_path / "spec.json"))
        cpu["bare"].append(children_cpu_s() - before)

    def watched() -> None:
        before = children_cpu_s()
        running = harness.start()
        share = share_of_machine(running)
        wall["harness"].append(running.time_to_train_s())
        cpu["harness"].append(children_cpu_s() - before)
        if share is not None:
            shares.append(100 * share)

    in_turns(ROUNDS, bare=alone, harness=watched)
    ratio = [h / b for h, b in zip(wall["harness"], wall["bare"], strict=True)]
    more = [h - b for h, b in zip(cpu["harness"], cpu["bare"], strict=True)]
    note = "harness and sampler together, of all cores"
    measured(measurement("harness: time-to-train, bare", "s", wall["bare"], "none"))
    measured(measurement("harness: time-to-train, under it", "s", wall["harness"], "none"))
    measured(measurement("harness: time-to-train ratio", "x", ratio, "lower"))
    if shares:
        measured(measurement("harness: share while the clock runs", "%", shares, "lower", note))
    note = "start-up, hashing, sampling"
    measured(measurement("harness: CPU beyond the bare run's", "s/run", more, "lower", note))
