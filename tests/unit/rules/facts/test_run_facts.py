"""What is kept of a run is small, whatever an untrusted package holds."""

from __future__ import annotations

from typing import Any

import msgspec

from rules.facts.run_facts import MAX_PARTS, MAX_TEXT
from rules.model.evidence import RunRecord
from rules.model.log import Event, Log
from tests.support.runs import make_facts


def log(**values: Any) -> Log:
    events = [Event(0, "POINT_IN_TIME", k, v, {}, "", n) for n, (k, v) in enumerate(values.items(), 1)]
    return Log("result_0.txt", events)


def test_long_values_are_cut_and_stay_comparable() -> None:
    one, same, other = (
        make_facts(log(submission_org=text)) for text in ("x" * 10**6, "x" * 10**6, "x" * 999)
    )
    kept = [facts.settings.value("submission_org") for facts in (one, same, other)]
    assert kept[0] == kept[1] != kept[2]
    assert all(len(text) < 2 * MAX_TEXT for text in kept)
    assert make_facts(log(global_batch_size=10**400)).settings.value("global_batch_size") != 10**400


def test_of_a_record_only_what_is_asked_later_is_kept() -> None:
    many: dict[str, Any] = {f"{n}": "y" * 1000 for n in range(5000)}
    record = RunRecord(1, 0, "success", "z" * 10**6, 5, ["w" * 9999] * 9999, "h" * 10**5, None, 0, 1, 1, 0,
                       many, many, {**many, "deep": [many]}, dict.fromkeys(many, "0"))  # fmt: skip
    kept = make_facts(log(), record=record).record
    assert kept is not None and kept.seed == 5
    assert (kept.spec, kept.files, kept.cache) == ({}, {}, {})
    assert len(kept.command) == len(kept.software) == MAX_PARTS
    assert len(msgspec.json.encode(kept)) < 200_000


def test_of_science_the_numbers_over_all_scenes_are_kept() -> None:
    science = {
        "overall": {"accuracy": 0.9, "note": "x", "f1": float("nan")},
        "per_scene": [{}] * 100,
        "by": {},
    }
    assert make_facts(log(), science=science).science == {"overall": {"accuracy": 0.9}}
    assert make_facts(log(), science=None).science is None


def test_seeds_as_the_integers_they_mean() -> None:
    events = [
        Event(0, "POINT_IN_TIME", "seed", v, {}, "", n) for n, v in enumerate([7, "7", 7.0, "x", 7.5], 1)
    ]
    assert [tuple(seed) for seed in make_facts(Log("r", events)).seeds] == [(7, 1), (7, 2), (7, 3)]
