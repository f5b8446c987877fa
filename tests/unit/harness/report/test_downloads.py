"""Charts as files: they carry their colours with them, in words that few programs fail to read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from harness.report.downloads import Chart, Source, chart_files, colours
from harness.report.drawing.labels import verdict_words
from harness.report.drawing.svg import Canvas
from harness.report.site import TEMPLATES
from tests.support.chart_boxes import collisions

LONG = "W" * 150


VOID = "BREAKS THE RULES, does not count"


def picture(width: int, void: str = "") -> str:
    canvas = Canvas(width, 40, "A chart", "Nothing.")
    canvas.mark(20, 20, 1, "", "run 1")
    files = chart_files(Source(LONG, "SYNTHETIC", True, {}, void), [Chart("one", canvas, ("run",), [(1,)])])
    assert list(files) == ["synthetic-chart-one.svg", "synthetic-chart-one.csv"]
    return str(files["synthetic-chart-one.svg"])


def test_what_a_picture_says_is_inside_of_it() -> None:
    for width in (330, 760):
        text = picture(width)
        assert collisions(text) == []
        assert "Unofficial. Result not verified by MLCommons Association. SYNTHETIC data." in text
        assert ET.fromstring(text).get("height") == "102"


def test_a_result_that_does_not_count_says_so() -> None:
    for width in (330, 760):
        text = picture(width, VOID)
        assert collisions(text) == [] and f">{VOID}.<" in text and VOID not in picture(width)
    assert verdict_words("not_compliant") == VOID
    assert verdict_words("compliant") == "Consistent with the rules"


def test_colours_are_the_page_s_light_ones_written_out() -> None:
    light = re.findall(r"--c1: (#[0-9a-f]{6});", (TEMPLATES / "page.css").read_text())[0]
    assert f".run-1 {{ color: {light}; }}" in colours()
    assert "var(" not in colours() and ":has(" not in colours()
    assert colours() in picture(330)


def test_what_a_chart_lacks_has_no_file() -> None:
    assert chart_files(Source("", "", False), [Chart("none", None, (), [])]) == {}
