"""The timeline of a run: phases of the log, and below them what was sampled meanwhile, on one time axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.report.drawing.svg import Canvas, Plot, Scale, plot_in, text_width, ticks
from harness.report.drawing.text import duration_text
from harness.report.panels.machine.model import Panel, TimelineCard

COLOURS, DASHES = 6, 4  # of lines, in chart.css; COLOURS * DASHES names look different
APART, APART_NARROW = 4.0, 6.0  # pixels between points at least; readings in full are in data.json
SWATCH, LINE = 22, 18  # pixels: a piece of a line beside its name, and from a line of names to the next
PHASE_NAMES = {"init": "initialise", "train": "train", "evaluate": "evaluate", "inference": "inference"}


def timeline(card: TimelineCard, width: int) -> Canvas:
    """Phases of the log as a band, and below it one panel per quantity on the same time axis."""
    tall, gap, band = 68 if width > 400 else 56, 64, 18
    top, style = 46, styles(card)
    names = [_names(one, width) for one in card.panels]
    upper = top + band + 40
    areas = []
    for lines in names:
        upper += LINE * (len(lines) - 1)
        areas.append((upper, upper + tall))
        upper += tall + gap
    height = top + band + 16 + sum(tall + gap + LINE * (len(lines) - 1) for lines in names) + 26
    shown = ", ".join(f"{p.title} ({p.unit})" for p in card.panels) or "no measured quantity"
    canvas = Canvas(
        width,
        height,
        f"Timeline of run {card.run}",
        f"Phases of the log over {duration_text(card.stop_s - card.start_s)}, with {shown}.",
    )
    left, right = 46.0, width - 6.0
    x = Scale(card.start_s, card.stop_s, left, right)
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
    for one, (upper, lower), lines in zip(card.panels, areas, names, strict=True):
        _legend(canvas, lines, style, upper)
        plot = _panel(canvas, one, x, (left, upper, right, lower), style)
        if one is card.panels[-1]:
            plot.x_axis("seconds since run_start", 8 if width > 400 else 4)
    return canvas


def styles(card: TimelineCard) -> dict[str, str]:
    """The classes of every line by its name: a name looks the same in each panel, and unlike the others."""
    found = {one.label for panel in card.panels for one in panel.series}
    usual = [name for name in ("node", "run") if name in found]
    names = dict.fromkeys([*usual, *(one.label for panel in card.panels for one in panel.series)])
    repeat = math.lcm(COLOURS, DASHES)
    return {name: f"run-{i % COLOURS} dash-{(i + i // repeat) % DASHES}" for i, name in enumerate(names)}


def _names(panel: Panel, width: int) -> list[list[tuple[float, str]]]:
    """The names of a panel's lines and where they begin (pixels), line by line; the first is that of the title."""
    x = text_width(_title(panel)) + 14
    lines: list[list[tuple[float, str]]] = [[]]
    for one in panel.series:
        wide = SWATCH + 6 + text_width(one.label)
        if x + wide > width:
            x, lines = 0.0, [*lines, []]
        lines[-1].append((x, one.label))
        x += wide + 12
    return lines


def _title(panel: Panel) -> str:
    return f"{panel.title} ({panel.unit})"


def _legend(
    canvas: Canvas, lines: Sequence[Sequence[tuple[float, str]]], style: Mapping[str, str], top: float
) -> None:
    """Names with a piece of their line, above a panel that begins at `top`."""
    for number, line in enumerate(reversed(lines)):
        y = top - 12 - LINE * number
        for x, name in line:
            canvas.line(x, y - 4, x + SWATCH, y - 4, f"curve {style[name]}")
            canvas.text(x + SWATCH + 6, y, name)


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


def _panel(
    canvas: Canvas,
    panel: Panel,
    x: Scale,
    box: tuple[float, float, float, float],
    style: Mapping[str, str],
) -> Plot:
    left, top, right, bottom = box
    highest = max((v for s in panel.series for _, v in s.points), default=0.0)
    top_value = panel.maximum if panel.maximum is not None else _round_up(highest)
    plot = plot_in(canvas, box, (x.low, x.high), (0.0, max(top_value, highest)))
    plot.y_axis("", 2)
    rows = len(_names(panel, canvas.width))
    canvas.text(0, top - 12 - LINE * (rows - 1), _title(panel), "label strong")
    canvas.line(left, bottom, right, bottom, "axis")
    for series in panel.series:
        points = _apart(plot.points(series.points), APART if canvas.width > 400 else APART_NARROW)
        canvas.path(points, f"curve {style[series.label]}", series.label, parts=1)
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
