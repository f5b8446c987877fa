"""Runs on disk: what counts as finished, and what becomes of what a killed harness left."""

import json

import pytest

from harness.run.folders import (
    PART_RESULT,
    attempt_of,
    finished_runs,
    part_dir,
    set_aside,
    sweep,
    used_seeds,
)
from rules.model.evidence import RunRecord
from rules.model.layout import PackageLayout, RunFiles


@pytest.fixture
def layout(tmp_path):
    made = PackageLayout(tmp_path / "lab", "box")
    made.evidence_dir.mkdir(parents=True)
    return made


def folder(place, log=True, **record):
    place.mkdir(parents=True)
    if record:
        RunFiles(place).record.write_text(json.dumps(record))
    if log:
        (place / PART_RESULT).write_text("log\n")
    return place


def status(layout, attempt=0):
    return json.loads(RunFiles(layout.failed_dir(attempt)).record.read_text())


def test_a_part_folder_stands_beside_its_run(layout):
    assert part_dir(layout, 3).name == "result_3.part"
    assert part_dir(layout, 3).parent == layout.run_dir(3).parent


def test_only_runs_with_record_and_log_are_finished(layout):
    folder(layout.run_dir(0), status="success")
    folder(layout.run_dir(1), log=False, status="aborted")
    folder(layout.run_dir(2), status="failed")
    RunFiles(folder(layout.run_dir(3))).record.write_text("{")
    folder(part_dir(layout, 4), status="success")
    assert finished_runs(layout, 5) == {0}
    assert layout.result(0).read_text() == "log\n"
    assert not (layout.run_dir(0) / PART_RESULT).exists()
    assert finished_runs(layout, 5) == {0}


def test_a_run_without_record_was_interrupted(layout):
    part = folder(part_dir(layout, 2))
    RunFiles(part).spec.write_text('{"seed": 99}')
    sweep(layout)
    record = status(layout)
    assert (record["run"], record["status"], record["seed"]) == (2, "interrupted", 99)
    assert not part.exists() and used_seeds(layout) == {99}


def test_a_finished_run_that_was_not_moved_is_moved(layout):
    folder(part_dir(layout, 10), status="success", seed=5)
    sweep(layout)
    assert finished_runs(layout, 11) == {10} and used_seeds(layout) == {5}


def test_a_second_copy_is_set_aside(layout):
    folder(layout.run_dir(0), status="success", seed=1)
    folder(part_dir(layout, 0), status="success", seed=2)
    folder(part_dir(layout, 1), status="failed", seed=3)
    sweep(layout)
    assert [status(layout, attempt)["seed"] for attempt in range(2)] == [2, 3]
    assert used_seeds(layout) == {1, 2, 3}


def test_attempts_take_the_next_free_number_and_are_found_again(layout):
    folder(layout.failed_dir(0), status="failed", started_wall_s=1.0)
    place = set_aside(layout, folder(part_dir(layout, 1), status="failed", started_wall_s=2.5))
    assert place == layout.failed_dir(1)
    record = RunRecord(1, 1, "failed", "x", 7, ["x"], "host", None, 2.5, 3.0, 0.5, 1, {}, {}, {}, {})
    assert attempt_of(layout, record) == place
