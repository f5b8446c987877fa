"""Every kind of page at four widths, light, dark and on paper: seen as a picture, judged by axe, within its margins.

Pictures are not compared with stored ones, for letters differ from machine to machine. With CLOUDMASK_SCREENS=DIR
they are kept for a person to look at.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.test_accessible import PAGES

pytestmark = pytest.mark.nightly

PAPER = {"light": (252, 252, 250), "dark": (16, 20, 24)}
PAPER_WIDTH, PAPER_HEIGHT = 688, 1016  # pixels: A4 within its margins
PAST = """
(width) => [...document.querySelectorAll('main *')].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && box.right > width + 1 && !one.closest('svg, .skip, caption');
}).slice(0, 5).map((one) => one.tagName + '.' + one.className + ' ' + one.textContent.trim().slice(0, 60))
"""
BROKEN = """
() => [...document.querySelectorAll('main td.r, main .from-2 td:not(.meaning)')].filter((cell) => {
  const range = document.createRange();
  if (cell.firstChild) range.selectNode(cell.firstChild);
  return cell.firstChild?.nodeType === 3 && range.getClientRects().length > 1;
}).slice(0, 5).map((cell) => cell.textContent)
"""
# words at the head of a column that stand on two lines
TORN = """
() => [...document.querySelectorAll('main thead th, main thead button')].flatMap((cell) =>
  [...cell.childNodes].filter((node) => node.nodeType === 3).flatMap((node) =>
    [...node.textContent.matchAll(/\\w+/g)].filter((word) => {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      return range.getClientRects().length > 1;
    }).map(String)))
"""
SIDEWAYS = """
() => [...document.querySelectorAll('table.cards')].map((one) => one.parentElement)
  .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.getAttribute('aria-label'))
"""


def picture(page: Any, name: str) -> Image.Image:
    """What is on the screen; kept where the environment asks for it."""
    taken = page.screenshot()
    if folder := os.environ.get("CLOUDMASK_SCREENS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(taken)
    return Image.open(io.BytesIO(taken)).convert("RGB")


@pytest.mark.parametrize(("name", "part"), PAGES)
@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_seen_whole_and_found_accessible(
    visit: Callable[..., Any], site: Any, axe: str, name: str, part: str, width: int, scheme: str
) -> None:
    seen = visit(getattr(site, name), width, scheme, part=part)
    page = seen.page
    page.wait_for_load_state("networkidle")
    shown = picture(page, f"{name}-{width}-{scheme}")
    assert shown.getpixel((2, 400)) == PAPER[scheme], "the paper of its scheme"
    colours = shown.getcolors(2**24) or []
    assert len(colours) > 20, "letters on it"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    grave = [one["id"] for one in found if one["impact"] in ("serious", "critical", "moderate")]
    assert grave == [] and seen.complaints == []


@pytest.mark.parametrize(("name", "part"), PAGES)
def test_nothing_lies_past_the_margin_of_paper(
    visit: Callable[..., Any], site: Any, name: str, part: str
) -> None:
    page = visit(getattr(site, name), PAPER_WIDTH, "dark", part=part).page
    page.wait_for_load_state("networkidle")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(PAST, PAPER_WIDTH) == []
    assert page.evaluate(BROKEN) == [], "numbers in pieces"
    assert page.evaluate(TORN) == []
    colours = picture(page, f"{name}-print").getcolors(2**24) or []
    assert max(colours)[1] == PAPER["light"]


@pytest.mark.parametrize(("name", "part"), PAGES)
def test_cards_on_a_phone_need_no_scrolling_sideways(
    visit: Callable[..., Any], site: Any, name: str, part: str
) -> None:
    page = visit(getattr(site, name), 360, part=part).page
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate(SIDEWAYS) == []


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_first_row_is_on_the_first_screen(visit: Callable[..., Any], site: Any, width: int) -> None:
    page = visit(site.board, width).page
    page.set_viewport_size({"width": width, "height": 900})
    row = page.locator(".board tbody tr").first.bounding_box()
    assert row["y"] + row["height"] <= 900


def test_the_summary_on_paper_has_two_pages(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.good, PAPER_WIDTH).page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("section.annex").first.bounding_box()["y"] <= 2 * PAPER_HEIGHT


def test_a_table_that_goes_on_behind_the_edge_shows_it(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.board, 700).page
    place = page.locator(".wide-table:has(.board)").first
    page.wait_for_selector(".goes-on")
    assert "inset" in place.evaluate("(one) => getComputedStyle(one).boxShadow")
    place.evaluate("(one) => { one.scrollLeft = one.scrollWidth; }")
    page.wait_for_function("(one) => !one.classList.contains('goes-on')", arg=place.element_handle())
    wide = visit(site.board, 1920).page
    wide.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert wide.locator(".goes-on").count() == 0
