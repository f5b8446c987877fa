"""Charts as files of their own: SVG that carries its own colours and says what it is, and CSV of the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core.csv_text import csv_text
from harness.report.drawing.svg import Canvas
from harness.report.drawing.text import clean
from harness.report.model import Report
from harness.score.words import UNVERIFIED

PATTERN = r"(?:synthetic-)?chart-[a-z0-9-]+\.(?:svg|csv)"
# the light palette of page.css, for a picture that leaves its page
STYLE = """
svg{background:#fcfcfa;--paper:#fcfcfa;--ink:#171b20;--muted:#565f6a;--grid:#e6e8e4;--accent:#0a6761;
--accent-soft:#d3e6e3;--train:#b9d6d2;--c0:#0a6761;--c1:#9a3f00;--c2:#3d4f9f;--c3:#7a5000;--c4:#8a2468;--c5:#41484f}
text{font:12px system-ui,sans-serif;fill:var(--muted)}.label.strong{fill:var(--ink)}.label.accent{fill:var(--accent)}
.axis,.tick{stroke:var(--muted)}.grid{stroke:var(--grid)}.dot{fill:var(--accent);stroke:var(--accent)}
.dot.hollow{fill:var(--paper);stroke:var(--muted)}.target{stroke:var(--accent);stroke-dasharray:2 4}
.curve{fill:none;stroke-width:1.75;stroke:var(--mark,var(--accent))}.curve.dropped{stroke-dasharray:5 4}
.run-0{--mark:var(--c0)}.run-1{--mark:var(--c1)}.run-2{--mark:var(--c2)}.run-3{--mark:var(--c3)}
.run-4{--mark:var(--c4)}.run-5{--mark:var(--c5)}.mark{fill:var(--mark);stroke:var(--mark);stroke-width:1.5}
.mark.hollow{fill:var(--paper)}.key-box{fill:none}.mean-line{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:6 3}
.reference-line{stroke:var(--c3);stroke-width:1.5;stroke-dasharray:2 3}
.accent-line{stroke:var(--accent);stroke-width:1.5}.interval{fill:var(--accent-soft)}.bar,.hist{fill:var(--train)}
.operating{fill:var(--paper);stroke:var(--ink);stroke-width:2}
"""


@dataclass(frozen=True)
class Chart:
    """A chart that can be taken away: its id on the page, its drawing, and the numbers behind it."""

    id: str
    canvas: Canvas | None
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


def prefix(report: Report) -> str:
    """What file names of pictures begin with, so that nobody takes them for satellite data."""
    return "synthetic-" if report.dataset and report.dataset.synthetic else ""


def chart_files(report: Report, charts: Iterable[Chart]) -> dict[str, str | bytes]:
    """Name and content of the files of every chart that could be drawn."""
    files: dict[str, str | bytes] = {}
    for chart in charts:
        if chart.canvas is not None:
            name = f"{prefix(report)}chart-{chart.id}"
            files[f"{name}.svg"] = _svg(report, chart.canvas)
            files[f"{name}.csv"] = _csv(report, chart)
    return files


def said(report: Report) -> str:
    """What every picture says below itself."""
    who = report.identity
    data = f"{report.dataset.kind} data. " if report.dataset else ""
    return f"Unofficial. {UNVERIFIED} {data}{who.system} by {who.org}, {report.verdict.ruleset}."


def _svg(report: Report, canvas: Canvas) -> str:
    lines = [canvas.title, clean(said(report), 160)]
    foot = Canvas(canvas.width, canvas.height, canvas.title, canvas.description, list(canvas.parts))
    foot.height += 44
    for number, line in enumerate(lines):
        foot.text(0, canvas.height + 18 + 18 * number, line, "label strong" if number == 0 else "label")
    picture = str(foot.render())
    head = f'<svg xmlns="http://www.w3.org/2000/svg"{picture.removeprefix("<svg")}'
    return re.sub(r"(<desc>)", f"<style>{STYLE}</style>\\1", head, count=1) + "\n"


def _csv(report: Report, chart: Chart) -> str:
    head = [*chart.columns, "system", "organisation", "data", "review"]
    data = report.dataset.kind if report.dataset else "not stated"
    tail = [report.identity.system, report.identity.org, data, UNVERIFIED]
    return csv_text(head, ([*row, *tail] for row in chart.rows))
