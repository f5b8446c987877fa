"""Simple methods: what they learn, and what they say of pixels whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from reference.baselines.base import Sample
from reference.baselines.evaluate import all_baselines
from reference.baselines.features import COLUMN, NAMES, View, spread, view_of
from reference.baselines.logistic import Logistic
from reference.baselines.thresholds import COLD, Thresholds, is_snow
from reference.data.scenes import LoadedScene, SceneFacts

RNG = np.random.default_rng(5)


def scene(refs: np.ndarray, bts: np.ndarray, daylight: bool = True) -> LoadedScene:
    facts = SceneFacts("S3A_test.hdf", daylight, None, None, True)
    return LoadedScene(facts, refs, bts, np.zeros(refs.shape[:2], np.uint8), None, daylight)


def pixel(day: bool = True, **values: float) -> View:
    """One pixel over dark, warm sea, but for what is given."""
    sea = {
        "S1": 0.08,
        "S2": 0.05,
        "S3": 0.02,
        "S7": 290.0,
        "S8": 288.0,
        "S9": 287.0,
        "NDSI": 0.3,
        "NDVI": -0.4,
    }
    row = np.zeros((1, len(NAMES)), np.float32)
    for name, value in {**sea, "S8-S9": 1.0, "S7-S8": 2.0, **values}.items():
        row[0, COLUMN[name]] = value
    return View(row, np.ones(1, bool), day)


def separable(count: int = 60_000) -> Sample:
    """Cloud wherever S2 + a little noise is above 0.4 by day, and wherever S8 is below 270 K at night."""
    values = RNG.random((count, len(NAMES))).astype(np.float32)
    values[:, COLUMN["S8"]] = RNG.uniform(240, 300, count)
    day = RNG.random(count) < 0.5
    bright = values[:, COLUMN["S2"]] + RNG.normal(0, 0.02, count) > 0.4
    cold = values[:, COLUMN["S8"]] < 270
    return Sample(values, day, np.where(day, bright, cold).astype(np.uint8))


@pytest.mark.parametrize("name", ["bayes", "logistic"])
def test_methods_learn_what_can_be_told_from_a_pixel_by_day_and_at_night(name: str) -> None:
    method = next(one for one in all_baselines() if one.name == name)
    method.fit(separable())
    unseen = separable()
    for day in (True, False):
        part = unseen.part(day)
        probability = method.predict(View(part.values, np.ones(len(part.truth), bool), day))
        assert np.mean((probability > 0.5) == part.truth) > 0.9


@pytest.mark.parametrize("name", ["majority", "bayes", "logistic"])
def test_nothing_can_be_learnt_from_no_pixel(name: str) -> None:
    method = next(one for one in all_baselines() if one.name == name)
    empty = Sample(np.empty((0, len(NAMES)), np.float32), np.empty(0, bool), np.empty(0, np.uint8))
    with pytest.raises(ValueError, match="no valid pixel"):
        method.fit(empty)


@pytest.mark.parametrize("name", ["bayes", "logistic"])
def test_without_nights_in_training_the_night_gets_the_overall_share(name: str) -> None:
    method = next(one for one in all_baselines() if one.name == name)
    sample = separable().part(True)
    method.fit(sample)
    at_night = View(sample.values[:9], np.ones(9, bool), False)
    np.testing.assert_allclose(method.predict(at_night), sample.truth.mean(), atol=1e-3)


def test_all_methods_stay_within_bounds_and_call_empty_borders_clear() -> None:
    sample = separable()
    view = View(sample.values[:100], np.arange(100) % 2 == 0, True)
    for method in all_baselines():
        method.fit(sample)
        probability = method.predict(view)
        assert probability.shape == (100,) and probability.dtype == np.float32
        assert probability.min() >= 0 and probability.max() <= 1
        if method.name != "majority":
            assert not probability[~view.valid].any()


def test_coefficients_are_those_of_the_likelihoods_maximum() -> None:
    """With one feature that tells nothing of the truth, its coefficient is 0 and the constant the log-odds."""
    values = np.zeros((1000, len(NAMES)), np.float32)
    values[:, 0] = np.tile([-1.0, 1.0], 500)
    truth = np.repeat([1, 1, 0, 0, 0, 0, 0, 0], 125).astype(np.uint8)
    method = Logistic()
    method.fit(Sample(values, np.ones(1000, bool), truth))
    weights = method.state()["day_weights"]
    np.testing.assert_allclose(weights[:-1], 0, atol=0.01)
    assert weights[-1] == pytest.approx(np.log(0.25 / 0.75), abs=1e-3)


@pytest.mark.parametrize(
    ("day", "values", "cloudy"),
    [
        (True, {}, False),
        (True, {"S2": 0.3}, True),  # bright
        (True, {"S3": 0.1}, True),  # bright over water in the near infrared
        (True, {"S3": 0.3, "NDVI": 0.5}, False),  # vegetation
        (True, {"S4": 0.05}, True),  # cirrus
        (True, {"S8": 255.0}, True),  # cold
        (True, {"S8-S9": 4.0}, True),  # thin cirrus
        (True, {"S7-S8": 25.0}, True),  # sunlit water cloud
        (True, {"S1": 0.8, "S2": 0.8, "S3": 0.7, "NDSI": 0.7, "S8": 262.0}, False),  # snow
        (False, {"S7-S8": 0.0}, False),
        (False, {"S7-S8": -2.0}, True),  # low cloud
        (False, {"S7": 292.0, "S9": 276.0}, True),  # thin high cloud
    ],
)
def test_each_threshold_test_finds_its_cloud(day: bool, values: dict[str, float], cloudy: bool) -> None:
    assert bool(Thresholds().predict(pixel(day, **values))[0] > 0.5) is cloudy


def test_a_ramp_is_undecided_at_its_threshold() -> None:
    np.testing.assert_allclose(
        COLD(np.array([280, 273, 271.5, 270, 268.5, 267, 200.0])), [0, 0, 0.25, 0.5, 0.75, 1, 1]
    )


def test_snow_is_bright_cold_and_dark_beyond_one_micrometre() -> None:
    assert is_snow(pixel(S3=0.7, NDSI=0.7, S8=262.0)).all()
    assert not is_snow(pixel(S3=0.7, NDSI=0.1, S8=262.0)).any()


def test_features_of_a_scene() -> None:
    refs = np.full((4, 5, 6), 0.2, np.float32)
    bts = np.full((4, 5, 3), 280.0, np.float32)
    bts[..., 0] = 285
    refs[0, 0], bts[0, 0] = np.nan, np.nan
    bts[3, 4] = 0
    view = view_of(scene(refs, bts))
    assert np.isfinite(view.values).all()
    assert view.valid.sum() == 18
    assert view.column("S7-S8")[1, 1] == 5 and view.column("NDSI")[2, 2] == 0


def test_spread_is_the_deviation_of_nine_pixels() -> None:
    field = RNG.random((6, 7)).astype(np.float32)
    assert spread(field)[3, 4] == pytest.approx(field[2:5, 3:6].std(), rel=1e-4)
    np.testing.assert_allclose(spread(np.full((5, 5), 300.0)), 0, atol=1e-5)
