"""From training to a verdict on lineage, on an epoch trained again, and on an answer to a challenge."""

from __future__ import annotations

import json

import pytest

from harness.core.mllog_lines import TOKEN

RECOMPUTED = ("EVD019", *(f"EVD{number:03}" for number in range(70, 78)), "EVD082", "EVD083")


def outcomes(done) -> dict[str, str]:
    return {rule["id"]: rule["outcome"] for rule in json.loads(done.stdout)["rules"]}


def test_trained_replayed_challenged_and_forged(trial):
    pytest.importorskip("tensorflow")
    trial.recipe(
        command=None,
        implementation="reference",
        division="open",
        runs=2,
        best_of=2,
        hyperparameters={"global_batch_size": 8, "max_epochs": 20},
        evidence={"checkpoints": "challenge", "gallery_scenes": 1},
    )
    trial.submitted(limit_s=1500)

    lineage = trial.cloudmask("check", "submissions/lab", "--replay", "--format", "json", limit_s=600)
    assert lineage.returncode == 0, lineage.stdout
    found = outcomes(lineage)
    assert [found[id] for id in ("EVD070", "EVD071", "EVD072", "EVD073")] == ["pass"] * 4
    assert found["EVD019"] == found["EVD075"] == "not_checked"

    data = ("--data", "data", "--format", "json")
    again = trial.cloudmask("check", "submissions/lab", "--replay", *data, limit_s=1200)
    assert again.returncode == 0, again.stdout
    assert {id: outcomes(again)[id] for id in RECOMPUTED if id != "EVD074"} == {
        id: "pass" for id in RECOMPUTED if id != "EVD074"
    }
    assert "s in all" in again.stderr

    asked = trial.cloudmask("challenge", "submissions/lab", "--epochs", "1", "--out", "c.json")
    assert asked.returncode == 0, asked.stderr
    answered = trial.cloudmask("answer", "c.json", "--out", "a.npz")
    assert answered.returncode == 0, answered.stderr
    files = ("--challenge", "c.json", "--answer", "a.npz")
    judged = trial.cloudmask("check", "submissions/lab", *files, *data, limit_s=600)
    assert judged.returncode == 0, judged.stdout
    assert [outcomes(judged)[f"EVD{number:03}"] for number in range(78, 82)] == ["pass"] * 4

    # forged: run 1 with the weights of run 0, and a better loss in its first epoch
    weights = [trial.evidence() / f"result_{run}/weights.weights.h5" for run in range(2)]
    weights[1].write_bytes(weights[0].read_bytes())
    log = trial.org / "results/box/strong/cloudmask/result_0.txt"
    lines = log.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if '"tracked_stats"' in line)
    event = json.loads(lines[at][len(TOKEN) :])
    event["value"]["train_loss"] *= 0.9
    lines[at] = TOKEN + json.dumps(event)
    log.write_text("\n".join(lines) + "\n")
    forged = trial.cloudmask("check", "submissions/lab", "--replay", *data, limit_s=1200)
    assert forged.returncode == 1
    found = outcomes(forged)
    assert [found[id] for id in ("EVD070", "EVD072", "EVD073", "EVD075")] == ["fail"] * 4
