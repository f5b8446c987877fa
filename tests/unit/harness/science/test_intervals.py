"""Intervals over scenes, comparisons by scene, and agreement between runs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.science.agreement import Prediction, agreement
from harness.science.counts import SceneCounts, in_common, scene_counts
from harness.science.metrics import METRICS, metric_interval, metric_value
from harness.science.paired import compare, in_words
from harness.science.resampling import DRAWS, FEWEST, SEED, draws, hashed, interval, tail_of
from tests.support.scene_counts import measured

SHAPE = (60, 75)


def counts(scenes: int = 12) -> SceneCounts:
    found = scene_counts(measured(scenes, SHAPE))
    assert found is not None
    return found


def shifted(base: SceneCounts, gains: np.ndarray) -> SceneCounts:
    """The same scenes with so many more pixels right in each."""
    confusion = base.confusion.copy()
    confusion[:, 3] += gains
    confusion[:, 1] -= gains
    return replace(base, confusion=confusion)


def test_the_hash_is_the_one_that_the_compare_page_uses() -> None:
    # computed by hand with Math.imul in a browser: the first four of the seed
    def reference(value: int) -> int:
        x = (value + SEED) & 0xFFFFFFFF
        x = ((x ^ (x >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
        x = ((x ^ (x >> 15)) * 0x735A2D97) & 0xFFFFFFFF
        return x ^ (x >> 15)

    assert hashed(np.arange(4, dtype=np.uint32), SEED).tolist() == [reference(i) for i in range(4)]


@pytest.mark.parametrize("scenes", [1, 8, 24, 100])
def test_draws_are_even_and_the_same_every_time(scenes: int) -> None:
    found = draws(scenes)
    assert found.shape == (DRAWS, scenes) and (found.sum(axis=1) == scenes).all()
    expected = math.sqrt((1 - 1 / scenes) / DRAWS)  # of the mean of binomial counts
    assert np.abs(found.mean(axis=0) - 1).max() < 5 * expected + 1e-12
    assert draws(scenes) is found


def test_an_interval_of_a_mean_is_about_that_of_student() -> None:
    values = np.random.default_rng(3).normal(0.9, 0.03, 30)
    found = interval(lambda w: (w @ values) / w.sum(axis=1), 30)
    assert found is not None
    reach = 2.045 * values.std(ddof=1) / math.sqrt(30)
    assert found[0] == pytest.approx(values.mean() - reach, abs=0.15 * reach)
    assert found[1] == pytest.approx(values.mean() + reach, abs=0.15 * reach)


def test_fewer_than_eight_scenes_say_nothing() -> None:
    assert interval(lambda w: w[:, 0], FEWEST - 1) is None
    assert metric_interval("accuracy", [counts(7)]) is None
    assert metric_interval("accuracy", [counts(8)]) is not None
    assert tail_of(8) < tail_of(100) < 0.025


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metrics_of_counts_are_those_of_science_json(name: str) -> None:
    science = measured(12, SHAPE)
    places: dict[str, Any] = {
        **science["overall"],
        "valid_accuracy": science["valid"]["accuracy"],
        "cloud_fraction_bias": science["cloud_fraction_error"]["bias"],
        "cloud_fraction_rmse": science["cloud_fraction_error"]["rmse"],
        "boundary_f1": science["boundary"]["f1"],
        "edge_accuracy": science["boundary"]["edge_accuracy"],
        "interior_accuracy": science["boundary"]["interior_accuracy"],
    }
    value = metric_value(name, counts())
    assert value == pytest.approx(places[name], abs=1e-3 if name == "auc" else 1e-9)
    bounds = metric_interval(name, [counts(), counts()])
    assert bounds is not None and bounds[0] < value < bounds[1]


def test_a_statistic_that_is_mostly_undefined_has_no_interval() -> None:
    clear = replace(counts(), confusion=np.array([[0.0, 1, 0, 9]] * 12))
    assert metric_interval("recall", [clear]) is None and math.isnan(metric_value("recall", clear))


def test_runs_with_other_scenes_have_no_common_interval() -> None:
    assert metric_interval("accuracy", [counts(8), counts(9)]) is None
    assert metric_interval("nothing", [counts()]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("per_scene"),
        lambda s: s["per_scene"][0].pop("tp"),
        lambda s: s["per_scene"][0].update(tp=1.5),
        lambda s: s["per_scene"][0].update(tp=10**40),
        lambda s: s["per_scene"][0].update(histogram=[]),
        lambda s: s["per_scene"][0].update(histogram={"clear": [1, 2], "cloud": [3, 4]}),
        lambda s: s["per_scene"][0].update(squared_error=float("nan")),
        lambda s: s["per_scene"][0].update(name=s["per_scene"][1]["name"]),
        lambda s: s["per_scene"].append(None),
        lambda s: s["per_scene"][0].update(tp=0, fp=0, fn=0, tn=0),
    ],
)  # fmt: skip
def test_counts_that_are_none_are_not_taken(change: Any) -> None:
    science = measured(3, SHAPE)
    change(science)
    assert scene_counts(science) is None


@pytest.mark.parametrize("science", [None, [], {}, {"per_scene": 3}, {"per_scene": []}, {"per_scene": [1]}])
def test_files_of_schema_1_have_no_counts(science: Any) -> None:
    assert scene_counts(science) is None


def test_a_small_gain_in_every_scene_is_told_apart_and_a_large_one_in_one_is_not() -> None:
    base = counts()
    steady = compare([shifted(base, np.full(12, 5.0))], [base])
    odd = compare([shifted(base, np.eye(12)[0] * 60.0)], [base])
    assert steady is not None and odd is not None
    assert steady.difference == pytest.approx(odd.difference) and steady.apart and not odd.apart
    assert (steady.better, steady.worse, odd.better, odd.worse) == (12, 0, 1, 0)
    assert (
        "0.11 points more pixels right than b (+0.11 to +0.11 points, 12 scenes, more in 12 of them)"
        in in_words(steady, "a", "b")
    )
    assert "cannot be told apart" in in_words(odd, "a", "b")
    back = compare([base], [shifted(base, np.full(12, 5.0))])
    assert back is not None and "b labels 0.11 points fewer" in in_words(back, "b", "a")


def test_only_scenes_in_common_are_compared_and_few_say_little() -> None:
    base, few = counts(12), counts(5)
    found = compare([base], [few])
    assert found is not None and found.scenes == 5 and found.low is None
    assert "too few to say" in in_words(found, "a", "b")
    other = replace(few, names=tuple("vwxyz"))
    assert compare([base], [other]) is None and compare([], [base]) is None
    assert [one.names for one in in_common([base, few])] == [few.names] * 2


def test_a_side_of_several_runs_adds_their_pixels_up() -> None:
    base = counts()
    gain = shifted(base, np.full(12, 8.0))
    found = compare([gain, base], [base])
    assert found is not None and found.difference == pytest.approx(4 / (SHAPE[0] * SHAPE[1]))


def test_agreement_of_runs_and_their_ensemble() -> None:
    truth = np.array([[1, 1, 0, 0]], np.uint8)
    said = [
        np.array([values], np.uint8)
        for values in ([200, 200, 10, 10], [200, 10, 10, 10], [200, 200, 250, 10])
    ]
    found = agreement([[Prediction("s", one, truth)] for one in said])
    assert found is not None and (found.runs, found.scenes) == (3, 1)
    assert found.maps["s"].tolist() == [[0, 1, 1, 0]]
    assert found.single == pytest.approx(10 / 12)
    assert found.pairs == pytest.approx((3 + 1 + 1 + 3) / 12)
    assert found.ensemble == 1.0  # means 200, 136.7, 90, 10


def test_without_two_runs_of_one_scene_nothing_agrees() -> None:
    one = Prediction("s", np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8))
    wide = Prediction("s", np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.uint8))
    assert (
        agreement([[one]]) is None and agreement([[one], [wide]]) is None and agreement([[one], []]) is None
    )
