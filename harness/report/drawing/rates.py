"""Rates on a logarithmic axis: a row per entry, and lines for machines to compare with, named above."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.report.drawing.svg import Canvas, Plot, clipped, plot_in, text_width
from harness.report.drawing.text import significant

ROW = 46  # pixels: a line of text and a strip below it
MOST = 1e6  # the axis ends here, whatever a log claims
LEAST = 1e-6
STYLES = ("reference-line", "mean-line", "accent-line")


def rate_chart(
    rows: Sequence[tuple[str, float]], lines: Sequence[tuple[str, float]], unit: str, width: int
) -> Canvas | None:
    """Draw rates (name, value in `unit`); lines are named in a list above, each in its own style."""
    rows = [(name, min(max(value, LEAST), MOST)) for name, value in rows if value > 0]
    if not rows:
        return None
    values = [value for _, value in (*rows, *lines)]
    low, high = (math.floor(math.log10(min(values)) - 0.05), math.ceil(math.log10(max(values)) + 0.05))
    top = 20.0 * len(lines) + 6
    height = round(top + ROW * len(rows) + 46)
    told = "; ".join(f"{name}: {significant(value, 2)} {unit}" for name, value in (*rows, *lines))
    canvas = Canvas(width, height, "Training rate beside known machines", f"{told}."[:2000])
    plot = plot_in(canvas, (10, top, width - 20, height - 46), (low, high), (0, 1))
    bare = [f"{name}, {significant(value, 2)}" for name, value in lines]
    named = [f"{said} {unit}" for said in bare]
    fit = all(text_width(said) <= width - 34 for said in named)
    for place, said in enumerate(named if fit else bare):  # the axis has the unit, too
        y = 14 + 20 * place
        canvas.line(0, y - 4, 24, y - 4, STYLES[place % len(STYLES)])
        canvas.text(30, y, clipped(said, width - 34), "label strong")
    for place, (name, value) in enumerate(rows):
        _strip(plot, name, value, lines, top + ROW * place, unit)
    _axis(plot, f"{unit}, each step ten times the one before", width)
    return canvas


def _strip(
    plot: Plot, name: str, value: float, lines: Sequence[tuple[str, float]], top: float, unit: str
) -> None:
    canvas, y = plot.canvas, top + 31
    said = f"{significant(value, 2)} {unit}"
    canvas.text(0, top + 15, clipped(name, canvas.width - text_width(said) - 14), "label strong")
    canvas.text(canvas.width, top + 15, said, "label", "end")
    canvas.line(plot.left, y, plot.right, y, "grid")
    for place, (_, other) in enumerate(lines):
        x = plot.x(math.log10(other))
        canvas.line(x, y - 10, x, y + 10, STYLES[place % len(STYLES)])
    canvas.circle(plot.x(math.log10(value)), y, 5, "dot", f"{name}: {said}")


def _axis(plot: Plot, label: str, width: int) -> None:
    powers = range(round(plot.x.low), round(plot.x.high) + 1)
    every = math.ceil(len(powers) / (8 if width > 400 else 6))
    shown = [power for power in powers if (power - powers[0]) % every == 0]
    plot.canvas.lines([(plot.x(p), plot.bottom, plot.x(p), plot.bottom + 4) for p in shown], "tick")
    for power in shown:
        anchor = "start" if power == powers[0] else "middle"
        x = plot.x(power) - (8 if anchor == "start" else 0)
        plot.canvas.text(x, plot.bottom + 17, f"{10.0**power:,g}".replace(",", " "), "label", anchor)
    plot.canvas.line(plot.left, plot.bottom, plot.right, plot.bottom, "axis")
    plot.canvas.text(plot.right, plot.bottom + 34, label, "label strong", "end")
