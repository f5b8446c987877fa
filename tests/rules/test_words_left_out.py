"""Words that a package leaves out, or writes otherwise than the harness does, so that a rule has nothing to compare."""

from __future__ import annotations

from typing import Any

import pytest

from harness.check import check_package
from rules.model.values import same
from tests.rules.cases.edits import edit_record, find
from tests.support.builders import BuiltPackage


def errors(built: BuiltPackage, rule: str) -> list[str]:
    _, verdict = check_package(built.root)
    return [f.message for f in verdict.findings if f.rule == rule and f.severity.value == "error"]


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"data": "NaN"}, "data"),
        ({"hyperparameters": {}, "precision": None}, "hyperparameters, precision"),
        ({"gallery_scenes": False}, "gallery_scenes"),
    ],
)
def test_a_record_without_its_run_spec_is_incomplete(fresh, changed: dict[str, Any], missing: str):
    built = fresh()
    edit_record(built, lambda record: record["spec"].update(changed))
    assert errors(built, "EVD050") == [f"its run spec has no {missing}"]
    edit_record(built, lambda record: record.update(spec={}))
    assert errors(built, "EVD050") == ["its run spec has no data, hyperparameters, precision, gallery_scenes"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["-m", "reference"],
        ["python", "fast.py", "-m", "reference"],
        ["python", "-u", "-m", "reference.faster"],
    ],
)
def test_all_runs_started_by_something_else_than_the_reference(fresh, command: list[str]):
    built = fresh()
    for run in range(5):
        edit_record(built, lambda record: record.update(command=command), run)
    assert errors(built, "EVD017") == [f"started as '{' '.join(command)}'"] * 5


def test_a_seed_is_the_one_that_was_drawn_to_the_last_digit(fresh):
    built = fresh()

    drawn = 2_147_483_646

    def drew(record: dict[str, Any]) -> None:
        record["seed"] = record["spec"]["seed"] = drawn

    edit_record(built, drew)
    for logged, found in ((drawn, 0), (drawn + 1, 1)):
        built.edit_events(1, lambda events, seed=logged: find(events, "seed").update(value=seed))
        assert len(errors(built, "SED005")) == found


def test_whole_numbers_are_the_same_to_the_last_digit_and_fractions_to_nine():
    assert same(2**63, 2**63) and not same(2**63, 2**63 + 1)
    assert same(0.001, 0.0010000000000001) and same(1, 1.0) and not same(1, True)


def test_weights_of_another_entry_of_the_organisation(fresh):
    """The runs of a strong entry told as those of a weak one, or of another system, have the same weights."""
    built = fresh()
    copied = built.root / "evidence/testbox/weak/cloudmask/result_3/weights.weights.h5"
    copied.parent.mkdir(parents=True)
    copied.write_bytes(built.run_files(1).weights.read_bytes())
    built.reseal()
    _, verdict = check_package(built.root)
    (found,) = (finding for finding in verdict.findings if finding.rule == "CNV008")
    assert found.path == "results/testbox/strong/cloudmask/result_1.txt"
    assert "the weights are those of evidence/testbox/weak/cloudmask/result_3" in found.message
