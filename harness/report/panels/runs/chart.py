"""Time-to-train of every run on one axis from zero, with the mean of those that count and the score."""

from __future__ import annotations

from harness.report.drawing.svg import Canvas, Plot, plot_in, text_width
from harness.report.drawing.text import duration_text
from harness.report.model import ScoreCard
from harness.report.panels.runs.model import RunCard

MEAN = "mean-line"  # class of the dashed line


def run_times(runs: list[RunCard], score: ScoreCard | None, width: int) -> Canvas | None:
    """Time-to-train of each run, with mean, score and the score's interval; `score` is None where it does
    not count."""
    timed = [(run, run.time_to_train_s) for run in runs if run.time_to_train_s is not None]
    if not timed:
        return None
    divisor, unit = time_unit(max(time for _, time in timed))
    lines = _lines(score)
    ends = [time for _, time in timed] + [value for value, *_ in lines]
    high_s = score.arithmetic.high_s if score and score.arithmetic else None
    longest = max([*ends, high_s or 0.0]) / divisor
    row = 24 if len(timed) <= 40 else 14
    top = 12 + 18 * len(lines)
    height = top + row * len(timed) + 48
    listed = ", ".join(f"run {run.index}: {duration_text(time)}" for run, time in timed)
    told = ". ".join(text for _, text, _ in lines)
    canvas = Canvas(width, height, "Time-to-train of each run", f"{listed}. {told}")
    margin = max(text_width(_value(run, time / divisor)) for run, time in timed) + 12
    plot = plot_in(canvas, (64, top, width - margin, height - 48), (0.0, longest * 1.03 or 1.0), (0, 1))
    _marks(plot, lines, score, divisor)
    for place, (run, time) in enumerate(timed):
        y = plot.top + row * (place + 0.5)
        canvas.line(plot.left, y, plot.right, y, "grid")
        canvas.text(0, y + 4, f"run {run.index}", "label strong")
        tip = f"run {run.index}: {duration_text(time)}" + (
            f", left out: {run.dropped}" if run.dropped else ""
        )
        canvas.mark(plot.x(time / divisor), y, run.index, "hollow" if run.dropped else "", tip)
        canvas.text(width, y + 4, _value(run, time / divisor), "label", "end")
    plot.x_axis(f"time-to-train ({unit})", 6 if width > 400 else 4)
    return canvas


def run_times_caption(runs: list[RunCard], score: ScoreCard | None) -> str:
    """What the marks and lines of run_times mean, those that are drawn."""
    hollow = any(run.dropped for run in runs if run.time_to_train_s is not None)
    said = [
        "Each mark is one run; a hollow one is left out of the mean." if hollow else "Each mark is one run."
    ]
    if _interval(score) is not None:
        said.append("Band: 95 % interval of the score.")
    if any(style == MEAN for *_, style in _lines(score)):
        said.append("Dashed: the mean before the convergence factor.")
    return " ".join(said)


def _value(run: RunCard, time: float) -> str:
    return f"{time:.2f}" + (f", {run.dropped}" if run.dropped else "")


def _lines(score: ScoreCard | None) -> list[tuple[float, str, str]]:
    """Value in seconds, label and class of the lines: the mean before the factor where there is one, the score."""
    if score is None or score.time_to_train_s is None:
        return []
    lines = [(score.time_to_train_s, f"score {duration_text(score.time_to_train_s)}", "accent-line")]
    steps = score.arithmetic
    if steps and steps.mean_s is not None and steps.factor != 1:
        lines.insert(0, (steps.mean_s, f"mean {duration_text(steps.mean_s)}", MEAN))
        lines[1] = (lines[1][0], f"{lines[1][1]} = mean × {steps.factor:.5g}", "accent-line")
    elif steps:
        lines[0] = (lines[0][0], f"{lines[0][1]} = mean of the solid marks", "accent-line")
    return lines


def _marks(plot: Plot, lines: list[tuple[float, str, str]], score: ScoreCard | None, divisor: float) -> None:
    steps, interval = score.arithmetic if score else None, _interval(score)
    if steps and interval:
        low, high = (plot.x(end / divisor) for end in interval)
        tip = f"95 % interval of the score: {steps.interval}"
        plot.canvas.rect(low, plot.top, high - low, plot.bottom - plot.top, "interval", tip)
    for place, (value, text, style) in enumerate(lines):
        x, y = plot.x(value / divisor), plot.top - 8 - 18 * (len(lines) - 1 - place)
        plot.canvas.line(x, y + 4, x, plot.bottom, style)
        half = text_width(text) / 2
        middle = min(max(x, half), plot.canvas.width - half)
        plot.canvas.text(
            middle, y, text, "label accent" if style == "accent-line" else "label strong", "middle"
        )


def _interval(score: ScoreCard | None) -> tuple[float, float] | None:
    """Ends in seconds of the band; None where there is none."""
    steps = score.arithmetic if score else None
    return (
        (steps.low_s, steps.high_s)
        if steps and steps.low_s is not None and steps.high_s is not None
        else None
    )


def time_unit(longest_s: float) -> tuple[float, str]:
    """Divisor and name of the unit in which times up to this one are drawn."""
    if longest_s < 600:
        return 1.0, "s"
    return (60.0, "min") if longest_s < 36_000 else (3600.0, "h")
