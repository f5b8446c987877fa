"""What a reader meets: pages from a file path, at three widths, light and dark, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

LUMINANCE = """
([selector, against]) => {
  const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => rgb.map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ink = light(parse(getComputedStyle(document.querySelector(selector)).color));
  const paper = light(parse(getComputedStyle(document.querySelector(against)).backgroundColor));
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}
"""


LOAD_IMAGES = """
() => Promise.all([...document.images].map((image) => {
  image.loading = 'eager';
  return image.complete || new Promise((done) => { image.onload = image.onerror = done; });
}))
"""


@pytest.mark.parametrize("name", ["good", "bad", "gpu", "board", "compare", "system", "systems", "method"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (768, "dark"), (360, "light"), (360, "dark")])
def test_loads_from_a_file_without_complaint(
    visit: Callable[..., Any], site: Any, name: str, scheme: str, width: int
) -> None:
    seen = visit(getattr(site, name), width, scheme)
    page = seen.page
    page.evaluate(LOAD_IMAGES)
    assert seen.complaints == [] and seen.foreign == []
    assert page.evaluate("document.documentElement.scrollWidth") == width, "no sideways scrolling of the page"
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    folds = page.locator("details.fold")
    assert page.locator("details.fold[open]").count() == (0 if width == 360 else folds.count())
    folds.evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width, "nor with every section open"
    drawn = page.locator(".drawing:visible").count() + page.locator("#timeline .live-chart").count()
    assert drawn == page.locator(".drawing:not(.narrow)").count(), "one drawing of each chart"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "selectors"),
    [
        (
            "good",
            ["main p", ".muted", ".absent", ".verdict .word", ".tag.unverified", ".rulegroup .muted"],
        ),
        ("bad", [".verdict .word", ".tag.error", ".reasons .message"]),
        ("board", ["th a", ".board .muted", ".tag.unverified"]),
    ],
)
def test_contrast_is_aa(
    visit: Callable[..., Any], site: Any, name: str, selectors: list[str], scheme: str
) -> None:
    page = visit(getattr(site, name), scheme=scheme).page
    for selector in selectors:
        inside = name == "bad" and selector != ".verdict .word"
        ratio = page.evaluate(LUMINANCE, [selector, ".reasons" if inside else "body"])
        assert ratio >= 4.5, f"{selector}: {ratio:.2f}"


def test_verdict_and_score_are_on_the_first_screen(visit: Callable[..., Any], site: Any) -> None:
    for name in ("good", "bad"):
        page = visit(getattr(site, name)).page
        for selector in (".verdict .word", ".score .number"):
            box = page.locator(selector).bounding_box()
            assert box["y"] + box["height"] < 800, selector
    assert page.locator("#reasons").bounding_box()["y"] < 700, "why it is not compliant comes next"
    assert visit(site.bad, 360).page.locator("#reasons").bounding_box()["y"] < 2 * 800


def test_the_theme_can_be_switched_by_keyboard_and_is_kept(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.good).page
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "theme"
    page.keyboard.press("Enter")
    assert page.evaluate(paper) != before
    assert page.locator("#theme").inner_text() == "Light"
    page.reload()
    assert page.evaluate(paper) != before, "remembered"


def test_the_gallery_shows_one_view_at_a_time(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.good).page
    panes = "#gallery .pane:visible"
    assert page.locator(panes).count() == 8
    page.get_by_label("disagreement", exact=True).check()
    assert page.locator(panes).count() == 2
    assert page.locator(".pane.disagreement:visible").count() == 2
    page.keyboard.press("ArrowLeft")
    assert page.locator(".pane.probability:visible").count() == 2


def test_from_the_leaderboard_to_a_report_and_its_reasons(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.board)
    seen.page.locator("#rejected a").first.click()
    seen.page.wait_for_selector("#reasons")
    assert "Breaks the rules" in seen.page.locator(".verdict .word").inner_text()
    assert seen.complaints == [] and seen.foreign == []


@pytest.mark.parametrize("name", ["good", "board"])
def test_without_scripts_everything_is_readable(visit: Callable[..., Any], site: Any, name: str) -> None:
    page = visit(getattr(site, name), java_script_enabled=False).page
    assert page.locator("table:visible").count() > 0
    assert page.locator("#theme:visible").count() == 0, "no dead buttons"
    if name == "good":
        assert page.locator("#gallery .pane:visible").count() == 8
        assert page.locator("details.fold").count() == page.locator("details.fold[open]").count() > 5
        assert page.locator("details[open]:not(.fold) table:visible").count() == 0
        page.locator("details:not(.fold, .which) > summary").first.click()
        assert page.locator("details[open]:not(.fold) table:visible").count() == 1
        page.locator(".which > summary").first.click()
        assert page.locator(".which[open] a:visible").count() > 3, "rules that were not checked"


def test_the_policy_really_stops_a_request(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.good)
    blocked = seen.page.evaluate("fetch('https://example.org/').then(() => false, () => true)")
    assert blocked and seen.foreign == [], "refused before it left"
    assert "Content Security Policy" in " ".join(seen.complaints)


OPEN = "[...document.querySelectorAll('details')].map((one) => one.open)"


@pytest.mark.parametrize("width", [360, 1280])
def test_on_paper_it_is_light_complete_and_without_buttons(
    visit: Callable[..., Any], site: Any, width: int
) -> None:
    page = visit(site.good, width, scheme="dark").page
    before = page.evaluate(OPEN)
    assert not all(before)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(252, 252, 250)"
    assert page.locator("#theme:visible, .views:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open], .which)").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(OPEN) == before
    assert len(page.pdf()) > 20_000


OVERLAPS = """
() => [...document.querySelectorAll('svg.chart')].filter((one) => one.clientWidth > 0).flatMap((svg) => {
  const texts = [...svg.querySelectorAll('text')].map((t) => ({ t: t.textContent, r: t.getBoundingClientRect() }));
  const frame = svg.getBoundingClientRect(), found = [];
  for (const [i, a] of texts.entries()) {
    if (a.r.left < frame.left - 2 || a.r.right > frame.right + 2) found.push('outside: ' + a.t);
    for (const b of texts.slice(i + 1)) {
      const wide = Math.min(a.r.right, b.r.right) - Math.max(a.r.left, b.r.left);
      const tall = Math.min(a.r.bottom, b.r.bottom) - Math.max(a.r.top, b.r.top);
      if (wide > 1 && tall > 3) found.push(svg.getAttribute('aria-label') + ': ' + a.t + ' | ' + b.t);
    }
  }
  return found;
})
"""


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("name", ["good", "gpu", "board"])
def test_no_label_overlaps_another_or_leaves_its_chart(
    visit: Callable[..., Any], site: Any, name: str, width: int
) -> None:
    page = visit(getattr(site, name), width).page
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate(OVERLAPS) == []


def test_a_report_on_a_phone_is_short_until_it_is_opened(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.good, 360).page
    assert page.evaluate("document.documentElement.scrollHeight") < 8 * 800
    page.evaluate("location.hash = '#chart-runs'")
    page.wait_for_function("document.querySelector('#runs details').open")
    assert page.locator("#chart-runs").is_visible(), "a link opens what it leads to"
