"""The charts of a table: drawings for the page, and the same as files with the numbers behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from markupsafe import Markup

from harness.leaderboard.history import dated, history
from harness.leaderboard.model import Entry, Table
from harness.leaderboard.strips import (
    MAX_ROWS,
    energy_scatter,
    epoch_strips,
    rate_strips,
    rates,
    time_strips,
    with_energy,
)
from harness.report.downloads import Chart, ReferenceRow, Source, chart_files
from harness.report.drawing.charts import both
from harness.report.drawing.labels import SYNTHETIC
from harness.report.drawing.svg import Canvas
from harness.report.rates import machines

WIDE = 530  # pixels: two stand side by side on a wide page
FOLDER = "charts/"
TERA = 1e12
DRAWN: dict[str, Callable[[Table, int], Canvas | None]] = {
    "times": time_strips,
    "epochs": epoch_strips,
    "rates": rate_strips,
    "history": history,
    "energy": energy_scatter,
}
Rows = Sequence[Sequence[object]]


def drawings(table: Table) -> dict[str, Markup]:
    """Every chart by its name, for the page; empty where there is nothing to draw."""
    return {name: both(partial(draw, table), WIDE) for name, draw in DRAWN.items()}


def address(table: Table) -> str:
    """What stands before the id of a chart in the address of its files, as the index sees it."""
    return FOLDER + _source(table).prefix


def files(table: Table, ruleset: str) -> Iterator[tuple[str, str | bytes]]:
    """Path and content of the files of every chart that could be drawn."""
    known = [ReferenceRow(("", "", m.name, m.flop_per_s / TERA), m.data) for m in machines()]
    charts = [
        Chart(f"{name}-{table.id}", DRAWN[name](table, WIDE), columns, rows, known if name == "rates" else ())
        for name, columns, rows in _numbers(table)
    ]
    for name, content in chart_files(_source(table, ruleset), charts).items():
        yield FOLDER + name, content


def _source(table: Table, ruleset: str = "") -> Source:
    words = (
        f"{table.division_name}, data set {table.data_profile} {table.data_digest[:12]}",
        table.status,
        ruleset,
    )
    return Source(", ".join(filter(None, words)), table.data_kind, table.data_kind == SYNTHETIC)


def _numbers(table: Table) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """Name of each chart, and columns and rows of its numbers."""
    runs = [
        (*_who(entry), run, *one)
        for entry in table.entries[:MAX_ROWS]
        for run, one in enumerate(zip(entry.run_times_s, entry.run_epochs, entry.run_dropped, strict=True))
    ]
    columns = ("system", "organisation", "run", "time_to_train_s", "epochs", "left_out")
    yield "times", columns, runs
    yield "epochs", columns, runs
    measured = [(*_who(entry), entry.system, rate) for entry, rate in rates(table)]
    yield "rates", ("system", "organisation", "machine", "tflop_per_s"), measured
    scores = [(day, *_who(one), score, one.low_s, one.high_s) for day, score, one in dated(table)]
    yield "history", ("day", "system", "organisation", "score_s", "low_s", "high_s"), scores
    energies = [
        (*_who(one), one.time_to_train_s, one.energy_j, one.energy_scope, one.energy_method)
        for one in with_energy(table)
    ]
    yield "energy", ("system", "organisation", "score_s", "energy_j", "scope", "method"), energies


def _who(entry: Entry) -> tuple[str, str]:
    return entry.system, entry.org
