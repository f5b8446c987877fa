"""Charts of an experiment: parallel coordinates, slices, importances, learning curves, cost against quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.importance import Importance
from harness.experiment.model import Between, Experiment, Scalar, in_words, short
from harness.experiment.table import Row, Table
from harness.report.drawing.svg import Canvas, Plot, Scale, clipped, plot_in, tick_text, ticks

RANKS = 5  # fifths of the trials by value, the best first: classes rank-0 to rank-4
MAX_LINES = 600
PAD = 0.06


@dataclass(frozen=True)
class Axis:
    """One dimension: where a value lies between 0 and 1, and the marks on it."""

    label: str
    low: float
    high: float
    log: bool
    names: list[str]  # of choices, in order; empty for numbers

    def place(self, value: Scalar) -> float:
        """Between 0 and 1."""
        if self.names:
            return (self.names.index(short(value)) + 0.5) / len(self.names)
        number = float(value)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        number = math.log(number) if self.log else number
        return (number - low) / (high - low) if high > low else 0.5

    def marks(self) -> list[tuple[float, str]]:
        """Positions and texts."""
        if self.names:
            return [((i + 0.5) / len(self.names), name) for i, name in enumerate(self.names)]
        if self.log:
            return [(self.place(v), f"{v:g}") for v in _decades(self.low, self.high)]
        found = ticks(self.low, self.high, 4)
        return [(self.place(v), tick_text(v, found)) for v in found]


def axis_of(name: str, experiment: Experiment) -> Axis:
    """The axis of a searched field."""
    dimension, label = experiment.search.space[name], name.rpartition(".")[2]
    if isinstance(dimension, Between):
        return Axis(label, float(dimension.low), float(dimension.high), dimension.log, [])
    return Axis(label, 0, 1, False, [short(value) for value in dimension])


def value_axis(experiment: Experiment, rows: Sequence[Row]) -> Axis:
    """The axis of the objective, over the values that there are."""
    low, high = _range([row.trial.value for row in rows if row.trial.value is not None])
    unit = experiment.objective.unit
    return Axis(experiment.objective.words + (f" ({unit})" if unit != "1" else ""), low, high, False, [])


def ranks(table: Table) -> dict[int, int]:
    """The fifth of each row with a value (0 the best), by its position in the table."""
    known = [(row.trial.value, at) for at, row in enumerate(table.rows) if row.trial.value is not None]
    known.sort(key=lambda one: (-one[0], one[1]) if table.experiment.objective.larger else one)
    return {at: i * RANKS // len(known) for i, (_, at) in enumerate(known)}


def parallel(table: Table, width: int) -> Canvas | None:
    """One line per trial with a value, across an axis per field and one of the objective."""
    said, rank = table.experiment, ranks(table)
    if not rank or not said.search.space:
        return None
    axes = [axis_of(name, said) for name in said.search.space]
    axes.append(value_axis(said, table.rows))
    upright = width < 400
    return _parallel_narrow(table, axes, rank, width) if upright else _parallel_wide(table, axes, rank, width)


def _positions(table: Table, axes: list[Axis], at: int) -> list[float]:
    trial = table.rows[at].trial
    places = [
        axis.place(trial.values[n]) for axis, n in zip(axes, table.experiment.search.space, strict=False)
    ]
    return [*places, axes[-1].place(trial.value or 0.0)]


def _in_order(rank: dict[int, int]) -> list[int]:
    """Positions in the table, the best last, so that they are drawn on top."""
    return sorted(rank, key=lambda at: -rank[at])[-MAX_LINES:]


def _parallel_wide(table: Table, axes: list[Axis], rank: dict[int, int], width: int) -> Canvas:
    top, bottom, left, right = 34.0, 270.0, 64.0, width - 90.0
    canvas = Canvas(width, 290, "Parallel coordinates", _described(table, axes))
    xs = [left + i * (right - left) / (len(axes) - 1) for i in range(len(axes))]
    for at in _in_order(rank):
        points = [
            (x, bottom - place * (bottom - top))
            for x, place in zip(xs, _positions(table, axes, at), strict=True)
        ]
        canvas.path(points, f"trial rank-{rank[at]}", _tip(table, at))
    for x, axis in zip(xs, axes, strict=True):
        side, anchor = (
            (1, "start") if x == xs[-1] else (-1, "end")
        )  # lines come to the last axis from the left
        canvas.line(x, top, x, bottom, "axis")
        room = (right - left) / (len(axes) - 1) - 12
        canvas.text(x, top - 16, clipped(axis.label, max(room, 60)), "label strong", "middle")
        for place, text in axis.marks():
            y = bottom - place * (bottom - top)
            canvas.line(x + 4 * side, y, x, y, "tick")
            canvas.text(x + 7 * side, y + 4, clipped(text, 104 if side < 0 else 80), "label", anchor)
    return canvas


def _parallel_narrow(table: Table, axes: list[Axis], rank: dict[int, int], width: int) -> Canvas:
    """The same with the axes lying below each other, for phones."""
    step, left, right = 62.0, 14.0, width - 14.0
    canvas = Canvas(width, round(24 + step * len(axes)), "Parallel coordinates", _described(table, axes))
    ys = [30 + i * step for i in range(len(axes))]
    for at in _in_order(rank):
        places = _positions(table, axes, at)
        points = [(left + place * (right - left), y) for y, place in zip(ys, places, strict=True)]
        canvas.path(points, f"trial rank-{rank[at]}", _tip(table, at))
    for y, axis in zip(ys, axes, strict=True):
        canvas.line(left, y, right, y, "axis")
        canvas.text(left, y - 8, axis.label, "label strong")
        for place, text in axis.marks():
            x = left + place * (right - left)
            anchor = "start" if place < 0.05 else "end" if place > 0.95 else "middle"
            canvas.line(x, y, x, y + 4, "tick")
            canvas.text(x, y + 17, clipped(text, 70), "label", anchor)
    return canvas


def slices(table: Table, name: str, width: int) -> Canvas | None:
    """The objective over one field, a mark per trial."""
    said, rank = table.experiment, ranks(table)
    if not rank:
        return None
    across, up = axis_of(name, said), value_axis(said, table.rows)
    canvas = Canvas(width, 230, f"{up.label} over {name}", _described(table, [across, up]))
    plot = plot_in(canvas, (64, 26, width - 14, 188), (0, 1), (up.low, up.high))
    plot.y_axis(up.label)
    _x_marks(plot, across)
    for at in _in_order(rank):
        trial = table.rows[at].trial
        x = plot.x(across.place(trial.values[name]))
        canvas.circle(x, plot.y(trial.value or 0.0), 4, f"trial-dot rank-{rank[at]}", _tip(table, at))
    return canvas


def _x_marks(plot: Plot, across: Axis) -> None:
    canvas = plot.canvas
    canvas.line(plot.left, plot.bottom, plot.right, plot.bottom, "axis")
    for place, text in across.marks():
        canvas.line(plot.x(place), plot.bottom, plot.x(place), plot.bottom + 4, "tick")
        canvas.text(plot.x(place), plot.bottom + 17, clipped(text, 104), "label", "middle")
    canvas.text(plot.right, plot.bottom + 34, across.label, "label strong", "end")


def importance_bars(found: list[Importance], width: int) -> Canvas | None:
    """A bar per field that has an importance."""
    known = [(one.name, one.share) for one in found if one.share is not None]
    if not known:
        return None
    left = min(220.0, width * 0.42)
    said = "; ".join(f"{name} {share:.2f}" for name, share in known)
    canvas = Canvas(width, 26 * len(known) + 34, "Importance of each field", said)
    scale = Scale(0, 1, left, width - 60.0)
    for i, (name, share) in enumerate(known):
        y = 8.0 + 26 * i
        canvas.text(left - 8, y + 13, clipped(name.rpartition(".")[2], left - 10), "label strong", "end")
        canvas.rect(left, y, scale(share) - left, 18, "bar", f"{name}: {share:.3f}")
        canvas.text(scale(share) + 6, y + 13, f"{share:.2f}", "label")
    bottom = 10.0 + 26 * len(known)
    canvas.line(left, bottom, scale(1), bottom, "axis")
    for mark in (0, 0.5, 1):
        canvas.text(scale(mark), bottom + 16, f"{mark:g}", "label", "middle")
    return canvas


def curves(table: Table, target: float | None, width: int) -> Canvas | None:
    """Accuracy over epochs, a line per trial; those without a value are dashed."""
    rank = ranks(table)
    lines = [
        (at, [(float(e.epoch), e.accuracy) for e in row.trial.curve if e.accuracy is not None])
        for at, row in enumerate(table.rows)
    ]
    lines = [line for line in lines if line[1]][-MAX_LINES:]
    if not lines:
        return None
    ys = [y for _, points in lines for _, y in points]
    low, high = _range([*ys, *([target] if target is not None else [])])
    last = max(x for _, points in lines for x, _ in points)
    ended = sum(at not in rank for at, _ in lines)
    said = f"{len(lines)} trials, {ended} without a value; accuracies from {min(ys):.3f} to {max(ys):.3f}"
    canvas = Canvas(width, 300, "Learning curves of the trials", said)
    plot = plot_in(canvas, (52, 30, width - 12, 254), (1, max(last, 2)), (low, high))
    plot.y_axis("accuracy on the validation split")
    plot.x_axis("epoch", min(8 if width > 400 else 4, max(1, round(last) - 1)))
    if target is not None:
        canvas.line(plot.left, plot.y(target), plot.right, plot.y(target), "target")
        canvas.text(plot.right, plot.top - 14, f"target {target:g}", "label accent", "end")
    for at, points in sorted(lines, key=lambda line: -rank.get(line[0], RANKS)):
        style = f"trial rank-{rank[at]}" if at in rank else "trial ended"
        canvas.path(plot.points(points), style, _tip(table, at))
        if len(points) == 1:
            canvas.circle(plot.x(points[0][0]), plot.y(points[0][1]), 3, f"{style}-dot", _tip(table, at))
    return canvas


def costs(table: Table) -> tuple[str, list[tuple[int, float, float]]]:
    """The unit of what a trial took (J where all with a value have an energy, else s); position, cost, accuracy."""
    energy = bool(table.rows) and all(
        r.trial.energy_j is not None for r in table.rows if r.trial.value is not None
    )
    shown = []
    for at, row in enumerate(table.rows):
        last = row.trial.curve[-1].at_s if row.trial.curve else None
        cost = row.trial.energy_j if energy else row.trial.time_to_train_s or last
        if cost is not None and row.trial.accuracy is not None:
            shown.append((at, cost, row.trial.accuracy))
    return "J" if energy else "s", shown


def cost_quality(table: Table, width: int) -> Canvas | None:
    """The last accuracy of each trial over what it took: energy where all have one, else seconds."""
    rank, (unit, shown) = ranks(table), costs(table)
    if not shown:
        return None
    what = (
        f"energy of the timed run (J), {table.experiment.objective.scope}"
        if unit == "J"
        else "seconds since run_start"
    )
    said = f"{len(shown)} trials; " + "; ".join(
        f"trial {table.rows[at].trial.number}: {y:.4f} after {x:.4g}" for at, x, y in shown[:12]
    )
    canvas = Canvas(width, 300, "Cost against quality", said)
    high = max(x for _, x, _ in shown)
    plot = plot_in(canvas, (52, 30, width - 12, 254), (0, high * 1.05), _range([y for _, _, y in shown]))
    plot.y_axis("last accuracy on the validation split")
    plot.x_axis(what, 6 if width > 400 else 3)
    for at, x, y in sorted(shown, key=lambda one: -rank.get(one[0], RANKS)):
        style = f"trial-dot rank-{rank[at]}" if at in rank else "trial-dot ended"
        canvas.circle(plot.x(x), plot.y(y), 4.5, style, _tip(table, at))
    return canvas


def _described(table: Table, axes: list[Axis]) -> str:
    best = table.best(1)
    names = ", ".join(axis.label for axis in axes)
    if not best:
        return names
    return f"{names}. Best: {best[0].mean:.6g} at {in_words(best[0].values)}."


def _tip(table: Table, at: int) -> str:
    trial = table.rows[at].trial
    value = (
        f"{trial.value:.6g} {table.experiment.objective.unit}" if trial.value is not None else trial.status
    )
    return f"trial {trial.number}: {value.removesuffix(' 1')}; {in_words(trial.values)}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    pad = (high - low) * PAD or abs(high) * PAD or 1.0
    return low - pad, high + pad


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within the range; powers alone where that would be many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 2 else (1, 3) if len(powers) == 3 else (1,)
    return [f * 10.0**p for p in powers for f in factors if low * 0.999 <= f * 10.0**p <= high * 1.001]
