"""Throughput: several models at the same time, as an entry beside time-to-train."""

import json
import shutil

import pytest

OPEN = {"division": "open", "runs": 1, "best_of": 1, "instances": 3}


@pytest.fixture
def both(trial):
    """A package with time-to-train and throughput."""
    trial.recipe(**OPEN)
    trial.submitted()
    done = trial.submitted("--throughput")
    return trial, done


def weak(trial):
    return trial.org / "results/box/weak/cloudmask", trial.org / "evidence/box/weak/cloudmask"


def test_models_at_the_same_time(both):
    trial, done = both
    assert (
        "verdict: consistent with the rules" in done.stdout
        and "throughput: 3 models of 1 of 1" in done.stdout
    )
    results, evidence = weak(trial)
    assert sorted(p.name for p in results.iterdir()) == [f"result_{i}.txt" for i in range(3)]
    records = [json.loads((evidence / f"result_{i}/run.json").read_text()) for i in range(3)]
    assert max(r["started_wall_s"] for r in records) < min(r["finished_wall_s"] for r in records)
    assert len({r["seed"] for r in records}) == 3 and len({json.dumps(r["cache"]) for r in records}) == 1
    checked = trial.cloudmask("check", "submissions/lab")
    assert checked.returncode == 0, checked.stdout
    assert "box/strong/cloudmask: consistent with the rules, time to train" in checked.stdout
    assert (
        "box/weak/cloudmask: consistent with the rules, 3 models of 1 of 1 accelerators in" in checked.stdout
    )
    again = trial.submit("--throughput")
    assert again.returncode == 2 and "--replace" in again.stderr
    kept = trial.submit("--throughput", "--resume")
    assert kept.returncode == 0 and "throughput: 3 models" in kept.stdout
    assert json.loads((evidence / "result_0/run.json").read_text()) == records[0]
    assert trial.cloudmask("report", "submissions/lab").returncode == 0
    assert trial.cloudmask("leaderboard").returncode == 0


def test_throughput_is_never_alone(both):
    trial, _ = both
    for folder in ("results", "evidence", "reports"):
        shutil.rmtree(trial.org / folder / "box/strong", ignore_errors=True)
    checked = trial.cloudmask("check", "submissions/lab")
    assert checked.returncode == 1 and "there is no cloudmask under strong/" in checked.stdout


def test_one_model_fails_and_all_are_ended(trial):
    trial.recipe(**OPEN)
    done = trial.submit("--throughput", FAKE="crash", FAKE_RUN="1", FAKE_REST="hang")
    assert (
        done.returncode == 3 and "Model 1 (2 of 3) failed" in done.stderr and "Traceback" not in done.stderr
    )
    results, evidence = weak(trial)
    assert not results.exists() or not list(results.glob("result_*.txt"))
    states = sorted(json.loads(p.read_text())["status"] for p in evidence.glob("failed/*/run.json"))
    assert states == ["failed", "interrupted", "interrupted"]
    anew = trial.submit("--throughput", "--replace")
    assert "verdict: not consistent" in anew.stdout  # there is no time-to-train beside it
    assert "strong" in anew.stdout


def test_a_recipe_without_instances_is_explained(trial):
    done = trial.submit("--throughput")
    assert done.returncode == 2 and "set `instances`" in done.stderr
