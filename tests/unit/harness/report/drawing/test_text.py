"""Text of the pages: units, absent values, untrusted strings, positions."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.drawing import text

NBSP = "\N{NO-BREAK SPACE}"


def test_absent_is_said_and_never_zero() -> None:
    assert (
        text.quantity(None, "s") == text.fixed(None) == text.size(None) == text.energy(None) == "not measured"
    )
    assert text.duration(None) == ("not measured", "")
    assert text.quantity(0.0, "J") == f"0{NBSP}J"


@pytest.mark.parametrize(
    ("errors", "warnings", "said"),
    [
        (0, 0, ""),
        (1, 0, "and 1 more error"),
        (0, 3, "and 3 more warnings"),
        (2, 1, "and 2 more errors, 1 warning"),
    ],
)
def test_what_is_left_out_is_counted_by_severity(errors: int, warnings: int, said: str) -> None:
    assert text.left_over(errors, warnings) == said


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_absent(odd: float) -> None:
    assert text.finite(odd) is None
    assert text.quantity(odd, "s") == "not measured"
    assert text.seconds_text(odd) == "not measured"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(43.214, f"43.21{NBSP}s"), (119.9, f"119.90{NBSP}s"), (600, f"10.00{NBSP}min"), (7200, f"2.00{NBSP}h")],
)
def test_times_choose_a_readable_unit(seconds: float, shown: str) -> None:
    assert text.duration_text(seconds) == shown


def test_significant_digits() -> None:
    assert text.significant(0.0012345) == "0.00123"
    assert text.significant(1234567.0) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert text.significant(1e-9) == "1.00e-09"


def test_energy_has_watt_hours_beside_it() -> None:
    assert text.energy(3_600_000) == f"3.60{NBSP}MJ (1{text.significant(1000.0)[1:]}{NBSP}Wh)"
    assert text.energy(12.0) == f"12.0{NBSP}J"


def test_clean_takes_out_what_escaping_leaves() -> None:
    assert text.clean("a\u202eb\x00c\nd\ud800") == "a b c d"
    assert text.clean("x" * 10_000) == "x" * 399 + "…"
    assert text.clean("<b>") == "<b>", "escaping is the template's job"
    assert text.clean(None) == ""
    assert text.clean(10**5000) == "a number too long to show"
    assert text.clean({"b": 1, "a": [1]}) == '{"a": [1], "b": 1}'


def test_whole_refuses_what_is_not_a_count() -> None:
    assert [text.whole(v) for v in (3, 3.0, 3.5, True, "3", None, 10**30, math.nan)] == [3, 3, *[None] * 6]


def test_timestamps_are_utc() -> None:
    moment = datetime(2026, 11, 22, 19, 0, tzinfo=timezone(timedelta(hours=1)))
    assert text.timestamp(moment) == "2026-11-22T18:00:00Z"
    assert text.timestamp(0.0) == "1970-01-01T00:00:00Z"


@given(st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.lists(st.text()), st.binary()))
def test_no_value_breaks_the_text(value: object) -> None:
    assert len(text.clean(value)) <= text.MAX_TEXT
    number = text.finite(value)
    for show in (text.duration_text, text.seconds_text, text.size, text.energy, text.percent):
        assert show(number).encode()


def test_daylight_and_positions_in_words() -> None:
    assert [text.daylight(v) for v in (True, False, None, "dusk")] == ["day", "night", "", "dusk"]
    assert text.position(-33.5, 190.0) == "33.5° S, 170.0° W"
    assert text.position(91.0, 0.0) == text.position(None, 1.0) == ""


def test_longitudes_wrap_at_180_degrees() -> None:
    assert [text.east_of_greenwich(degrees) for degrees in (200, -180, 10)] == [-160, -180, 10]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({}, ""),
        ({"A": [""]}, "1 rule"),
        ({"A": ["results/x/cloudmask/result_1.txt"]}, "1 rule, in 1 run"),
        ({"A": ["a/result_0.txt", "a/result_0/run.json", "a/result_3.txt"]}, "1 rule, in 2 runs"),
        ({"A": ["a/result_0.txt"], "B": ["b/result_1.txt"]}, "2 rules, each in 1 run"),
        ({"A": ["a/result_0.txt", "a/result_1.txt"], "B": ["recipe.yaml"]}, "2 rules, in up to 2 runs"),
    ],
)
def test_broken_rules_are_counted_with_their_runs(rules: dict[str, list[str]], said: str) -> None:
    assert text.broken((rule, path) for rule, paths in rules.items() for path in paths) == said
