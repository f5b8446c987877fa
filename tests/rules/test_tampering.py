"""docs/tampering.md is of the suite as it is, and true where it is tried again."""

from __future__ import annotations

import pytest

from tests.rules.tampering import PAGE, page, read_page, rows, suite

ANEW = "make it anew: python -m tests.rules.tampering --new"
SAMPLE = 12  # every so many cases


def test_page_lists_the_cases_of_the_suite():
    found, _ = read_page(PAGE.read_text(encoding="utf-8"))
    assert [(r.name, r.rule) for r in found] == [(c.name, c.rule) for c in suite()], ANEW


def test_page_is_what_its_rows_make():
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(*read_page(text)), ANEW


def test_nothing_is_missed():
    found, _ = read_page(PAGE.read_text(encoding="utf-8"))
    assert len(found) >= 250
    assert [r.name for r in found if r.ours == "misses"] == []


def judged_again(names: list[str]) -> None:
    """Rows of these cases are what both checkers say now."""
    pytest.importorskip("mlperf_logging")
    listed = {r.name: r for r in read_page(PAGE.read_text(encoding="utf-8"))[0]}
    again = rows(names)
    assert len(again) == len(names) > 0
    for row in again:
        assert row == listed[row.name], ANEW


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, SAMPLE, 6))
def test_rows_are_true(start):
    """Some rows (others each time the suite grows)."""
    judged_again([c.name for c in suite()[start :: SAMPLE * 3]])


@pytest.mark.nightly
def test_all_rows_are_true():
    judged_again([c.name for c in suite()])
