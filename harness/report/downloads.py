"""Charts as files of their own: SVG that carries its own colours and says what it is, and CSV of the numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from harness.core.csv_text import csv_text
from harness.report.drawing.labels import COMPLIANT, verdict_words
from harness.report.drawing.svg import Canvas, clipped, text_width
from harness.report.drawing.text import clean
from harness.report.model import Report
from harness.report.site import TEMPLATES
from harness.score.words import UNVERIFIED

PATTERN = r"(?:synthetic-)?chart-[a-z0-9-]+\.(?:svg|csv)"
FOOT = 18  # pixels of a line below the drawing


@dataclass(frozen=True)
class ReferenceRow:
    """A line of a CSV about a machine that was measured for comparison: the numbers of the chart, and their data."""

    numbers: Sequence[object]
    data: str  # on which it was measured, and where that is recorded


@dataclass(frozen=True)
class Chart:
    """A chart that can be taken away: its id on the page, its drawing, and the numbers behind it."""

    id: str
    canvas: Canvas | None
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    machines: Sequence[ReferenceRow] = ()  # drawn beside the results, and not of their source


@dataclass(frozen=True)
class Source:
    """What the files of a chart say about themselves: whose results, on which data, and that nobody verified them.

    Results that do not count say so.
    """

    what: str  # the results, in a few words
    data_kind: str  # official, SYNTHETIC, the submitter's own; empty: not stated
    synthetic: bool
    columns: Mapping[str, str] = field(default_factory=dict)  # of every line of the CSV, beside the numbers
    void: str = ""  # why the results do not count; empty: they do
    styles: tuple[Path, ...] = ()  # style sheets of the drawings, beyond those of all charts

    @property
    def prefix(self) -> str:
        """What file names of pictures begin with, so that nobody takes them for satellite data."""
        return "synthetic-" if self.synthetic else ""

    def said(self, machines: Iterable[ReferenceRow] = ()) -> list[str]:
        """What a picture says below itself, line by line; `machines` are drawn in it and not of these data."""
        data = f" {self.data_kind} data." if self.data_kind else ""
        lines = [f"{self.void}.", f"Unofficial. {UNVERIFIED}{data}", f"{self.what}."]
        for one in sorted({machine.data for machine in machines}):
            lines.insert(2, f"Lines, machines for comparison: {one}.")
        return lines if self.void else lines[1:]


def source_of(report: Report) -> Source:
    """What the charts of a report say about themselves."""
    who, data, verdict = report.identity, report.dataset, verdict_words(report.verdict.verdict)
    return Source(
        f"{who.system} by {who.org}, {report.verdict.ruleset}",
        data.kind if data else "",
        bool(data and data.synthetic),
        {"system": who.system, "organisation": who.org, "verdict": verdict},
        "" if report.verdict.verdict == COMPLIANT else verdict,
    )


def chart_files(source: Source, charts: Iterable[Chart]) -> dict[str, str | bytes]:
    """Name and content of the files of every chart that could be drawn."""
    files: dict[str, str | bytes] = {}
    for chart in charts:
        if chart.canvas is not None:
            name = f"{source.prefix}chart-{chart.id}"
            files[f"{name}.svg"] = _svg(source, chart.canvas, chart.machines)
            files[f"{name}.csv"] = _csv(source, chart)
    return files


@lru_cache(maxsize=4)
def colours(more: tuple[Path, ...] = ()) -> str:
    """The page's rules for charts in its light colours, written out: few programs know custom properties."""
    page, chart = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "chart.css"))
    light = dict(re.findall(r"--([a-z0-9-]+): ([^;]+);", page.partition("}")[0]))
    chart += "".join(path.read_text(encoding="utf-8") for path in more)
    rules = "".join(line for line in chart.splitlines(keepends=True) if ":has(" not in line)
    rules = f"svg {{ background: var(--paper); }}\n{rules}"
    return re.sub(r"var\(--([a-z0-9-]+)\)", lambda found: light[found[1]], rules)


def _svg(source: Source, canvas: Canvas, machines: Sequence[ReferenceRow] = ()) -> str:
    said = [clean(line) for line in source.said(machines)]
    wide, lines = (
        max(canvas.width, *(math.ceil(text_width(line)) for line in said[:-1])),
        [canvas.title, *said],
    )
    foot = Canvas(wide, canvas.height, canvas.title, canvas.description, list(canvas.parts))
    foot.height += FOOT * len(lines) + 8
    for number, line in enumerate(lines, start=1):
        style = "label strong" if number < len(lines) - 1 else "label"
        foot.text(0, canvas.height + FOOT * number, clipped(line, wide), style)
    picture = str(foot.render())
    head = f'<svg xmlns="http://www.w3.org/2000/svg"{picture.removeprefix("<svg")}'
    return head.replace("<desc>", f"<style>{colours(source.styles)}</style><desc>", 1) + "\n"


def _csv(source: Source, chart: Chart) -> str:
    kinds = ("kind",) if chart.machines else ()
    head = [*chart.columns, *kinds, *source.columns, "data", "review"]
    ours = [*source.columns.values(), source.data_kind or "not stated", UNVERIFIED]
    rows = [[*row, *("result" for _ in kinds), *ours] for row in chart.rows]
    empty = ["" for _ in source.columns]
    known = [[*one.numbers, "reference machine", *empty, one.data, UNVERIFIED] for one in chart.machines]
    return csv_text(head, [*rows, *known])
