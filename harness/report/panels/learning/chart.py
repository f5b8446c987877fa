"""Learning curves: a quantity of every epoch, one line per run."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.report.drawing.svg import Canvas, Plot, plot_in, spread
from harness.report.panels.runs.model import Epoch, RunCard

MAX_POINTS = 6000  # of all curves in one chart


def learning_curves(
    runs: list[RunCard],
    value: Callable[[Epoch], float | None],
    title: str,
    y_label: str,
    width: int,
    target: float | None = None,
) -> Canvas | None:
    """One line per run over epochs; dropped runs are dashed; the target is a horizontal line."""
    lines = []
    for run in runs:
        points = [(float(e.epoch), v) for e in run.curve if (v := value(e)) is not None]
        if points:
            lines.append((run, points))
    if not lines:
        return None
    step = math.ceil(sum(len(points) for _, points in lines) / MAX_POINTS)
    lines = [(run, [*points[:-1:step], points[-1]]) for run, points in lines]
    ys = [y for _, points in lines for _, y in points] + ([target] if target is not None else [])
    xs = [x for _, points in lines for x, _ in points]
    pad = (max(ys) - min(ys)) * 0.06 or 0.01
    height = 330 if width > 400 else 270
    ends = "; ".join(f"run {run.index} ends at {points[-1][1]:.4f}" for run, points in lines)
    canvas = Canvas(width, height, title, f"{ends}. Target: {target if target is not None else 'none'}.")
    plot = plot_in(
        canvas,
        (46, 28, width - 54, height - 46),
        (min(xs), max(max(xs), min(xs) + 1)),
        (min(ys) - pad, max(ys) + pad),
    )
    plot.y_axis(y_label)
    plot.x_axis("epoch", min(8 if width > 400 else 5, max(1, round(plot.x.high - plot.x.low))))
    if target is not None:
        canvas.line(plot.left, plot.y(target), plot.right, plot.y(target), "target")
        canvas.text(plot.left + 6, plot.y(target) - 6, f"target {target:g}", "label accent")
    _curves(plot, lines)
    return canvas


def _curves(plot: Plot, lines: list[tuple[RunCard, list[tuple[float, float]]]]) -> None:
    shown_dots = sum(len(points) for _, points in lines) <= 400
    for run, points in sorted(lines, key=lambda line: not line[0].dropped):
        style = "dropped" if run.dropped else "kept"
        plot.canvas.path(plot.points(points), f"curve {style}", f"run {run.index}")
        for x, y in points if shown_dots else points[-1:]:
            tip = f"run {run.index}, epoch {x:g}: {y:.4f}"
            last = (x, y) == points[-1]
            plot.canvas.circle(
                plot.x(x),
                plot.y(y),
                4.5 if last else 2.5,
                f"dot {'hollow' if run.dropped else ''}".strip(),
                tip,
            )
    if len(lines) <= 12:  # more labels than a margin can hold: the table has the numbers
        _end_labels(plot, lines)


def _end_labels(plot: Plot, lines: list[tuple[RunCard, list[tuple[float, float]]]]) -> None:
    """Names at the ends of the curves: in the margin, or above the point where a run ended early."""
    early: dict[float, list[tuple[RunCard, float]]] = {}
    late = []
    for run, points in lines:
        x, y = plot.x(points[-1][0]), plot.y(points[-1][1])
        if x < plot.right - 1:
            early.setdefault(x, []).append((run, y))
        else:
            late.append((run, y))
    for (run, _), y in zip(late, spread([y for _, y in late], 14, plot.top, plot.bottom), strict=True):
        plot.canvas.text(
            plot.right + 9, y + 4, f"run {run.index}", f"label {'muted' if run.dropped else 'accent'}"
        )
    for x, ended in early.items():
        names = ("run " if len(ended) == 1 else "runs ") + ", ".join(str(run.index) for run, _ in ended)
        style = "muted" if all(run.dropped for run, _ in ended) else "accent"
        plot.canvas.text(
            x, max(plot.top - 2, min(y for _, y in ended) - 11), names, f"label {style}", "middle"
        )
