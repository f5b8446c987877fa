"""axe-core on every kind of page, light and dark, and the report's charts by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


PAGES = [
    ("good", ""),
    ("bad", ""),
    ("gpu", ""),
    ("board", "#?pick=Alpha/box"),
    ("compare", "#Alpha/box&Beta/fast"),
    ("compare", "#Beta/fast&Gamma/free"),
    ("system", ""),
    ("systems", ""),
    ("method", ""),
    ("experiment", ""),
]


@pytest.mark.parametrize(("name", "part"), PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_axe_finds_nothing_serious(
    visit: Callable[..., Any], site: Any, axe: str, name: str, part: str, width: int, scheme: str
) -> None:
    page = visit(getattr(site, name), width, scheme, part=part).page
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    grave = [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical", "moderate")
    ]
    assert grave == []


def shown_range(page: Any) -> str:
    return page.locator("#shown").inner_text()


def test_the_timeline_zooms_by_mouse_and_back(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.gpu)
    page = seen.page
    stage = page.locator(".stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert shown_range(page) == "whole run" and page.get_by_role("button", name="Zoom out").is_disabled()
    page.mouse.move(box["x"] + 200, box["y"] + 120)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 120, steps=4)
    page.mouse.up()
    low, high = (float(part.split()[0]) for part in shown_range(page).replace("\xa0", " ").split(" to "))
    assert 0 < low < high < 60
    assert "GPU use, gpu1" in page.locator(".reading").inner_text()
    stage.dblclick()
    assert shown_range(page) == "whole run"
    assert seen.complaints == []


def test_the_timeline_is_read_and_zoomed_by_keyboard(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.gpu).page
    page.locator(".stage").focus()
    for key in ("ArrowRight", "ArrowRight", "+", "+"):
        page.keyboard.press(key)
    assert " to " in shown_range(page)
    reading = page.locator(".reading")
    assert reading.get_attribute("aria-live") == "off" or "Power" in reading.inner_text()
    before = reading.inner_text()
    page.keyboard.press("ArrowRight")
    assert reading.inner_text() != before and reading.get_attribute("aria-live") == "polite"
    page.keyboard.press("0")
    assert shown_range(page) == "whole run"


TOUCH = """
(stage, [type, id, x]) => {
  const box = stage.getBoundingClientRect();
  const place = { pointerId: id, pointerType: 'touch', clientX: box.left + x, clientY: box.top + 90 };
  stage.dispatchEvent(new PointerEvent(type, place));
}
"""


def test_the_timeline_zooms_with_two_fingers(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.gpu, 360, has_touch=True)
    seen.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    stage = seen.page.locator(".stage")
    for step in [
        ("pointerdown", 1, 150),
        ("pointerdown", 2, 190),
        ("pointermove", 1, 110),
        ("pointermove", 2, 230),
    ]:
        stage.evaluate(TOUCH, list(step))
    low, high = (float(part.split()[0]) for part in shown_range(seen.page).replace("\xa0", " ").split(" to "))
    whole = seen.page.evaluate("JSON.parse(document.getElementById('timeline-data').textContent)")
    assert high - low == pytest.approx((whole["stop_s"] - whole["start_s"]) / 3, rel=0.02), (
        "three times as far"
    )
    for number in (1, 2):
        stage.evaluate(TOUCH, ["pointerup", number, 150])
    stage.evaluate(TOUCH, ["pointermove", 1, 60])
    assert shown_range(seen.page).startswith(f"{low:.1f}"), "no finger, no zoom"
    assert seen.complaints == []


EPOCHS = "#chart-learning-epochs .drawing.wide"


@pytest.mark.parametrize("run", range(5))
def test_a_mark_under_the_pointer_says_its_value(visit: Callable[..., Any], site: Any, run: int) -> None:
    page = visit(site.good).page
    dot = page.locator(f"{EPOCHS} .mark.run-{run} > :has(> title)").last
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator(".tip").is_visible()
    assert page.locator(".tip").inner_text() == dot.locator("title").text_content()
    assert page.locator(".tip").inner_text().startswith(f"run {run}, epoch ")
    page.mouse.move(5, 5)
    assert not page.locator(".tip").is_visible()


def test_the_marks_of_a_chart_are_read_by_keyboard(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.good).page
    values = page.locator(f"{EPOCHS} .mark title").all_text_contents()
    assert len(values) > 5
    tip = page.locator(".tip")
    page.keyboard.press("Tab")  # focus shows where it came by keyboard
    page.locator(EPOCHS).focus()
    assert tip.inner_text() == values[0] and tip.get_attribute("aria-live") == "polite"
    for key, value in [("ArrowRight", values[1]), ("End", values[-1]), ("ArrowLeft", values[-2])]:
        page.keyboard.press(key)
        assert tip.inner_text() == value
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_on_paper_the_timeline_is_the_plain_drawing(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.gpu).page
    assert not page.locator(".timeline .drawing.wide").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".timeline .drawing.wide").is_visible() and not page.locator("#timeline").is_visible()


LEGENDS = """
() => [...document.querySelectorAll('#timeline g > line.curve')].map((one) => ({
  name: one.nextSibling.textContent, look: one.getAttribute('class'),
  right: one.nextSibling.getBoundingClientRect().right,
}))
"""


@pytest.mark.parametrize("width", [360, 1280])
def test_every_panel_of_the_timeline_says_which_line_is_which(
    visit: Callable[..., Any], site: Any, width: int
) -> None:
    page = visit(site.gpu, width).page
    page.evaluate("document.getElementById('machine').firstElementChild.open = true")
    page.wait_for_selector("#timeline g > line.curve", state="attached")
    found = page.evaluate(LEGENDS)
    panels = page.evaluate("JSON.parse(document.getElementById('timeline-data').textContent).panels")
    names = [series["label"] for panel in panels for series in panel["series"]]
    assert [one["name"] for one in found] == names and len(set(names)) < len(names)
    looks = {(one["name"], one["look"]) for one in found}
    assert len(looks) == len({look for _, look in looks}) == len(set(names)), "one look for each name"
    drawn = page.locator("#timeline .curve[d]").evaluate_all(
        "(all) => all.map((one) => one.className.baseVal)"
    )
    assert sorted(drawn) == sorted(one["look"] for one in found)
    assert all(one["right"] <= width for one in found)
