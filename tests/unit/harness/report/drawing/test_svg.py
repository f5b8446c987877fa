"""The drawing surface: ticks, scales, escaping."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.report.drawing.svg import Canvas, Scale, spread, tick_text, ticks

finite = st.floats(-1e9, 1e9)


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 100, 5) == [0, 20, 40, 60, 80, 100]
    assert ticks(0.75, 0.91, 4) == [0.75, 0.8, 0.85, 0.9]
    assert ticks(3, 3) == [3]


@pytest.mark.parametrize("narrow", [5e-324, 1e-300, 1e-13])
def test_a_range_too_narrow_for_ticks_has_its_lower_end(narrow: float) -> None:
    assert ticks(0.0, narrow, 1) == [0.0]
    assert ticks(2.0, 2.0 + narrow, 5) == [2.0]


@pytest.mark.parametrize("high", [float("inf"), float("nan"), 1.7e308])
def test_a_range_that_is_not_finite_has_its_lower_end(high: float) -> None:
    assert ticks(-1.7e308, high) == [-1.7e308]


@given(finite, finite, st.integers(1, 12))
@example(0.0, 5e-324, 1)
def test_ticks_never_leave_the_range(a: float, b: float, count: int) -> None:
    low, high = min(a, b), max(a, b)
    marks = ticks(low, high, count)
    slack = (high - low) * 1e-6 + 1e-9
    assert len(marks) <= 51 and len(marks) == len(set(marks))
    assert all(low - slack <= mark <= high + slack for mark in marks)


def test_labels_of_ticks_have_the_decimals_they_need() -> None:
    marks = [0.75, 0.8, 0.85]
    assert [tick_text(m, marks) for m in marks] == ["0.75", "0.80", "0.85"]
    assert tick_text(20.0, [0.0, 20.0]) == "20"


def test_scale_maps_ends_to_ends() -> None:
    scale = Scale(0, 10, 100, 0)
    assert (scale(0), scale(10), scale(5)) == (100, 0, 50)
    assert Scale(1, 1, 0, 10)(1) == 5


@given(st.lists(st.floats(0, 100), max_size=7))
def test_spread_keeps_order_and_distance(positions: list[float]) -> None:
    placed = spread(positions, 14, 0, 100)
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    assert all(placed[b] - placed[a] >= 14 - 1e-6 for a, b in zip(order, order[1:], strict=False))


def test_hostile_text_stays_text() -> None:
    canvas = Canvas(10, 10, '"><script>', "</desc><script>")
    canvas.text(0, 0, "<b onload=x>&")
    canvas.circle(1, 1, 1, "dot", "</title><script>")
    root = ET.fromstring(str(canvas.render()))
    assert root.attrib["aria-label"] == '"><script>'
    assert [e.tag for e in root] == ["desc", "text", "circle"]
    assert root.find("text").text == "<b onload=x>&"  # type: ignore[union-attr]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_coordinate_is_ever_nan(bad: float) -> None:
    canvas = Canvas(10, 10, "t", "d")
    canvas.line(bad, 0, 1, 1, "x")
    assert "nan" not in str(canvas.render()) and "inf" not in str(canvas.render())


def test_places_of_a_path_can_be_whole_pixels() -> None:
    canvas = Canvas(100, 100, "", "")
    points = [(0.44, 9.96), (1.2, 10.34), (7.6, 3.3)]
    canvas.path(points, "curve")
    canvas.path(points, "curve", parts=1)
    drawn = re.findall(r'd="([^"]*)"', str(canvas.render()))
    assert drawn == ["M.4 10l.8 .3 6.4-7", "M0 10l1 0 7-7"], "no zero before a point, and sums that end right"
