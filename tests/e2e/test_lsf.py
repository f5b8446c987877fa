"""Login node to package with stand-ins for bsub and blaunch (tests/support/lsf.py): no LSF can be had for tests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Trial
from tests.support import lsf
from tests.support.waiting import wait_for

JOB = {
    "time": "00:30:00",
    "partition": "gpu",
    "account": "p200",
    "cpus_per_worker": 1,
    "memory_per_node": "2G",
    "environment": {"XLA_FLAGS": "--a --b=$HOME"},
}
TWO_NODES = {"launcher": "lsf", "devices": {"nodes": 2}, "job": JOB}


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """Variables with which bsub and blaunch are found."""
    folder = tmp_path / "lsf"
    folder.mkdir()
    lsf.install(folder)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "LSF_SPOOL": str(folder)}


def log_of(trial: Trial) -> str:
    log = trial.root / f"data/jobs/cloudmask-lab-box-{lsf.NUMBER}.log"
    return log.read_text() if log.exists() else ""


def launch(trial: Trial, cluster: dict[str, str], *arguments: str):
    return trial.cloudmask("launch", "--system", "box", "--org", "lab", *arguments, **cluster)


def test_a_job_becomes_a_checked_package(trial: Trial, cluster: dict[str, str]) -> None:
    trial.recipe(**TWO_NODES)
    done = launch(trial, cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"job {lsf.NUMBER} sent: 2 nodes, 2 workers a model" in done.stdout
    wait_for(lambda: "verdict" in log_of(trial) or "Fix:" in log_of(trial))
    assert "verdict: consistent with the rules" in log_of(trial), log_of(trial)
    assert trial.cloudmask("check", "submissions/lab").returncode == 0
    lines = (trial.org / "results/box/strong/cloudmask/result_0.txt").read_text().splitlines()
    events = {e["key"]: e["value"] for e in (json.loads(line.removeprefix(":::MLLOG ")) for line in lines)}
    assert (events["number_of_nodes"], events["number_of_ranks"], events["cache_clear"]) == (2, 2, True)
    samplers = [path.name for path in (trial.evidence() / "result_0").glob("telemetry_node_*.h5")]
    assert sorted(samplers) == ["telemetry_node_0.h5", "telemetry_node_1.h5"]


def test_a_refusal_is_in_the_words_of_bsub_and_nothing_waits(trial: Trial, cluster: dict[str, str]) -> None:
    trial.recipe(**{**TWO_NODES, "job": {**JOB, "options": ["-what now"]}})
    done = launch(trial, cluster)
    assert done.returncode == 2 and "bsub refused: #BSUB -what now: Illegal option" in done.stderr
    done = launch(trial, cluster, "--wait")
    assert done.returncode == 2 and "bwait" in done.stderr
