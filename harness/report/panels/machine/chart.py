"""The timeline of a run: phases of the log, and below them what was sampled meanwhile, on one time axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.report.drawing.svg import Canvas, Plot, Scale, plot_in, spread, ticks
from harness.report.drawing.text import duration_text
from harness.report.panels.machine.model import Panel, TimelineCard

MARGIN = 96.0  # pixels beside a wide drawing, for the names of lines
PHASE_NAMES = {"init": "initialise", "train": "train", "evaluate": "evaluate", "inference": "inference"}


def timeline(card: TimelineCard, width: int) -> Canvas:
    """Phases of the log as a band, and below it one panel per quantity on the same time axis."""
    panel, gap, band = 92 if width > 400 else 80, 40, 18
    top = 46
    height = top + band + 16 + len(card.panels) * (panel + gap) + 26
    names = ", ".join(f"{p.title} ({p.unit})" for p in card.panels) or "no measured quantity"
    canvas = Canvas(
        width,
        height,
        f"Timeline of run {card.run}",
        f"Phases of the log over {duration_text(card.stop_s - card.start_s)}, with {names}.",
    )
    left, right = 46.0, width - (MARGIN if width > 400 else 6.0)
    x = Scale(card.start_s, card.stop_s, left, right)
    first = top + band + 40
    areas = [
        (first + i * (panel + gap), first + i * (panel + gap) + panel - 24) for i in range(len(card.panels))
    ]
    _clock(canvas, card, x, top, [(top - 8, top + band), *areas])
    drawn: dict[str, float] = {}
    for phase in card.phases:
        if x(phase.start_s) < drawn.get(phase.kind, -1.0) + 0.5:
            continue  # hundreds of short epochs: one per half pixel is all that can be seen
        drawn[phase.kind] = x(phase.start_s)
        tip = f"{PHASE_NAMES[phase.kind]}: {phase.start_s:.1f} to {phase.stop_s:.1f} s"
        canvas.rect(
            x(phase.start_s),
            top,
            max(0.8, x(phase.stop_s) - x(phase.start_s)),
            band,
            f"phase {phase.kind}",
            tip,
        )
    for one, (upper, lower) in zip(card.panels, areas, strict=True):
        plot = _panel(canvas, one, x, (left, upper, right, lower))
        if one is card.panels[-1]:
            plot.x_axis("seconds since run_start", 8 if width > 400 else 4)
    return canvas


def _clock(
    canvas: Canvas, card: TimelineCard, x: Scale, top: float, areas: Sequence[tuple[float, float]]
) -> None:
    """Where the clock of the score starts and stops; its lines are drawn in the areas (upper and lower end) alone."""
    near = card.clock_stop_s is not None and x(card.clock_stop_s) - x(0) < 170
    canvas.lines([(x(0), upper, x(0), lower) for upper, lower in areas], "clock")
    canvas.text(x(0), top - 30 if near else top - 14, "clock starts", "label strong", "start")
    if card.clock_stop_s is not None:
        stop = x(card.clock_stop_s)
        canvas.lines([(stop, upper, stop, lower) for upper, lower in areas], "clock")
        canvas.text(stop, top - 14, "clock stops", "label strong", "end")


def _panel(canvas: Canvas, panel: Panel, x: Scale, box: tuple[float, float, float, float]) -> Plot:
    left, top, right, bottom = box
    highest = max((v for s in panel.series for _, v in s.points), default=0.0)
    top_value = panel.maximum if panel.maximum is not None else _round_up(highest)
    plot = plot_in(canvas, box, (x.low, x.high), (0.0, max(top_value, highest)))
    plot.y_axis("", 2)
    canvas.text(0, top - 12, f"{panel.title} ({panel.unit})", "label strong")
    canvas.line(left, bottom, right, bottom, "axis")
    for i, series in enumerate(panel.series):
        points = _apart(plot.points(series.points), 3.0)
        if i == 0:
            canvas.area(points, bottom, "fill")
        canvas.path(points, f"curve series-{i}", series.label)
    if right < canvas.width - 30 or len(panel.series) > 1:
        _series_labels(plot, panel)
    return plot


def _apart(points: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """The points (pixels), those that lie closer together than `gap` as their mean; first and last stay."""
    groups: list[list[tuple[float, float]]] = []
    for point in points[1:-1]:
        if groups and point[0] - groups[-1][0][0] < gap:
            groups[-1].append(point)
        else:
            groups.append([point])
    means = [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
    return [*points[:1], *means, *points[1:][-1:]]


def _round_up(value: float) -> float:
    """The next round number at or above, so that an axis ends on a tick."""
    if value <= 0:
        return 1.0
    step = (ticks(0.0, value, 2) + [value])[1]
    return math.ceil(value / step - 1e-9) * step


def _series_labels(plot: Plot, panel: Panel) -> None:
    if plot.right > plot.canvas.width - 30:  # no margin on a narrow page: one line above the panel
        text = " · ".join(s.label for s in panel.series)
        said = text if len(text) < 20 else f"{len(panel.series)} lines"
        plot.canvas.text(plot.right, plot.top - 12, said, "label muted", "end")
        return
    wanted = [plot.y(series.points[-1][1]) for series in panel.series]
    for i, y in enumerate(spread(wanted, 13, plot.top, plot.bottom + 6)):
        plot.canvas.text(plot.right + 6, y + 4, panel.series[i].label[:14], f"label series-text-{i}")
