"""When EVD052 says how much was read, and when it could not look."""

from __future__ import annotations

import pytest

from reference.protocol.dataset import Dataset, DatasetFile
from rules.evidence.reads import LEAST_READINGS, read_again
from rules.model.evidence import Quantity, Telemetry
from rules.model.log import Event, Log
from rules.registry import NotChecked
from rules.ruleset import load_ruleset
from tests.support.runs import make_run

SIZE = 20_000_000


def judge(readings: int, rate: float, seconds: float) -> list[str]:
    said = [
        ("cache_clear", True, 0),
        ("run_start", None, 1000),
        ("run_stop", None, 1000 + int(seconds * 1000)),
    ]
    events = [Event(at, "POINT_IN_TIME", key, value, {}, "", i) for i, (key, value, at) in enumerate(said, 1)]
    run = make_run(Log("r", events))
    run.package.dataset = Dataset(
        "smoke", True, "/d", "0" * 64, {}, {}, [DatasetFile("a", SIZE, "0")], [], 1, 1
    )
    disk = Quantity("psutil_io", "disk_read", "B/s", "node", readings, rate, rate, rate)
    run.telemetry.append(Telemetry("t.h5", "node_0", 0, 9, 0.1, 1.0, 0.1, [disk]))
    return [finding.message for finding in read_again.check(read_again, run, load_ruleset())]


def test_a_run_that_read_its_data_passes_and_one_that_did_not_is_found() -> None:
    assert judge(LEAST_READINGS, SIZE / 3, 3.0) == []
    assert judge(LEAST_READINGS, 0.0, 3.0) == [
        "0.0 MB were read during the run, its training data has 20.0 MB"
    ]


def test_a_run_shorter_than_a_few_readings_is_not_judged() -> None:
    with pytest.raises(NotChecked, match="fewer than 3 readings"):
        judge(LEAST_READINGS - 1, 0.0, 0.3)
