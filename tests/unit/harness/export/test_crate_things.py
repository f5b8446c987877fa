"""Software of a crate: libraries with the digests of the bill of materials; digests of code are no libraries."""

from __future__ import annotations

import json
from pathlib import Path

from harness.export.crate_things import record_digests, scored, software
from harness.score.model import Breakdown, Convergence, Interval, Score

STATED = {
    "python": "3.12.1",
    "numpy": "2.4.6",
    "mlperf-logging": "4.1.68",
    "cloudmask-harness": "0.1.0",
    "commit": "c" * 40,
    "code_harness": "a" * 64,
    "code_ran": "b" * 64,
}
BILL = {
    "components": [
        {"name": "linux", "type": "operating-system"},
        {"name": "mlperf_logging", "properties": [{"name": "cloudmask:record-sha256", "value": "d" * 64}]},
        {"name": "numpy", "properties": [{"name": "other", "value": "x"}]},
    ]
}


def test_libraries_have_the_digests_of_the_bill_and_digests_of_code_belong_to_the_implementation() -> None:
    made = {
        e["@id"]: e for e in software("#tool", "reference", STATED, record_digests(json.dumps(BILL).encode()))
    }
    applications = {e["name"]: e for e in made.values() if e["@type"] == "SoftwareApplication"}
    assert set(applications) == {"reference", "python", "numpy", "mlperf-logging", "cloudmask-harness"}
    assert made[applications["mlperf-logging"]["additionalProperty"]["@id"]]["value"] == "d" * 64
    assert "additionalProperty" not in applications["numpy"]
    code = [made[ref["@id"]] for ref in made["#tool"]["additionalProperty"]]
    assert {e["value"] for e in code} == {"a" * 64, "b" * 64}
    assert "pypi" not in json.dumps(
        [e for e in made.values() if e["name"] in ("python", "cloudmask-harness")]
    )


def test_a_broken_bill_gives_no_digests(tmp_path: Path) -> None:
    (tmp_path / "bill").write_text("[" * 100_000)
    for bill in (
        None,
        b"",
        b"[]",
        b'{"components": 1}',
        b'{"components": [1]}',
        tmp_path / "bill",
        tmp_path / "no",
    ):
        assert record_digests(bill) == {}


def test_a_scaled_score_says_its_factor_and_a_missing_one_nothing() -> None:
    steps = Breakdown(
        "mean", [], Convergence(1.25, "within", "fast"), None, 8.0, 10.0, Interval(8.0, 12.0, 1.0, 2)
    )
    made = {
        e["name"]: e["value"] for e in scored(Score(10.0, "mean", [], scaling_factor=1.25, breakdown=steps))
    }
    assert made == {
        "score_s": 10.0, "mean_s": 8.0, "convergence_factor": 1.25, "interval_95_low_s": 8.0, "interval_95_high_s": 12.0
    }  # fmt: skip
    assert scored(Score(None, "mean", [])) == []
