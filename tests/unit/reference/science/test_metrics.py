"""Scores from counts, against their definitions and hand-made cases."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.science.metrics import Tally, calibration, fraction_group, precision_recall, summary


def test_a_hand_made_case() -> None:
    probability = np.array([0.9, 0.8, 0.4, 0.6, 0.1, 0.2])
    truth = np.array([1, 1, 1, 0, 0, 0])
    scores = summary(Tally().add(probability, truth))
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["precision"] == scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["iou"] == pytest.approx(2 / 4)
    assert scores["balanced_accuracy"] == pytest.approx(2 / 3)
    assert scores["mcc"] == pytest.approx((2 * 2 - 1 * 1) / 9)
    assert scores["brier_score"] == pytest.approx(np.mean((probability - truth) ** 2))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(0, 1)), min_size=1, max_size=200))
def test_accuracy_equals_its_definition_at_one_half(pixels: list[tuple[float, int]]) -> None:
    probability = np.array([p for p, _ in pixels], np.float32)
    truth = np.array([t for _, t in pixels])
    scores = summary(Tally().add(probability, truth))
    assert scores["accuracy"] == pytest.approx(np.mean((probability > 0.5) == truth))
    assert scores["brier_score"] == pytest.approx(np.mean((probability - truth) ** 2), abs=1e-6)
    json.dumps(scores, allow_nan=False)


def test_one_half_is_clear() -> None:
    assert summary(Tally().add(np.array([0.5]), np.array([0])))["accuracy"] == 1.0
    assert (
        summary(Tally().add(np.array([np.nextafter(np.float32(0.5), np.float32(1))]), np.array([1])))[
            "accuracy"
        ]
        == 1
    )


@pytest.mark.parametrize(
    ("probability", "truth", "undefined"),
    [
        ([], [], {"accuracy", "precision", "recall", "f1", "iou", "mcc", "brier_score", "balanced_accuracy"}),
        ([0.1, 0.2], [0, 0], {"precision", "recall", "f1", "iou", "mcc", "balanced_accuracy"}),
        ([0.9, 0.8], [1, 1], {"specificity", "mcc", "balanced_accuracy"}),
        ([0.1, 0.2], [1, 1], {"precision", "specificity", "mcc", "balanced_accuracy"}),
    ],
)
def test_undefined_scores_are_none(probability: list[float], truth: list[int], undefined: set[str]) -> None:
    scores = summary(Tally().add(np.array(probability), np.array(truth)))
    none = {name for name, value in scores.items() if value is None}
    assert undefined <= none
    assert not (none - undefined) & {"accuracy", "brier_score"} or not probability
    json.dumps([scores, calibration(Tally()), precision_recall(Tally())], allow_nan=False)


def test_tallies_add_up() -> None:
    rng = np.random.default_rng(0)
    probability, truth = rng.random(1000), rng.integers(0, 2, 1000)
    parts = Tally()
    for start in range(0, 1000, 300):
        parts.merge(Tally().add(probability[start : start + 300], truth[start : start + 300]))
    whole = Tally().add(probability, truth)
    assert (parts.counts == whole.counts).all()
    assert summary(parts) == pytest.approx(summary(whole))


def test_calibration_of_an_honest_forecast() -> None:
    rng = np.random.default_rng(1)
    probability = rng.random(400_000, dtype=np.float32)
    truth = (rng.random(400_000) < probability).astype(int)
    rows = calibration(Tally().add(probability, truth))
    assert len(rows) == 16 and sum(row["count"] for row in rows) == 400_000
    for row in rows:
        assert row["low"] <= row["mean_probability"] <= row["high"]
        assert row["cloud_fraction"] == pytest.approx(row["mean_probability"], abs=0.02)


def test_precision_recall_curve() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 5000)
    probability = np.clip(0.35 * truth + 0.65 * rng.random(5000), 0, 1)
    curve = precision_recall(Tally().add(probability, truth))
    recalls = [point["recall"] for point in curve]
    assert recalls == sorted(recalls, reverse=True) and recalls[0] == 1.0
    at = next(point for point in curve if point["threshold"] == 0.5)
    called = probability > 0.5
    assert at["precision"] == pytest.approx(truth[called].mean())
    assert at["recall"] == pytest.approx(called[truth == 1].mean())


@pytest.mark.parametrize(("fraction", "group"), [(0, "0.00-0.25"), (0.25, "0.25-0.50"), (1.0, "0.75-1.00")])
def test_cloud_fraction_groups(fraction: float, group: str) -> None:
    assert fraction_group(fraction) == group
