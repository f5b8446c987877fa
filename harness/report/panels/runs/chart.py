"""Time-to-train of every run on one axis."""

from __future__ import annotations

from harness.report.drawing.svg import Canvas, plot_in
from harness.report.drawing.text import duration_text
from harness.report.panels.runs.model import RunCard


def run_times(runs: list[RunCard], mean_s: float | None, width: int) -> Canvas | None:
    """Time-to-train of each run on one axis, with the score."""
    timed = [(run, run.time_to_train_s) for run in runs if run.time_to_train_s is not None]
    if not timed:
        return None
    divisor, unit = _time_unit(max(time for _, time in timed))
    values = [time / divisor for _, time in timed] + ([mean_s / divisor] if mean_s is not None else [])
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or high * 0.02 or 1.0
    row = 24 if len(timed) <= 40 else 14
    height = 34 + row * len(timed) + 46
    listed = ", ".join(f"run {run.index}: {duration_text(time)}" for run, time in timed)
    canvas = Canvas(width, height, "Time-to-train of each run", f"{listed}. Score: {duration_text(mean_s)}.")
    plot = plot_in(canvas, (52, 30, width - 8, height - 46), (low - pad, high + pad), (0, 1))
    for i, (run, time) in enumerate(timed):
        y = plot.top + row * (i + 0.5)
        x = plot.x(time / divisor)
        words = f"{time / divisor:.2f}" + (f", {run.dropped}" if run.dropped else "")
        canvas.line(plot.left, y, plot.right, y, "grid")
        canvas.text(0, y + 4, f"run {run.index}")
        canvas.circle(
            x, y, 5, "dot hollow" if run.dropped else "dot", f"run {run.index}: {duration_text(time)}"
        )
        right = x < plot.left + 0.62 * (plot.right - plot.left)
        canvas.text(x + (11 if right else -11), y + 4, words, "label", "start" if right else "end")
    if mean_s is not None:
        x = plot.x(mean_s / divisor)
        canvas.line(x, plot.top - 6, x, plot.bottom, "accent-line")
        canvas.text(x, plot.top - 12, f"score {duration_text(mean_s)}", "label accent", "middle")
    plot.x_axis(f"time-to-train ({unit})", 6 if width > 400 else 4)
    return canvas


def _time_unit(longest_s: float) -> tuple[float, str]:
    if longest_s < 600:
        return 1.0, "s"
    return (60.0, "min") if longest_s < 36_000 else (3600.0, "h")
