"""On paper: what each page says of itself, and that pictures stay whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.experiment.page import build_page
from harness.experiment.table import gathered
from harness.leaderboard.charts import drawings
from harness.report.site import render, running_head
from tests.support.board_builders import make_entry, make_table
from tests.support.experiment_tables import BATCH, LR, fill, found_in, trial
from tests.support.pdf_text import pages_of

pytestmark = pytest.mark.slow

HEADS = [
    ("good", "box by Alpha: Consistent with the rules", "SYNTHETIC data, unverified"),
    ("bad", "rushed by Hasty: BREAKS THE RULES, does not count", "SYNTHETIC data, unverified"),
    ("board", "Unofficial CloudMask leaderboard, ruleset cloudmask-1.0", "SYNTHETIC data, unverified"),
    ("system", "fast by Beta: system", "SYNTHETIC data, unverified"),
    ("method", "Unofficial CloudMask results", "unverified"),
    ("experiment", "Experiment ", "SYNTHETIC data, unverified"),
]


def printed(page: Any) -> list[str]:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    return [unicodedata.normalize("NFKC", text) for text in pages_of(page.pdf(format="A4"))]


@pytest.mark.parametrize(("name", "left", "right"), HEADS)
def test_every_printed_page_says_whose_it_is_and_of_which_data(
    visit: Callable[..., Any], site: Any, name: str, left: str, right: str
) -> None:
    pages = printed(visit(getattr(site, name)).page)
    assert len(pages) > 1
    for number, text in enumerate(pages, start=1):
        head = text[:160]
        assert head.startswith(left.replace(" ", "")), number
        assert right.replace(" ", "") in head and f"{number}/{len(pages)}" in text


HOSTILE = 'a"} body { display: none } </style><script>x</script> \\ \u202e ü'


def test_a_name_in_the_running_head_stays_text(visit: Callable[..., Any], tmp_path: Path) -> None:
    text = render("base.html", 0.0, running=(HOSTILE, "unverified"))
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    seen = visit(path)
    shown = seen.page.evaluate(
        "[...document.styleSheets].at(-1).cssRules[0].cssRules[0].style.getPropertyValue('content')"
    )
    assert shown == '"a\\"} body { display: none } </style><script>x</script> \\\\ ü"'
    assert seen.complaints == [] and "<" not in running_head(HOSTILE, "")
    assert all('a"}body{display:none}' in page for page in printed(seen.page))


def test_a_picture_is_never_cut(visit: Callable[..., Any], site: Any, tmp_path: Path) -> None:
    page = visit(site.gpu, 688).page  # pixels between the margins of A4
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    figures = page.locator("figure:visible")
    assert figures.count() > 5
    assert set(figures.evaluate_all("(all) => all.map((one) => getComputedStyle(one).breakInside)")) == {
        "avoid"
    }
    rows = [
        make_entry(id=f"Org/s{i}", run_times_s=[100.0] * 9, run_epochs=[3] * 9, run_dropped=[""] * 9)
        for i in range(30)
    ]
    drawn = drawings(make_table(rows))["times"]
    page.evaluate("(drawn) => { document.querySelector('main').innerHTML = drawn; }", str(drawn))
    box = page.locator(".drawing.wide svg").bounding_box()
    whole = page.locator(".drawing.wide svg").get_attribute("height")
    assert box["height"] <= 250 / 25.4 * 96 < int(whole), "a chart that is taller than a page shrinks"


def test_the_table_of_trials_is_whole_on_screen_and_paper(visit: Callable[..., Any], tmp_path: Path) -> None:
    values = {LR: 0.0008129, BATCH: 16, "precision": "mixed_bfloat16"}
    said = {
        "objective": {"measure": "accuracy", "after_epochs": 2},
        "search": {
            "method": "random",
            "points": 3,
            "space": {LR: {"low": 0.0003, "high": 0.006}, BATCH: [4, 16], "precision": ["mixed_bfloat16"]},
        },
    }
    trials = [trial(n, 0.8 + n / 100, values=values, duration_s=22.6, seed=2**31 - n) for n in range(3)]
    table = gathered(fill(found_in(tmp_path, **said), trials), [])
    path = build_page(table, tmp_path / "page", 0.0, synthetic=True)
    outside = "document.querySelector('#trials table').getBoundingClientRect().right - innerWidth"
    assert visit(path, 1280).page.evaluate(outside) <= 0
    paper = visit(path, 688).page  # pixels between the margins of A4
    paper.emulate_media(media="print")
    assert paper.evaluate(outside) <= 0
