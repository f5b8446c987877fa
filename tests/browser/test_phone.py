"""At 360 pixels: nothing scrolls sideways, lists fold, and every column still explains itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
SIDEWAYS = """
() => [...document.querySelectorAll('.wide-table')].filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.getAttribute('aria-label'))
"""


@pytest.mark.parametrize("name", ["good", "bad", "gpu", "board", "system", "systems", "method"])
def test_no_table_scrolls_sideways(visit: Callable[..., Any], site: Any, name: str) -> None:
    page = visit(getattr(site, name), 360).page
    page.evaluate(OPEN_ALL)
    assert page.locator(".wide-table:visible").count() > 0
    assert page.evaluate(SIDEWAYS) == []


def test_a_value_on_a_card_says_of_which_column_it_is(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.good, 360).page
    page.evaluate(OPEN_ALL)
    row = page.locator("#science tbody tr").first
    said = row.evaluate("(row) => [...row.cells].map((one) => getComputedStyle(one, '::before').content)")
    assert [one.strip('"').strip() for one in said[:2]] == ["Metric", "Mean of runs"] and len(said) > 6
    assert visit(site.good, 1280).page.locator("#science thead").first.is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_columns_of_the_board_explain_themselves(visit: Callable[..., Any], site: Any, scripts: bool) -> None:
    page = visit(site.board, 360, java_script_enabled=scripts).page
    heads = page.locator("#tables section").first.locator("thead th")
    assert heads.count() > 6
    for number in range(heads.count()):
        why = heads.nth(number).locator(".why")
        assert why.is_visible()
        why.focus()
        assert page.evaluate("getComputedStyle(document.activeElement, '::after').position") == "fixed"
        assert len(why.get_attribute("aria-label")) > 20


@pytest.mark.parametrize("name", ["good", "method"])
def test_rules_fold_by_group_and_a_link_opens_one(visit: Callable[..., Any], site: Any, name: str) -> None:
    page = visit(getattr(site, name), 360).page
    page.evaluate("document.querySelector('#rules details').open = true")
    groups = page.locator("#rules details.rulegroup")
    assert groups.count() >= 11 and page.locator("#rules details.rulegroup[open]").count() == 0
    assert page.locator("#rules").bounding_box()["height"] < 5 * 800
    rule = "#LOG001"  # the same on both pages
    assert not page.locator(rule).is_visible()
    page.evaluate("(rule) => { location.hash = rule; }", rule)
    page.wait_for_function(f"document.querySelector('#rules details.rulegroup:has({rule})').open")
    assert page.locator(rule).is_visible() and page.locator("#rules details.rulegroup[open]").count() == 1
