"""Twenty honest runs, trained afresh: no rule may call any of them dishonest, with or without a replay."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import psutil
import pytest

from tests.support.waiting import HANG_S

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(5400)]
REPLAY_S = 3600.0
RUNS = 5
CLOSED = {
    "command": None,
    "implementation": "reference",
    "division": "closed",
    "best_of": None,
    "hyperparameters": {"global_batch_size": 8, "max_epochs": 200},
    "telemetry": {"interval_s": 0.1},
    "evidence": {"gallery_scenes": 1},
}
OPEN = {
    **CLOSED,
    "division": "open",
    "best_of": RUNS,
    "precision": "mixed_bfloat16",
    "hyperparameters": {"global_batch_size": 16, "max_epochs": 60},
}
KINDS = {
    "closed": CLOSED,
    "interrupted": CLOSED,
    "two workers": {**CLOSED, "devices": {"workers_per_node": 2}},
    "open": OPEN,
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_false_alarm(trial, kind):
    pytest.importorskip("tensorflow")
    trial.recipe(**KINDS[kind])
    if kind == "interrupted":
        stop(trial, 1, '"run_start"', signal.SIGINT)
        stop(trial, 3, '"eval_accuracy"', signal.SIGKILL, "--resume")
        done = trial.submit("--resume", limit_s=REPLAY_S)
        assert list((trial.evidence() / "failed").iterdir())
    else:
        done = trial.submit(limit_s=REPLAY_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(trial.results()) == RUNS

    for more in ((), ("--replay", "--data", "data")):
        judged = trial.cloudmask("check", "submissions/lab", "--format", "json", *more, limit_s=REPLAY_S)
        verdict = json.loads(judged.stdout)
        alarms = [f for f in verdict["findings"] if f["severity"] == "error"]
        print(kind, more[:1], dict(Counter(f["rule"] for f in verdict["findings"])))
        assert judged.returncode == 0 and not alarms, alarms
    recomputed = {r["id"]: r["outcome"] for r in verdict["rules"]}
    assert recomputed["EVD070"] == recomputed["EVD075"] == "pass", "the replay looked at the runs"


def stop(trial, run: int, event: str, number: signal.Signals, *more: str) -> None:
    """A submit that is ended by a signal once the log of that run has the event."""
    with trial.start_submit(*more) as running:
        trial.until(event, run, running)
        tree = psutil.Process(running.pid).children(recursive=True)
        os.kill(running.pid, number)
        running.communicate(timeout=HANG_S)
    psutil.wait_procs(tree, timeout=HANG_S)
