"""Charts of the science metrics: calibration, precision and recall, groups, and where the scenes lie."""

from __future__ import annotations

from harness.report.drawing.maps import draw_world
from harness.report.drawing.svg import Canvas, clipped, plot_in
from harness.report.drawing.text import east_of_greenwich, position, quantity
from harness.report.panels.science.model import CalibrationBin, ScienceCard


def calibration(card: ScienceCard, width: int) -> Canvas | None:
    """Reliability diagram: the observed share of cloud by predicted probability, and the pixels of each bin."""
    bins = [b for b in card.calibration if b.count and b.cloud_fraction is not None]
    if not bins:
        return None
    hist = 54
    told = "; ".join(f"{b.low:.2f} to {b.high:.2f}: {b.cloud_fraction:.2f}" for b in bins)
    canvas = Canvas(width, 0, "Calibration", f"Predicted probability and observed share of cloud. {told}.")
    plot = plot_in(canvas, (46, 28, width - 12, width - 32), (0, 1), (0, 1))
    plot.y_axis("observed share of cloud", 5)
    canvas.line(plot.x(0), plot.y(0), plot.x(1), plot.y(1), "target")
    canvas.text(plot.right, plot.top - 14, "dotted: perfect", "label accent", "end")
    points = [(_middle(b), b.cloud_fraction or 0.0) for b in bins]
    canvas.path(plot.points(points), "curve")
    with canvas.group(class_="dot"):
        for (x, y), b in zip(points, bins, strict=True):
            tip = f"said {x:.2f}, was cloud {y:.2f} ({b.count} pixels)"
            canvas.circle(plot.x(x), plot.y(y), 4, "", tip)
    canvas.line(plot.left, plot.bottom, plot.right, plot.bottom, "axis")
    bottom = plot.bottom + 22 + hist
    most = max(b.count for b in bins)
    with canvas.group(class_="hist"):
        for b in bins:
            tall, left, right = hist * b.count / most, plot.x(b.low), plot.x(b.high)
            tip = f"{b.low:.2f} to {b.high:.2f}: {b.count} pixels"
            canvas.rect(left + 1, bottom - tall, right - left - 2, tall, "", tip)
    canvas.text(plot.left, plot.bottom + 16, "pixels", "label muted")
    lower = plot_in(canvas, (plot.left, bottom - hist, plot.right, bottom), (0, 1), (0, 1))
    lower.x_axis("predicted probability of cloud", 5)
    canvas.height = round(bottom + 40)
    return canvas


def _middle(one: CalibrationBin) -> float:
    """The mean probability of a bin, or its middle where the mean is not stated."""
    return one.mean_probability if one.mean_probability is not None else (one.low + one.high) / 2


def precision_recall(card: ScienceCard, width: int, at: tuple[float, float] | None = None) -> Canvas | None:
    """Precision over recall, one point per threshold; `at` is where threshold 0.5 stands (recall, precision)."""
    points = sorted(card.precision_recall)
    if len(points) < 2:
        return None
    canvas = Canvas(
        width,
        width + 32,
        "Precision and recall",
        f"{len(points)} thresholds, from {points[0]} to {points[-1]}.",
    )
    low = min(0.8, min(p for _, p in [*points, *([at] if at else [])]))
    plot = plot_in(canvas, (46, 46, width - 12, width - 14), (0, 1), (max(0.0, low - 0.02), 1))
    plot.y_axis("precision", 5)
    plot.x_axis("recall", 5)
    canvas.path(plot.points(points), "curve")
    if at is not None:
        words = f"threshold 0.5: precision {at[1]:.3f}, recall {at[0]:.3f}"
        canvas.circle(plot.x(at[0]), plot.y(at[1]), 6, "operating", words)
        canvas.text(0, 14, f"○ {words}", "label strong")
    return canvas


def group_dots(card: ScienceCard, width: int, overall: float | None) -> Canvas | None:
    """Accuracy by group of scenes or pixels, beside that of the same run over all of them (`overall`)."""
    rows = [(g, g.metrics.get("accuracy")) for g in card.groups]
    known = [(g, a) for g, a in rows if a is not None]
    if not known:
        return None
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
        (150 if width > 400 else 110, 24, width - 54, height - 46),
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
            canvas.text(12, middle + 4, clipped(one.name, plot.left - 20))
            canvas.line(plot.left, middle, plot.right, middle, "grid")
            canvas.circle(plot.x(accuracy), middle, 5, "dot", f"{one.name}: {accuracy:.4f}")
            canvas.text(width, middle + 4, f"{accuracy:.3f}", "label", "end")
            y += row
    plot.x_axis("accuracy", 5 if width > 400 else 4)
    return canvas


def scene_map(card: ScienceCard, width: int) -> Canvas | None:
    """Equirectangular map; a dot is a scene by day, a ring one by night. None without positions."""
    rows = [(r, r.latitude, r.longitude) for r in card.per_scene]
    placed = [
        (r, lat, east_of_greenwich(lon))
        for r, lat, lon in rows
        if lat is not None and lon is not None and abs(lat) <= 90
    ]
    if not placed:
        return None
    told = "; ".join(f"{r.name or 'unnamed'}: {position(r.latitude, r.longitude)}" for r, *_ in placed[:20])
    canvas, x, y = draw_world(width, "Map of the test scenes", f"{len(placed)} scenes. {told}.")
    for row, latitude, longitude in placed:
        accuracy = f", accuracy {row.accuracy:.4f}" if row.accuracy is not None else ""
        guess = ", estimated" if row.estimated else ""
        where = f"{position(latitude, longitude)}{guess}"
        tip = f"{row.name or 'unnamed'}: {where}{', ' + row.daylight if row.daylight else ''}{accuracy}"
        canvas.circle(x(longitude), y(latitude), 5, "dot" if row.daylight != "night" else "dot hollow", tip)
    return canvas
