"""The report's charts. Each is a function of the data and a width: pages carry a wide and a narrow drawing.

Two drawings, because an SVG that shrinks with the page shrinks its letters too. The style sheet shows
the one that fits. Colours are classes; meaning never rests on colour alone (labels, dashes, shapes).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup

from harness.report.model import EnergyCard, Epoch, RunCard, ScienceCard
from harness.report.svg import Canvas, Plot, plot_in, spread
from harness.report.text import duration_text, energy, plural, quantity

WIDE, NARROW = 760, 330
MAX_BARS = 24
MAX_POINTS = 6000  # of all learning curves in one chart


def both(draw: Callable[[int], Canvas | None]) -> Markup:
    """The wide and the narrow drawing, one of which is shown; empty when there is nothing to draw."""
    parts = [(name, draw(width)) for name, width in (("wide", WIDE), ("narrow", NARROW))]
    return Markup("").join(
        Markup('<div class="drawing {}">{}</div>').format(name, canvas.render())
        for name, canvas in parts
        if canvas
    )


# ---------------------------------------------------------------- runs


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


# ---------------------------------------------------------------- learning


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


# ---------------------------------------------------------------- energy


def energy_bars(card: EnergyCard, width: int) -> Canvas | None:
    """Mean energy per run of each scope, source and method: side by side, never stacked, for scopes overlap."""
    rows = card.summary[:MAX_BARS]
    if not rows:
        return None
    wide = width > 400
    row, left = 40, 12.0
    height = 8 + row * len(rows) + 44
    told = "; ".join(f"{e.scope}, {e.method}: {energy(e.joules)}" for e in rows)
    canvas = Canvas(width, height, "Energy per run by scope", f"{told}.")
    most = max(e.joules for e in rows)
    divisor, unit = (1e6, "MJ") if most >= 1e6 else (1e3, "kJ") if most >= 1e3 else (1.0, "J")
    plot = plot_in(
        canvas, (left, 8, width - (100 if wide else 84), height - 44), (0, most / divisor or 1), (0, 1)
    )
    for i, one in enumerate(rows):
        y = plot.top + row * i
        canvas.text(left, y + 12, f"{one.scope} ({one.source}), {one.method}"[: 80 if wide else 40])
        tip = f"{one.scope}, {one.method}: {energy(one.joules)}, mean of {plural(one.runs, 'run')}"
        canvas.rect(left, y + 18, plot.x(one.joules / divisor) - left, 13, "bar", tip)
        canvas.text(
            plot.x(one.joules / divisor) + 7, y + 29, quantity(one.joules / divisor, unit, 4), "label strong"
        )
    plot.x_axis(f"energy per run ({unit})", 6 if wide else 4)
    return canvas


# ---------------------------------------------------------------- science


def calibration(card: ScienceCard, width: int) -> Canvas | None:
    """Reliability diagram: how often it was cloud when the model said p, and how many pixels said so."""
    bins = [b for b in card.calibration if b.count and b.cloud_fraction is not None]
    if not bins:
        return None
    side = min(width, 380)
    hist = 54
    height = 30 + (side - 60) + 46 + hist + 20
    told = "; ".join(f"{b.low:.1f} to {b.high:.1f}: {b.cloud_fraction:.2f}" for b in bins)
    canvas = Canvas(
        side, height, "Calibration", f"Predicted probability and observed share of cloud. {told}."
    )
    plot = plot_in(canvas, (46, 28, side - 12, 28 + side - 60), (0, 1), (0, 1))
    plot.y_axis("observed share of cloud", 5)
    canvas.line(plot.x(0), plot.y(0), plot.x(1), plot.y(1), "target")
    canvas.text(plot.x(0.04), plot.y(0.12) - 12, "perfect", "label muted")
    points = [(_middle(b), b.cloud_fraction or 0.0) for b in bins]
    canvas.path(plot.points(points), "curve kept")
    for (x, y), b in zip(points, bins, strict=True):
        tip = f"said {x:.2f}, was cloud {y:.2f} ({b.count} pixels)"
        canvas.circle(plot.x(x), plot.y(y), 4, "dot", tip)
    canvas.line(plot.left, plot.bottom, plot.right, plot.bottom, "axis")
    bottom = plot.bottom + 22 + hist
    most = max(b.count for b in bins)
    for b in bins:
        tall = hist * b.count / most
        tip = f"{b.low:.2f} to {b.high:.2f}: {b.count} pixels"
        canvas.rect(plot.x(b.low) + 1, bottom - tall, plot.x(b.high) - plot.x(b.low) - 2, tall, "hist", tip)
    canvas.text(plot.left, plot.bottom + 16, "pixels", "label muted")
    lower = plot_in(canvas, (plot.left, bottom - hist, plot.right, bottom), (0, 1), (0, 1))
    lower.x_axis("predicted probability of cloud", 5)
    canvas.height = round(bottom + 40)
    return canvas


def _middle(one: object) -> float:
    stated = getattr(one, "mean_probability", None)
    return stated if stated is not None else (one.low + one.high) / 2  # type: ignore[attr-defined]


def precision_recall(card: ScienceCard, width: int) -> Canvas | None:
    points = sorted(card.precision_recall)
    if len(points) < 2:
        return None
    side = min(width, 380)
    height = 28 + (side - 60) + 46
    canvas = Canvas(
        side, height, "Precision and recall", f"{len(points)} thresholds, from {points[0]} to {points[-1]}."
    )
    low = min(0.8, min(p for _, p in points))
    plot = plot_in(canvas, (46, 28, side - 12, 28 + side - 60), (0, 1), (max(0.0, low - 0.02), 1))
    plot.y_axis("precision", 5)
    plot.x_axis("recall", 5)
    canvas.path(plot.points(points), "curve kept")
    return canvas


def group_dots(card: ScienceCard, width: int) -> Canvas | None:
    """Accuracy by group of scenes or pixels, beside the overall accuracy."""
    rows = [(g, g.metrics.get("accuracy")) for g in card.groups]
    known = [(g, a) for g, a in rows if a is not None]
    if not known:
        return None
    overall = next((m.value for m in card.metrics if m.name == "accuracy"), None)
    values = [a for _, a in known] + ([overall] if overall is not None else [])
    low, high = min(values), max(values)
    pad = max(0.01, (high - low) * 0.1)
    row, head = 24, 30
    groups = list(dict.fromkeys(g.group for g, _ in known))
    height = 24 + len(groups) * head + len(known) * row + 46
    told = "; ".join(f"{g.group} {g.name}: {a:.3f}" for g, a in known)
    canvas = Canvas(width, height, "Accuracy by group", f"{told}. Overall: {quantity(overall, '', 4)}.")
    plot = plot_in(
        canvas,
        (150 if width > 400 else 96, 24, width - 54, height - 46),
        (max(0.0, low - pad), min(1.0, high + pad)),
        (0, 1),
    )
    if overall is not None:
        canvas.line(plot.x(overall), plot.top - 4, plot.x(overall), plot.bottom, "target")
        canvas.text(plot.x(overall), plot.top - 10, f"overall {overall:.3f}", "label accent", "middle")
    y = plot.top
    for group in groups:
        y += head
        canvas.text(0, y - 8, group, "label strong")
        for one, accuracy in ((g, a) for g, a in known if g.group == group):
            middle = y + row / 2
            canvas.text(12, middle + 4, one.name[:18])
            canvas.line(plot.left, middle, plot.right, middle, "grid")
            canvas.circle(plot.x(accuracy), middle, 5, "dot", f"{one.name}: {accuracy:.4f}")
            canvas.text(width, middle + 4, f"{accuracy:.3f}", "label", "end")
            y += row
    plot.x_axis("accuracy", 5 if width > 400 else 4)
    return canvas
