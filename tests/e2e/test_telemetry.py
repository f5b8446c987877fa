"""What the report and the checker make of GPUs, from the driver's library to the page."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from harness.telemetry.reader.reader import read
from tests.support.fakes.nvml import FakeNvml
from tests.support.waiting import HANG_S, wait_for


def noted(telemetry: Path, words: str) -> bool:
    """Whether the sampler has written a note with these words."""
    try:
        return any(words in event.message for event in read(telemetry).events)
    except (OSError, ValueError):  # it is being written
        return False


def sampler_of(pid: int) -> int:
    """The process that samples for the harness `pid`."""
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.Error):
            if "harness.telemetry.recorder.sampler" in child.cmdline():
                return child.pid
    raise AssertionError("no sampler is running")


def test_gpu_that_is_lost_during_a_run(trial, fake_nvml: FakeNvml) -> None:
    """Two GPUs at 70 and 300 W, the first falls off the bus: no energy of it, and everybody says so."""
    trial.recipe(division="open", runs=1, best_of=1, devices={"accelerators_per_node": 2})
    gpus = ["0 power 0:70", "1 power 0:300", "0 utilization 0:90", "1 utilization 0:90"]
    fake_nvml.script(*gpus, count=2)
    names = ("FAKE_NVML_SCRIPT", "LD_LIBRARY_PATH")
    go = trial.root / "go"
    gpu = {name: fake_nvml.environment[name] for name in names}
    with trial.start_submit(merged=True, FAKE="long", FAKE_GO=str(go), **gpu) as submit:
        trial.until("run_start", 0, submit)
        time_of_loss = time.monotonic() - fake_nvml.start_s
        fake_nvml.script(*gpus, f"0 lost 0:0 {time_of_loss}:1", count=2, start_s=fake_nvml.start_s)
        telemetry = trial.evidence() / "result_0.part/telemetry_node_0.h5"
        wait_for(lambda: noted(telemetry, "fallen off the bus"))
        go.touch()
        output, _ = submit.communicate(timeout=HANG_S)
    assert submit.returncode == 0, output

    data = json.loads((trial.org / "reports/box/data.json").read_text())
    energy = {row["scope"]: row for row in data["energy"]["rows"]}
    assert energy["gpu1"]["method"] == "energy counter"
    assert energy["gpu1"]["mean_w"] == pytest.approx(300, rel=0.05)
    assert "all 2 GPUs" not in energy  # one of them is not known
    assert energy["gpu0"]["joules"] is None
    assert any("gpu0: the GPU has fallen off the bus" in note for note in data["timeline"]["notes"])

    checked = trial.cloudmask("check", "submissions/lab", "--format", "json")
    found = [f for f in json.loads(checked.stdout)["findings"] if f["rule"] == "EVD034"]
    assert any("fallen off the bus" in f["message"] for f in found)
    assert checked.returncode == 0  # a warning


def test_sampler_that_is_killed_during_a_run(trial) -> None:
    """The run goes on and is kept; run.json and the checker name the sampler that died."""
    trial.recipe(division="open", runs=1, best_of=1)
    go = trial.root / "go"
    with trial.start_submit(merged=True, FAKE="long", FAKE_GO=str(go)) as submit:
        trial.until("run_start", 0, submit)
        os.kill(sampler_of(submit.pid), signal.SIGKILL)
        go.touch()
        output, _ = submit.communicate(timeout=HANG_S)
    said = "node_0: the telemetry sampler ended early (signal 9)"
    assert f"telemetry of {said}" in output

    record = trial.record("result_0")
    assert (record["status"], record["telemetry_problems"]) == ("success", [said])
    checked = trial.cloudmask("check", "submissions/lab", "--format", "json")
    found = [(f["rule"], f["message"]) for f in json.loads(checked.stdout)["findings"]]
    assert any(rule == "EVD034" and said in message for rule, message in found)
    # telemetry does not cover the run; killed in its first second, there is nothing to cover it with
    assert any(rule == "EVD009" or rule == "PKG009" and "no samples" in message for rule, message in found)
    assert checked.returncode == submit.returncode == 1
