"""Experiments by an implementation that trains nothing: killed and resumed, alone, in parallel and as a Slurm array."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml

from harness.experiment.record import TrialRecord
from tests.slurm.cluster import missing
from tests.support.waiting import HANG_S, wait_for

LR = "hyperparameters.learning_rate"
BATCH = "hyperparameters.global_batch_size"
GRID = {"method": "grid", "space": {LR: [0.001, 0.002], BATCH: [4, 8]}}
NAME = "search"


def write(trial, **fields) -> str:
    said = {"name": NAME, "base": "box", "search": GRID, **fields}
    (trial.root / "e.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    return "e.yaml"


def call(trial, verb, *arguments, **extra):
    return trial.cloudmask("experiment", verb, "e.yaml", "--org", "lab", *arguments, **extra)


def records(trial) -> list[TrialRecord]:
    found = sorted((trial.root / f"data/experiments/{NAME}/trials").glob("*/trial.json"))
    return [TrialRecord.model_validate(json.loads(path.read_text())) for path in found]


def over(trial) -> list[TrialRecord]:
    return [record for record in records(trial) if record.over]


def keys(found: list[TrialRecord]) -> Counter[tuple[int, int]]:
    return Counter((record.point, record.repeat) for record in found)


@pytest.fixture
def lone(trial):
    """A workspace of its own: the data set is shared, experiments are not."""
    data = trial.root / "data"
    shared = data.resolve()
    data.unlink()
    data.mkdir()
    (data / "smoke").symlink_to(shared / "smoke")
    trial.recipe(evidence={"weights": False})
    return trial


def start(trial, *arguments, **extra) -> subprocess.Popen[str]:
    return trial.start("experiment", "run", "e.yaml", "--org", "lab", *arguments, merged=True, **extra)


def kill_in_a_trial(trial, *arguments) -> None:
    """Start, wait until a trial hangs in its second epoch, and kill the process without warning."""
    once = trial.root / "once"
    once.unlink(missing_ok=True)
    process = start(trial, *arguments, FAKE="hang", FAKE_ONCE=str(once))
    wait_for(lambda: once.exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(HANG_S)
    assert process.stdout is not None
    process.stdout.close()


def test_a_grid_is_tried_point_by_point_and_goes_on_after_a_kill(lone):
    write(lone)
    kill_in_a_trial(lone)
    begun = records(lone)
    assert [record.status for record in begun] == ["running"]
    done = call(lone, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trial 0 was interrupted: taken back" in done.stdout
    found = records(lone)
    assert [record.status for record in found] == ["interrupted", *["complete"] * 4]
    assert keys(over(lone)) == {(point, 0): 1 for point in range(4)}
    assert [record.values for record in found[1:]] == [
        {LR: a, BATCH: b} for a in (0.001, 0.002) for b in (4, 8)
    ]
    logs = {record.number: record.log_sha256 for record in found}
    again = call(lone, "run")
    assert again.returncode == 0 and "0 trials run" in again.stdout
    assert {record.number: record.log_sha256 for record in records(lone)} == logs
    _is_a_trial(lone, found[1])


def _is_a_trial(trial, record: TrialRecord) -> None:
    """Its evidence is complete, and nobody takes it for a submission."""
    root = trial.root / f"data/experiments/{NAME}/trials/trial_{record.number:04d}"
    plan = json.loads((root / "evidence/box/strong/cloudmask/plan.json").read_text())
    assert plan["division"] == "open" and plan["runs"] == 1
    assert plan["recipe"]["trial"]["number"] == record.number
    assert (root / "evidence/box/strong/cloudmask/result_0/telemetry_node_0.h5").is_file()
    judged = trial.cloudmask("check", str(root), "--format", "json")
    rules = {finding["rule"] for finding in json.loads(judged.stdout)["findings"]}
    assert judged.returncode == 1 and "HYP013" in rules


def test_from_trials_to_a_submission_that_says_how_many(lone):
    write(
        lone, search={"method": "tpe", "points": 3, "space": {LR: {"low": 0.0001, "high": 0.01, "log": True}}}
    )
    assert "3 points" in call(lone, "plan").stdout
    done = call(lone, "run", "--workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {record.at_once for record in records(lone)} == {2} and len(over(lone)) == 3
    assert "1. point" in call(lone, "status").stdout
    page = Path(lone.root / call(lone, "report").stdout.strip())
    assert "Parallel coordinates" in page.read_text() and (page.parent / "table.csv").is_file()
    made = call(lone, "recipe", "1", "--system", "tuned")
    assert made.returncode == 0, made.stderr
    recipe = yaml.safe_load((lone.root / made.stdout.splitlines()[0]).read_text())
    assert (
        recipe["tuned"]["trials"] == 3
        and recipe["hyperparameters"]["learning_rate"] == records(lone)[1].values[LR]
    )
    refused = call(lone, "recipe", "1", "--system", "tuned")
    assert refused.returncode == 2 and "already" in refused.stderr
    lone.submitted(system="tuned")
    shown = lone.cloudmask("check", "submissions/lab")
    assert "3 trials of 3 settings were made to find them" in shown.stdout


def test_what_does_not_work_is_said_in_one_line(lone):
    write(lone)
    done = call(lone, "run", FAKE="crash")
    assert done.returncode == 3 and "3 trials failed one after the other" in done.stderr
    assert {record.status for record in records(lone)} == {"failed"}
    write(lone, repeats=2)
    changed = call(lone, "run")
    assert changed.returncode == 2 and "changed since its first trial" in changed.stderr
    nothing = call(lone, "gather", "data")
    assert nothing.returncode == 2 and "There are no trials in data" in nothing.stderr
    sent = call(lone, "run", "--slurm", "2")
    assert sent.returncode == 2 and "storage: journal" in sent.stderr
    for done in (changed, nothing, sent):
        assert "Traceback" not in done.stderr and "fix:" in done.stderr


def test_trials_of_two_machines_become_one_table(lone):
    write(lone, search={**GRID, "space": {LR: [0.001, 0.002]}})
    assert call(lone, "run").returncode == 0
    own = lone.root / f"data/experiments/{NAME}"
    other = lone.root / "other"
    own.rename(other)
    assert call(lone, "run").returncode == 0
    places = [str(own.relative_to(lone.root)), "other"]
    done = call(lone, "gather", *places, "--out", "all")
    assert done.returncode == 0 and "4 trials of 4 points from 2 folders" in done.stdout
    table = json.loads((lone.root / "all/table.json").read_text())
    assert [(row["place"], row["point"]) for row in table["trials"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    twice = call(lone, "gather", places[0], places[0])
    assert twice.returncode == 2 and "their logs are equal" in twice.stderr
    header = other / "experiment.json"
    for field, words in (("dataset_digest", "the data set"), ("base_digest", "the base recipe")):
        said = json.loads(header.read_text())
        header.write_text(json.dumps({**said, field: "0" * 64}))
        refused = call(lone, "gather", *places)
        assert refused.returncode == 2 and words in refused.stderr
        header.write_text(json.dumps(said))
    header.write_text("{")
    broken = call(lone, "gather", *places)
    assert broken.returncode == 2 and "Traceback" not in broken.stderr


MANY = {**GRID, "space": {LR: [0.0005, 0.001, 0.002, 0.004], BATCH: [4, 8, 16]}}  # 12 points, twice


@pytest.mark.nightly
@pytest.mark.parametrize("workers", [1, 2])
def test_24_trials_killed_twice(lone, workers):
    write(lone, search=MANY, repeats=2)
    enough = ["--workers", str(workers)]
    kill_in_a_trial(lone, *enough)
    first = len(over(lone))
    process = start(lone, *enough)
    wait_for(lambda: len(over(lone)) >= first + 6 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=HANG_S)
    kept = {record.number: record.log_sha256 for record in over(lone)}
    done = call(lone, "run", *enough)
    assert done.returncode == 0, done.stdout + done.stderr
    found = over(lone)
    assert keys(found) == {(point, repeat): 1 for point in range(12) for repeat in range(2)}
    assert {record.number: record.log_sha256 for record in found if record.number in kept} == kept


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_slurm_array_is_killed_and_sent_again(lone, cluster, many):
    lone.recipe(launcher="slurm", job={"time": "00:30:00", "partition": "main"}, evidence={"weights": False})
    write(lone, storage="journal", search=MANY if many else GRID, repeats=2 if many else 1)
    count = 24 if many else 4
    for at in (1, count // 2):
        number = _send(lone, cluster)
        wait_for(lambda at=at: len(over(lone)) >= at)
        cluster.ask("scancel", "--signal=KILL", "--full", number)
        cluster.ask("scancel", number)
        wait_for(lambda number=number: not cluster.ask("squeue", "--noheader", f"--jobs={number}").strip())
    number = _send(lone, cluster)
    wait_for(lambda: not cluster.ask("squeue", "--noheader", f"--jobs={number}").strip())
    assert sum(keys(over(lone)).values()) == count == len(keys(over(lone))), _logs(lone)
    # Where the kill meets the training an instant before the harness, this has the time to write that it failed.
    others = [record for record in records(lone) if record.status not in ("complete", "interrupted")]
    assert all("ended by signal 9" in str(record.reason) for record in others), others


def _send(trial, cluster) -> str:
    done = call(trial, "run", "--slurm", "2", **cluster.environment)
    assert done.returncode == 0, done.stdout + done.stderr + cluster.logs()
    return done.stdout.split()[1]


def _logs(trial) -> str:
    return "\n".join(path.read_text()[-2000:] for path in (trial.root / "data/jobs").glob("*.log"))


def test_ctrl_c_ends_all_workers_and_says_how_to_go_on(lone):
    write(lone)
    once = lone.root / "once"
    process = start(lone, "--workers", "2", FAKE="hang", FAKE_ONCE=str(once))
    wait_for(lambda: once.exists() or process.poll() is not None)
    tree = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGTERM)
    said, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 130 and "run the same command again" in said and "Traceback" not in said
    assert not [p for p in tree if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
