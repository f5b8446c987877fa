"""Positions from file names, and the map they are drawn on."""

from __future__ import annotations

import pytest

from harness.report.panels.science.builder import science_card
from harness.report.panels.science.chart import scene_map
from harness.report.panels.science.model import ScienceCard
from harness.report.panels.science.orbit import estimate
from rules.model.log import Log
from tests.support.runs import make_facts


def name(start: str, frame: int, centre: str = "LN2") -> str:
    return f"S3A_SL_1_RBT____{start}_{start}_{start}_0180_049_022_{frame:04d}_{centre}_O_NT_003.hdf"


def test_descending_at_the_equator_at_ten_in_the_morning() -> None:
    """Half an orbit after the ascending node the local time is 10:00: at 10:00 UTC on the prime meridian."""
    latitude, longitude = estimate(name("20190901T095830", 2940)) or (99.0, 999.0)
    assert latitude == pytest.approx(0, abs=0.1) and longitude == pytest.approx(0, abs=0.5)


def test_a_morning_frame_over_europe() -> None:
    latitude, longitude = estimate(name("20190901T102029", 2160)) or (99.0, 999.0)
    assert 44 < latitude < 47 and 0 < longitude < 7


@pytest.mark.parametrize("frame", range(0, 6000, 180))
def test_every_frame_lies_on_earth(frame: int) -> None:
    latitude, longitude = estimate(name("20191231T235959", frame)) or (99.0, 999.0)
    assert abs(latitude) <= 81.4 and -180 <= longitude < 180


@pytest.mark.parametrize(
    "odd", ["", "scene_1.hdf", name("20190901T102029", 2160, "SYN"), name("20190901T102029", 9999)]
)
def test_other_names_say_nothing(odd: str) -> None:
    assert estimate(odd) is None


def card(*rows: dict[str, object]) -> ScienceCard:
    science = {"overall": {"accuracy": 0.9}, "per_scene": list(rows)}
    run = make_facts(Log("result_0.txt", []), science=science)
    return science_card([run], run, science)


def test_what_is_estimated_says_so() -> None:
    official = name("20190901T102029", 2160)
    one, two = card({"name": official}, {"name": official, "latitude": 1.0, "longitude": 2.0}).per_scene
    assert one.estimated and one.latitude == pytest.approx(45.6, abs=1)
    assert not two.estimated and two.latitude == 1.0


def test_the_map_marks_every_scene_that_has_a_place() -> None:
    canvas = scene_map(
        card(
            {"name": "a", "latitude": 10, "longitude": 200, "daylight": False},
            {"name": "b<", "latitude": -80, "longitude": 0, "accuracy": 0.5},
            {"name": "c"},
            {"name": "d", "latitude": 400, "longitude": 0},
        ),
        760,
    )
    assert canvas is not None
    text = str(canvas.render())
    assert text.count("<circle") == 2 and "160.0° W" in text and "b&lt;" in text and "hollow" in text
    assert scene_map(card({"name": "c"}), 760) is None
