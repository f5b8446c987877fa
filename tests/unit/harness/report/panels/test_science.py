"""Science metrics: any value may be absent or odd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.panels.science.builder import science_card
from rules.model.log import Log
from rules.model.run_facts import RunFacts
from tests.support.runs import make_facts


def run_with(science: Any, index: int = 0) -> RunFacts:
    return make_facts(Log(f"result_{index}.txt", []), index, science=science, evidence_dir=Path("nowhere"))


def test_means_and_runs_without_metrics() -> None:
    runs = [
        run_with({"overall": {"accuracy": 0.9}}),
        run_with(None, 1),
        run_with({"overall": {"accuracy": 0.8}}, 2),
    ]
    card = science_card(runs, runs[0], {})
    (metric,) = card.metrics
    assert metric.value == pytest.approx(0.85)
    assert metric.per_run == [0.9, None, 0.8], "absent is not zero and does not enter the mean"
    assert card.notes == ["run 1: no science metrics were recorded"]


def test_nothing_recorded_is_an_empty_card() -> None:
    card = science_card([run_with(None)], run_with(None), {})
    assert card.metrics == [] and card.run is None and card.notes == []


def test_brier_is_known_by_both_names() -> None:
    names = [m.name for m in science_card([run_with({"overall": {"brier": 0.1}})], None, {}).metrics]
    assert names == ["brier_score"]


def test_groups_may_be_numbers_or_tables() -> None:
    science = {"by_daylight": {"day": 0.9, "night": {"accuracy": None, "pixels": 12}}, "by_surface": [1]}
    run = run_with(science)
    day, night = science_card([run], run, science).groups
    assert (day.name, day.metrics, day.count) == ("day", {"accuracy": 0.9}, None)
    assert (night.metrics, night.count, night.count_of) == ({"accuracy": None}, 12, "pixels")


def test_impossible_bins_and_points_are_left_out() -> None:
    good = {"low": 0.0, "high": 0.5, "count": 3, "mean_probability": 0.2, "cloud_fraction": 2.0}
    science = {
        "calibration": [good, {**good, "count": -1}, {**good, "low": 0.6}, "x", {}],
        "precision_recall": [{"precision": 0.9, "recall": 0.8}, {"precision": None, "recall": 1}, 3],
    }
    run = run_with(science)
    card = science_card([run], run, science)
    assert [(b.count, b.cloud_fraction) for b in card.calibration] == [(3, None)]
    assert card.precision_recall == [(0.8, 0.9)]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ["overall", "calibration", "by_surface", "accuracy", "low", "high", "per_scene", "x"]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_survived(science: Any) -> None:
    run = run_with(science)
    science_card([run], run, science if isinstance(science, dict) else {}).model_dump_json()
