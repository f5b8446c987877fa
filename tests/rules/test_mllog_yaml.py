"""The field's own compliance checker, with our log rules in its language, agrees on logs like ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rules.ruleset import load_ruleset
from tests.rules.cases.edits import find, index
from tests.support import MLLOG_RULES
from tests.support.waiting import HANG_S


def upstream(log: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """mlperf_logging writes compliance_checker.log into the working directory."""
    command = [
        sys.executable,
        "-m",
        "mlperf_logging.compliance_checker",
        "--usage",
        "hpc",
        "--ruleset",
        "3.0.0",
    ]
    return subprocess.run(
        [*command, "--config", str(MLLOG_RULES), str(log)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"division": "open", "runs": 1}, {"not_converged": (0,), "max_epochs": 8}, {"precision": "tf32"}],
    ids=str,
)
def test_success(fresh, tmp_path, options):
    done = upstream(fresh(**options).layout.result(0), tmp_path)
    assert done.returncode == 0 and "SUCCESS" in done.stderr, done.stderr


def _drop(key):
    def change(events):
        del events[index(events, key)]

    return change


def _second_run_start(events):
    events.insert(index(events, "run_stop"), dict(find(events, "run_start")))


def _aborted(events):
    find(events, "run_stop")["metadata"]["status"] = "aborted"


def _learning_rate(events):
    find(events, "opt_base_learning_rate")["value"] = 0.1


CHANGES = {
    "no seed": _drop("seed"),
    "no evaluation": _drop("eval_accuracy"),
    "no run_stop": _drop("run_stop"),
    "no beta": _drop("opt_adam_beta_1"),
    "no digest": _drop("dataset_digest"),
    "second run_start": _second_run_start,
    "wrong status": _aborted,
    "learning rate": _learning_rate,
}


@pytest.mark.parametrize("name", CHANGES)
def test_failure(fresh, tmp_path, name):
    built = fresh()
    built.edit_events(0, CHANGES[name])
    done = upstream(built.layout.result(0), tmp_path)
    assert done.returncode == 1 and "FAILED" in done.stderr, done.stderr


def test_it_asks_for_every_key_of_the_rulebook():
    text = MLLOG_RULES.read_text()
    for key, spec in load_ruleset().keys.items():
        if spec.count != "optional" and key != "tracked_stats":
            assert f"NAME: {key}\n" in text, key
    assert "enqueue_config(" not in text
