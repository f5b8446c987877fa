"""science.json of schema 2: counts of every scene, from which all else follows."""

from __future__ import annotations

import numpy as np
import pytest

from reference.science.metrics import BINS, COARSE_BINS, Tally, area_under_roc, coarse, summary
from reference.science.results import Science, observed
from tests.support.scene_counts import made_scene

SHAPE = (60, 75)


def collected(scenes: int = 3) -> dict:
    found = Science()
    for number in range(scenes):
        found.add(*made_scene(number, SHAPE), 0.5)
    return found.to_dict()


def test_counts_of_a_scene_are_those_of_its_masks() -> None:
    scene, probability = made_scene(1, SHAPE)
    row = collected()["per_scene"][1]
    called, truth, seen = probability > 0.5, scene.truth > 0, observed(scene.bts)
    assert row["tp"] == np.count_nonzero(called & truth) and row["fn"] == np.count_nonzero(~called & truth)
    assert row["fp"] == np.count_nonzero(called & ~truth) and row["tn"] == np.count_nonzero(~called & ~truth)
    assert row["valid"]["pixels"] == np.count_nonzero(seen) == SHAPE[0] * (SHAPE[1] - 3)
    assert row["valid"]["fp"] == np.count_nonzero(called & ~truth & seen)
    assert row["squared_error"] == pytest.approx(np.sum((probability - scene.truth) ** 2), rel=1e-6)


def test_bias_and_rmse_of_cloud_fraction_are_by_scene() -> None:
    content = collected(4)
    errors = []
    for number in range(4):
        scene, probability = made_scene(number, SHAPE)
        errors.append(np.mean(probability > 0.5) - np.mean(scene.truth))
    assert content["cloud_fraction_error"]["bias"] == pytest.approx(np.mean(errors))
    assert content["cloud_fraction_error"]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))


def test_groups_keep_their_counts() -> None:
    content = collected()
    for name in ("tp", "fp", "fn", "tn"):
        assert sum(group[name] for group in content["by_daylight"].values()) == content["overall"][name]
        assert sum(group[name] for group in content["by_surface"].values()) == content["overall"][name]


def test_area_under_the_curve_is_the_chance_of_the_right_order() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 400)
    probability = np.clip(0.3 * truth + 0.7 * rng.random(400), 0, 1).astype(np.float32)
    high, low = probability[truth == 1][:, None], probability[truth == 0][None]
    exact = np.mean(high > low) + np.mean(high == low) / 2
    tally = Tally().add(probability, truth)
    assert area_under_roc(tally.counts) == pytest.approx(exact, abs=2e-3)
    assert area_under_roc(Tally().add(np.array([0.1]), np.array([1])).counts) is None


def test_the_coarse_histogram_has_its_edge_at_one_half() -> None:
    assert COARSE_BINS.sum() == BINS and COARSE_BINS[: len(COARSE_BINS) // 2].sum() == BINS // 2
    scene, probability = made_scene(0, SHAPE)
    tally = Tally().add(probability, scene.truth)
    found, scores = coarse(tally), summary(tally)
    half = len(COARSE_BINS) // 2
    assert sum(found["cloud"][half:]) == scores["tp"] and sum(found["clear"][:half]) == scores["tn"]


def test_true_skill_is_hits_minus_false_alarms() -> None:
    probability = np.array([0.9, 0.8, 0.4, 0.6, 0.1, 0.2, 0.3])
    scores = summary(Tally().add(probability, np.array([1, 1, 1, 0, 0, 0, 0])))
    assert (scores["tp"], scores["fp"], scores["fn"], scores["tn"]) == (2, 1, 1, 3)
    assert scores["false_alarm_rate"] == pytest.approx(1 / 4)
    assert scores["true_skill_score"] == pytest.approx(2 / 3 - 1 / 4)


def test_pixels_without_any_temperature_are_not_observed() -> None:
    bts = np.full((2, 2, 3), 280.0)
    bts[0, 0], bts[0, 1], bts[1, 0] = 0, np.nan, (np.nan, 0, 250)
    assert observed(bts).tolist() == [[False, False], [True, True]]
