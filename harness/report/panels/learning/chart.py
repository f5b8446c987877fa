"""Learning curves: a quantity over seconds or epochs, one line and one kind of mark per run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.report.drawing.svg import COLOURS, Canvas, Plot, plot_in, spread, text_width
from harness.report.panels.runs.model import Epoch, RunCard

MAX_POINTS = 6000  # of all curves in one chart
MAX_KEYS = 24  # of a legend: the table has the others
LETTERS = "abcdefghij"  # of levels
Over = Literal["seconds", "epochs"]
Line = tuple[RunCard, list[tuple[float, float]]]


@dataclass(frozen=True)
class Curves:
    """What to draw: the value of an epoch, its name, and how its axis begins."""

    title: str
    label: str
    value: Callable[[Epoch], float | None]
    over: Over = "epochs"
    target: float | None = None
    from_zero: bool = False
    levels: tuple[tuple[str, float], ...] = ()  # values of other methods, by name


def learning_curves(runs: list[RunCard], wanted: Curves, width: int) -> Canvas | None:
    """One line per run; runs left out of the mean are dashed with hollow marks; the target is a dotted line."""
    lines = _lines(runs, wanted)
    if not lines:
        return None
    target = wanted.target
    ys = [y for _, points in lines for _, y in points] + ([target] if target is not None else [])
    ys += [value for _, value in wanted.levels]
    xs = [x for _, points in lines for x, _ in points]
    pad = (max(ys) - min(ys)) * 0.06 or 0.01
    ends = "; ".join(f"run {run.index} ends at {points[-1][1]:.4f}" for run, points in lines)
    others = "".join(f" {name}: {value:.4f}." for name, value in wanted.levels)
    told = f"{ends}. Target: {target if target is not None else 'none'}.{others}"
    canvas = Canvas(width, 0, wanted.title, told)
    top = _levels_named(canvas, _legend(canvas, lines), wanted.levels) + 30
    canvas.height = round(top + (256 if width > 400 else 200) + 46)
    left = 0.0 if wanted.over == "seconds" else min(xs)
    low = 0.0 if wanted.from_zero else min(ys) - pad
    plot = plot_in(
        canvas,
        (52, top, width - (24 if wanted.levels else 10), canvas.height - 46),
        (left, max(max(xs), left + 1)),
        (low, max(ys) + pad),
    )
    plot.y_axis(wanted.label)
    count = 8 if width > 400 else 4
    if wanted.over == "epochs":
        count = min(count, max(1, round(plot.x.high - plot.x.low)))
    plot.x_axis("seconds since run_start" if wanted.over == "seconds" else "epoch", count)
    if target is not None:
        canvas.line(plot.left, plot.y(target), plot.right, plot.y(target), "target")
        text = f"target {target:g}"
        canvas.text(plot.right, plot.top - 14, text, "label accent", "end")
    _levels(plot, wanted.levels)
    _curves(plot, lines, wanted.over)
    return canvas


def _levels(plot: Plot, levels: tuple[tuple[str, float], ...]) -> None:
    """A dashed line across the area for each method, its letter beside the right end."""
    heights = [plot.y(value) for _, value in levels]
    places = spread([height + 4 for height in heights], 13, plot.top + 4, plot.bottom + 4)
    for letter, height, place in zip(LETTERS, heights, places, strict=False):
        plot.canvas.line(plot.left, height, plot.right, height, "level")
        plot.canvas.text(plot.right + 8, place, letter)


def _levels_named(canvas: Canvas, top: float, levels: tuple[tuple[str, float], ...]) -> float:
    """Write what the letters of the methods mean below `top`, in as many lines as it needs; returns the lower end."""
    x, y = 0.0, top + 14
    for letter, (name, value) in zip(LETTERS, levels, strict=False):
        said = f"{letter}: {name} {value:.3f}"
        if x and x + text_width(said) > canvas.width:
            x, y = 0.0, y + 18
        canvas.text(x, y, said)
        x += text_width(said) + 14
    return y + 4 if levels else top


def _lines(runs: list[RunCard], wanted: Curves) -> list[Line]:
    lines: list[Line] = []
    for run in runs:
        points = [
            (x, v)
            for e in run.curve
            if (v := wanted.value(e)) is not None
            and (x := e.at_s if wanted.over == "seconds" else float(e.epoch)) is not None
        ]
        if points:
            lines.append((run, points))
    step = math.ceil(sum(len(points) for _, points in lines) / MAX_POINTS) or 1
    return [(run, [*points[:-1:step], points[-1]]) for run, points in lines]


def _legend(canvas: Canvas, lines: list[Line]) -> float:
    names = [
        (
            run.index,
            f"run {run.index}" + (f", {run.dropped}" if run.dropped else ""),
            "hollow" if run.dropped else "",
        )
        for run, _ in lines
    ]
    if len(names) <= MAX_KEYS:
        return canvas.keys(names, 6, 4, canvas.width)
    canvas.text(0, 14, f"{len(names)} runs; the table below names each", "label muted")
    return 20


def _curves(plot: Plot, lines: list[Line], over: Over) -> None:
    few = sum(len(points) for _, points in lines) <= 400
    for run, points in sorted(lines, key=lambda line: not line[0].dropped):
        style = "curve dropped" if run.dropped else "curve"
        plot.canvas.path(plot.points(points), f"{style} run-{run.index % COLOURS}", f"run {run.index}")
        marked = []
        for x, y in points if few else points[-1:]:
            at = f"{x:.1f} s" if over == "seconds" else f"epoch {x:g}"
            marked.append((plot.x(x), plot.y(y), f"run {run.index}, {at}: {y:.4f}"))
        plot.canvas.marks(marked, run.index, "hollow" if run.dropped else "")
