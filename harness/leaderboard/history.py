"""Scores over time: each entry at the day on which it was run, and the best until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from harness.leaderboard.model import Entry, Table
from harness.report.drawing.svg import Canvas, Plot, plot_in
from harness.report.drawing.text import seconds_text

MAX_ENTRIES = 500

Point = tuple[date, float, Entry]


def history(table: Table, width: int) -> Canvas | None:
    """Score over the day of the first run; None unless entries were run on different days."""
    points = dated(table)
    return _draw(points, width) if len({day for day, _, _ in points}) > 1 else None


def dated(table: Table) -> list[Point]:
    """The entries that are drawn, by the day of their first run."""
    return sorted(
        (
            (date.fromisoformat(entry.trained), entry.time_to_train_s, entry)
            for entry in table.entries
            if entry.trained and entry.time_to_train_s is not None
        ),
        key=lambda point: (point[0], point[1], point[2].id),
    )[-MAX_ENTRIES:]


def _draw(points: Sequence[Point], width: int) -> Canvas:
    first, last = points[0][0].toordinal(), points[-1][0].toordinal()
    height = 300
    told = f"{len(points)} entries from {points[0][0]} to {points[-1][0]}; the axis of scores begins at zero."
    canvas = Canvas(width, height, "Scores over time", told)
    most = max(entry.high_s or score for _, score, entry in points) * 1.05
    plot = plot_in(canvas, (60, 30, width - 34, height - 46), (first, last), (0.0, most))
    plot.y_axis("score (s)")
    _days(plot, 5 if width > 400 else 3)
    best: list[tuple[float, float]] = []
    for day, score, _ in points:
        if not best or score < best[-1][1]:
            best += [(day.toordinal(), best[-1][1])] if best else []
            best.append((day.toordinal(), score))
    canvas.path(plot.points([*best, (last, best[-1][1])]), "mean-line", "the best until then")
    for day, score, entry in points:
        x = plot.x(day.toordinal())
        if entry.low_s is not None and entry.high_s is not None:
            canvas.line(x, plot.y(max(entry.low_s, 0.0)), x, plot.y(entry.high_s), "accent-line")
        canvas.circle(
            x, plot.y(score), 4.5, "dot", f"{day}: {entry.system} by {entry.org}, {seconds_text(score)}"
        )
    return canvas


def _days(plot: Plot, count: int) -> None:
    """The axis of days: about `count` of them, the first and the last included."""
    first, last = round(plot.x.low), round(plot.x.high)
    steps = min(count - 1, last - first)
    days = [first + round((last - first) * i / steps) for i in range(steps + 1)]
    canvas = plot.canvas
    canvas.lines([(plot.x(day), plot.bottom, plot.x(day), plot.bottom + 4) for day in days], "tick")
    for day in days:
        canvas.text(plot.x(day), plot.bottom + 17, date.fromordinal(day).isoformat(), "label", "middle")
    canvas.line(plot.left, plot.bottom, plot.right, plot.bottom, "axis")
    canvas.text(plot.right, plot.bottom + 34, "day of the first run, as logged", "label strong", "end")
