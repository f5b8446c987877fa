"""docs/images/margins.svg: honest weights against forged ones, drawn from what was recorded.

Honest: docs/bench/lineage.json (every epoch of the runs that the bounds come from) and docs/bench/margins.json (other
runs). Forged: docs/bench/margins.json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from rules.evidence.lineage import ADAM_STEP
from rules.facts.lineage_bounds import load_bounds
from rules.ruleset import DEFAULT, load_ruleset

BENCH = Path(__file__).resolve().parents[2] / "docs" / "bench"
IMAGE = "images/margins.svg"
MADE_BY = "<!-- Made by `python -m tests.docs margins`; do not edit. -->"
WIDTH, HEIGHT, TOP, BOTTOM = 1600, 545, 70, 360
KERNELS = 14  # the large ones, which the rules judge by
HONEST, FONTS = "#2563a8", "Helvetica, Arial, sans-serif"
COLOURS = ("#b3261e", "#b3261e", "#8a4b08", "#8a4b08", "#555555", "#6a3d9a", "#1b7837")
GLYPHS = ("square", "cross", "up", "down", "ring", "diamond", "plus")
SHAPES = {  # paths around 0, 0
    "square": "M-4 -4h8v8h-8z",
    "cross": "M-4 -4L4 4M-4 4L4 -4",
    "up": "M0 -5L5 4H-5z",
    "down": "M0 5L5 -4H-5z",
    "ring": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "diamond": "M0 -5L5 0L0 5L-5 0z",
    "plus": "M-5 0H5M0 -5V5",
}
Row = dict[str, list[float]]  # of one run: a number per kernel


class Panel(NamedTuple):
    """One of the drawings: where it lies, what it shows, and how a value becomes a height."""

    left: float
    title: str
    key: str
    ticks: tuple[float, ...]
    height: Callable[[float], float]
    limits: tuple[float, ...]
    says: str  # of the limits

    def x(self, kernel: int) -> float:
        """The middle of a kernel's column."""
        return self.left + 28 + kernel * 23


def _height(share: float) -> float:
    return BOTTOM - share * (BOTTOM - TOP)


def _cosine_y(value: float) -> float:
    return _height((value + 0.1) / 1.2)


def _drift_y(value: float) -> float:
    return _height((value + 0.8) / 1.2)


def _log_y(value: float) -> float:
    low, high = -2.0, 1.5
    return _height((math.log10(max(value, 10**low)) - low) / (high - low))


def _times_y(value: float) -> float:
    """On a logarithmic scale from half of what noise has to a hundred times that."""
    low, high = math.log10(0.5), 2.0
    return _height((math.log10(max(value, 0.5)) - low) / (high - low))


def recorded() -> tuple[list[Row], list[Row], dict[str, list[Row]]]:
    """Rows of the runs behind the bounds, of other honest runs, and of each forgery."""
    lineage = json.loads((BENCH / "lineage.json").read_text(encoding="utf-8"))
    margins = json.loads((BENCH / "margins.json").read_text(encoding="utf-8"))
    return [_row(line) for line in lineage["trained"]], margins["honest"], margins["forged"]


def _row(line: dict[str, Any]) -> Row:
    allowed = ADAM_STEP * line["steps"]  # learning rates
    of_adam = [far / allowed for far in line["farthest"]]
    recorded_later = {name: line[name] for name in ("alignment",) if name in line}
    return {"cosine": line["cosine"], "drift": line["drift"], "of_adam": of_adam, **recorded_later}


def panels() -> tuple[Panel, ...]:
    """Cosine, movement over Adam's bound, drift and alignment."""
    limits, bounds = load_ruleset().evidence, load_bounds(DEFAULT)
    least, aligned = limits.descent_cosine, limits.way_alignment
    if bounds is None:
        raise ValueError(f"{DEFAULT} has no bounds of lineage")
    low, high = min(bounds.drift.low) - bounds.drift_margin, max(bounds.drift.high) + bounds.drift_margin
    below, above = "dashed: refused below (EVD070)", "dashed: refused above (EVD070)"
    cosines, logs, drifts, times = (
        (0.0, 0.25, 0.5, 0.75, 1.0),
        (0.01, 0.1, 1.0, 10.0),
        (-0.75, -0.5, -0.25, 0.0, 0.25),
        (1.0, 3.0, 10.0, 30.0, 100.0),
    )
    beyond, median_below = "dashed: refused outside (EVD071)", "dashed: median refused below (EVD083)"
    return (
        Panel(40, "Cosine with the seed's beginning", "cosine", cosines, _cosine_y, (least,), below),
        Panel(440, "Farthest weight, of what Adam allows", "of_adam", logs, _log_y, (1.0,), above),
        Panel(840, "Drift: cosine of beginning and way", "drift", drifts, _drift_y, (low, high), beyond),
        Panel(
            1240, "Alignment of the way, noise has 1", "alignment", times, _times_y, (aligned,), median_below
        ),
    )


def drawing() -> str:
    """The picture as an SVG document."""
    base, honest, forged = recorded()
    box = f"0 0 {WIDTH} {HEIGHT}"
    parts = [
        MADE_BY,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" font-family="{FONTS}">',
        "<title>Kernels of honest and forged weights against the beginning of the seed</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for panel in panels():
        parts += [*_axes(panel), *_spread(panel, base, honest)]
        for (_, rows), colour, glyph in zip(forged.items(), COLOURS, GLYPHS, strict=True):
            middles = [median(row[panel.key][kernel] for row in rows) for kernel in range(KERNELS)]
            places = [(panel.x(kernel), panel.height(value)) for kernel, value in enumerate(middles)]
            parts += [_glyph(x, y, glyph, colour) for x, y in places]
    parts += _legend(len(base), len(honest), list(forged))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(panel: Panel) -> Iterable[str]:
    right = panel.x(KERNELS - 1) + 12
    yield _text(panel.left, 30, panel.title, size=15, bold=True)
    for tick in panel.ticks:
        y = panel.height(tick)
        yield f'<path d="M{panel.left + 14:.0f} {y:.1f}H{right:.0f}" stroke="#dddddd"/>'
        yield _text(panel.left + 8, y + 4, f"{tick:g}", anchor="end")
    yield _text(panel.left, 48, panel.says, size=12)
    for value in panel.limits:
        y = panel.height(value)
        yield f'<path d="M{panel.left + 14:.0f} {y:.1f}H{right:.0f}" stroke="#222222" stroke-dasharray="6 4"/>'
    for kernel in range(KERNELS):
        yield _text(panel.x(kernel), BOTTOM + 18, str(kernel + 1), anchor="middle", size=11)
    where, says = (panel.left + right) / 2, "kernel"
    yield _text(where, BOTTOM + 38, says, anchor="middle", size=12)


def _spread(panel: Panel, base: list[Row], honest: list[Row]) -> Iterable[str]:
    """A bar from the least to the largest of the runs behind the bounds, and a dot for each other honest run."""
    for kernel in range(KERNELS):
        heights = [panel.height(row[panel.key][kernel]) for row in base if panel.key in row]
        x, top, low = panel.x(kernel), min(heights), max(heights)
        place = f'x="{x - 5:.1f}" y="{top:.1f}" width="10" height="{max(low - top, 1):.1f}"'
        yield f'<rect {place} fill="{HONEST}" fill-opacity="0.3"/>'
        for row in honest:
            y = panel.height(row[panel.key][kernel])
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{HONEST}"/>'


def _legend(base: int, honest: int, forged: list[str]) -> Iterable[str]:
    top = BOTTOM + 76
    yield f'<rect x="48" y="{top - 16}" width="10" height="22" fill="{HONEST}" fill-opacity="0.3"/>'
    yield _text(70, top, f"honest: {base} epochs of the runs behind the bounds, least to largest")
    yield f'<circle cx="53" cy="{top + 21}" r="3" fill="{HONEST}"/>'
    yield _text(70, top + 25, f"honest: {honest} other runs")
    yield _text(
        48, top + 50, "Forged: medians of as many. Never trained: moved by 0, drawn at the edge.", size=12
    )
    for at, name in enumerate(forged):
        x, y = 640 + 400 * (at // 4), top - 4 + 25 * (at % 4)
        yield _glyph(x, y, GLYPHS[at], COLOURS[at])
        yield _text(x + 16, y + 4, name)


def _glyph(x: float, y: float, glyph: str, colour: str) -> str:
    place = f'transform="translate({x:.1f} {y:.1f})"'
    return f'<path {place} d="{SHAPES[glyph]}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}"{weight}'
    return f'<text {place} fill="#222222">{escape(text)}</text>'


def pages() -> dict[str, str]:
    """The picture by its path below docs/."""
    return {IMAGE: drawing()}
