"""All runs of a table on one axis from zero: a row per entry, with its score, interval and reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.leaderboard.model import Entry, Table
from harness.report.drawing.labels import SYNTHETIC
from harness.report.drawing.rates import rate_chart
from harness.report.drawing.svg import COLOURS, Canvas, Plot, Scale, clipped, plot_in, stacked, text_width
from harness.report.drawing.text import seconds_text
from harness.report.rates import machines

MAX_ROWS = 30
MAX_POINTS = 60  # of the scatter
ROW = 46  # pixels: a line of text and a strip below it
MARK = 10.5  # pixels across a mark of a run, with its outline
STACK = 120.0  # pixels that stacked marks take at most


@dataclass(frozen=True)
class Strip:
    """One row: its name, its runs (value, left out), and what is drawn over them."""

    name: str
    said: str  # at the right end of the name's line
    runs: Sequence[tuple[float, str]]
    score: float | None = None
    mean: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Strips:
    """A chart of strips; `lines` are values that all rows share: (value, name, class)."""

    title: str
    axis: str
    rows: Sequence[Strip]
    lines: Sequence[tuple[float, str, str]] = field(default_factory=tuple)
    write: Callable[[float], str] = seconds_text


def time_strips(table: Table, width: int) -> Canvas:
    """Time-to-train of every run of the first entries, the score and its interval."""
    rows = []
    for entry in table.entries[:MAX_ROWS]:
        interval = (
            (entry.low_s, entry.high_s) if entry.low_s is not None and entry.high_s is not None else None
        )
        rows.append(
            Strip(
                f"{entry.system}, {entry.org}",
                seconds_text(entry.time_to_train_s),
                [
                    (t, why)
                    for t, why in zip(entry.run_times_s, entry.run_dropped, strict=True)
                    if t is not None
                ],
                entry.time_to_train_s,
                entry.mean_s if entry.factor != 1 else None,
                interval,
            )
        )
    return draw(Strips("Time-to-train of every run", "seconds", rows), width)


def time_caption(table: Table) -> str:
    """What the marks of time_strips mean, those that are drawn; and that nobody verified the results."""
    rows = table.entries[:MAX_ROWS]
    first = f" of the first {MAX_ROWS} entries" if len(table.entries) > MAX_ROWS else ""
    hollow = any(
        why and t is not None
        for entry in rows
        for t, why in zip(entry.run_times_s, entry.run_dropped, strict=True)
    )
    lines = ["short line: the score"]
    if any(entry.factor != 1 and entry.mean_s is not None for entry in rows):
        lines.append("dashed: the mean before the factor")
    if any(entry.low_s is not None and entry.high_s is not None for entry in rows):
        lines.append("band: 95 % interval")
    listed = "; ".join(lines)
    synthetic = ", SYNTHETIC data" if table.data_kind == SYNTHETIC else ""
    return (
        f"Every run{first}{'; hollow: left out of the mean' if hollow else ''}. "
        f"{listed[:1].upper()}{listed[1:]}. Unofficial, unverified{synthetic}."
    )


def epoch_strips(table: Table, width: int) -> Canvas | None:
    """Epochs of every run beside the reference's; None where no run says how many."""
    rows = []
    for entry in table.entries[:MAX_ROWS]:
        pairs = zip(entry.run_epochs, entry.run_times_s, entry.run_dropped, strict=True)
        runs = [(float(e), why) for e, time, why in pairs if e is not None and time is not None]
        said = f"{entry.mean_epochs:.4g} on average" if entry.mean_epochs is not None else ""
        rows.append(Strip(f"{entry.system}, {entry.org}", said, runs, entry.mean_epochs))
    known = next((e for e in table.entries if e.reference_epochs is not None), None)
    lines = _reference(known) if known and _one_reference(table.entries) else []
    if not any(row.runs for row in rows):
        return None
    strips = Strips("Epochs of every run", "epochs to the target", rows, lines, lambda v: f"{v:g} epochs")
    return draw(strips, width)


def epoch_caption(table: Table) -> str:
    """What the marks of epoch_strips mean: the reference's lines bound means, not single runs."""
    said = "Epochs of the same runs; short line: their mean without the fewest and the most."
    if _one_reference(table.entries) and any(e.least_epochs is not None for e in table.entries):
        said += " Dashed: the least that chance explains of such a mean; single runs may need fewer."
    return said


def _one_reference(entries: Sequence[Entry]) -> bool:
    return len({e.reference_epochs for e in entries if e.reference_epochs is not None}) == 1


def _reference(entry: Entry) -> list[tuple[float, str, str]]:
    lines = [(entry.reference_epochs or 0.0, f"reference {entry.reference_epochs:.4g}", "reference-line")]
    if entry.least_epochs is not None:
        lines.append((entry.least_epochs, f"least by chance {entry.least_epochs:.4g}", "mean-line"))
    return sorted(lines)


@dataclass(frozen=True)
class _Row:
    """Where a strip stands (pixels): the line of its name, the middle of its marks, half of what they take up."""

    strip: Strip
    top: float
    middle: float
    reach: float
    marks: Sequence[float]  # how far below the middle each mark is


def _placed(rows: Sequence[Strip], x: Scale, top: float) -> list[_Row]:
    found = []
    for row in rows:
        places = stacked([x(value) for value, _ in row.runs], MARK)
        most = max(places, default=0.0)
        step = min(MARK, STACK / (2 * most)) if most else 0.0
        reach = most * step
        found.append(_Row(row, top, top + 31 + reach, reach, [place * step for place in places]))
        top += ROW + 2 * reach
    return found


def draw(strips: Strips, width: int) -> Canvas:
    """The chart. Names stand above their strips and lines have a legend, so that nothing overlaps.

    Runs with equal or nearly equal values are stacked, so that each is seen.
    """
    values = [v for row in strips.rows for v, _ in row.runs] + [v for v, _, _ in strips.lines]
    values += [v for row in strips.rows for v in (row.score, row.interval[1] if row.interval else None) if v]
    top = 20.0 * len(strips.lines) + 6
    across = (0.0, max(values, default=1.0) * 1.02)
    rows = _placed(strips.rows, Scale(*across, 10, width - 14), top)
    height = round(top + sum(ROW + 2 * row.reach for row in rows) + 46)
    told = "; ".join(f"{row.name}: {', '.join(strips.write(v) for v, _ in row.runs)}" for row in strips.rows)
    canvas = Canvas(width, height, strips.title, told[:2000])
    plot = plot_in(canvas, (10, top, width - 14, height - 46), across, (0, 1))
    for place, (value, name, style) in enumerate(strips.lines):
        y = 14 + 20 * place
        canvas.line(0, y - 4, 24, y - 4, style)
        canvas.text(30, y, clipped(name, width - 34), "label strong")
        for row in rows:  # in the strips alone, so that no name is crossed
            ends = row.middle - row.reach - 9, row.middle + row.reach + 11
            canvas.line(plot.x(value), ends[0], plot.x(value), ends[1], style)
    for row in rows:
        _strip(plot, row, strips.write, width)
    plot.x_axis(strips.axis, 8 if width > 400 else 4)
    return canvas


def _strip(plot: Plot, placed: _Row, write: Callable[[float], str], width: int) -> None:
    row, top, y = placed.strip, placed.top, placed.middle
    canvas, half = plot.canvas, 9 + placed.reach
    canvas.text(0, top + 15, clipped(row.name, width - text_width(row.said) - 14), "label strong")
    canvas.text(width, top + 15, row.said, "label", "end")
    canvas.line(plot.left, y, plot.right, y, "grid")
    if row.interval is not None:
        low, high = (plot.x(v) for v in row.interval)
        tip = f"95 % interval of the score of {row.name}"
        canvas.rect(low, y - half, high - low, 2 * half, "interval", tip)
    marks = [
        (*one, number, y + down)
        for number, (one, down) in enumerate(zip(row.runs, placed.marks, strict=True))
    ]
    for value, why, number, at in sorted(marks, key=lambda mark: not mark[1]):  # solid over hollow
        tip = f"run {number}: {write(value)}" + (f", left out: {why}" if why else "")
        canvas.circle(plot.x(value), at, 4.5, "dot hollow" if why else "dot", tip)
    if row.mean is not None:
        canvas.line(plot.x(row.mean), y - half, plot.x(row.mean), y + half, "mean-line")
    if row.score is not None:
        canvas.line(plot.x(row.score), y - half - 2, plot.x(row.score), y + half + 2, "bar-interval")


def rate_strips(table: Table, width: int) -> Canvas | None:
    """Rates of training beside known machines, on a logarithmic axis; None where none is known."""
    rows = [(f"{entry.system}, {entry.org}", rate) for entry, rate in rates(table)]
    lines = [(machine.name, machine.flop_per_s / 1e12) for machine in machines()]
    return rate_chart(rows, lines, "TFLOP/s", width)


def rates(table: Table) -> list[tuple[Entry, float]]:
    """The entries that are drawn with a rate of training, and the rate (TFLOP/s)."""
    return [
        (entry, entry.train_flop_per_s / 1e12)
        for entry in table.entries[:MAX_ROWS]
        if entry.train_flop_per_s is not None
    ]


def energy_scatter(table: Table, width: int) -> Canvas | None:
    """Energy over time of entries whose energy has one scope and method; None for fewer than two."""
    entries = with_energy(table)
    if len(entries) < 2:
        return None
    label = f"energy per run (J), {entries[0].energy_scope}, {entries[0].energy_method}"
    return _scatter(entries, label, width)


def with_energy(table: Table) -> list[Entry]:
    """The entries whose energy has the scope and method that most have."""
    kinds: dict[tuple[str, str], list[Entry]] = {}
    for entry in table.entries:
        if entry.energy_j is not None and entry.time_to_train_s is not None:
            kinds.setdefault((entry.energy_scope, entry.energy_method), []).append(entry)
    return max(kinds.values(), key=len, default=[])[:MAX_POINTS]


def _scatter(entries: Sequence[Entry], label: str, width: int) -> Canvas:
    points = [(e.time_to_train_s or 0.0, e.energy_j or 0.0) for e in entries]
    canvas = Canvas(width, 0, "Energy over time-to-train", f"{len(points)} entries; both axes begin at zero.")
    few = len(entries) <= 12
    names = (
        [(i, clipped(f"{e.system}, {e.org}", width - 60), "") for i, e in enumerate(entries)] if few else []
    )
    top = (canvas.keys(names, 6, 4, width) if names else 8) + 30
    canvas.height = round(top + 230 + 46)
    box = (70, top, width - 12, canvas.height - 46)
    plot = plot_in(
        canvas, box, (0.0, max(x for x, _ in points) * 1.06), (0.0, max(y for _, y in points) * 1.06 or 1.0)
    )
    plot.y_axis(clipped(label, width))
    plot.x_axis("score (s)", 8 if width > 400 else 4)
    for number, (entry, (x, y)) in enumerate(zip(entries, points, strict=True)):
        tip = f"{entry.system} by {entry.org}: {x:.2f} s, {y:.4g} J"
        canvas.mark(plot.x(x), plot.y(y), number % COLOURS if not few else number, "", tip)
    return canvas
