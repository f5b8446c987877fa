"""The charts of an experiment as files of their own, with the numbers behind each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.experiment import charts
from harness.experiment.importance import Importance
from harness.experiment.table import Row, Table
from harness.report.downloads import Chart, Source
from harness.report.drawing.charts import WIDE
from harness.report.drawing.labels import SYNTHETIC

STYLE = Path(__file__).resolve().parent / "templates" / "experiment.css"
SLICE = 370  # pixels: several stand side by side


def source_of(table: Table, synthetic: bool | None) -> Source:
    """What the files of the charts say about themselves; `synthetic` is None where no trial says."""
    return Source(
        f"Trials of experiment {table.experiment.name}, {table.header.ruleset}: not submissions",
        SYNTHETIC if synthetic else "",
        bool(synthetic),
        {"experiment": table.experiment.name},
        styles=(STYLE,),
    )


def slice_id(table: Table, name: str) -> str:
    """The name of the chart of one searched field, of small letters, digits and dashes."""
    word = re.sub(r"[^a-z0-9]+", "-", name.rpartition(".")[2].lower()).strip("-")
    return f"slice-{list(table.experiment.search.space).index(name)}-{word}"


def chart_list(table: Table, found: Sequence[Importance], target: float | None) -> Iterator[Chart]:
    """Every chart of the page that could be drawn."""
    names, value = list(table.experiment.search.space), table.experiment.objective.words.replace(" ", "_")
    known = [row for row in table.rows if row.trial.value is not None]
    rows = [(*_who(row), *(row.trial.values[n] for n in names), row.trial.value) for row in known]
    yield Chart("parallel", charts.parallel(table, WIDE), ("folder", "trial", *names, value), rows)
    for name in names:
        pairs = [(*_who(row), row.trial.values[name], row.trial.value) for row in known]
        drawn = charts.slices(table, name, SLICE)
        yield Chart(slice_id(table, name), drawn, ("folder", "trial", name, value), pairs)
    shares = [(one.name, one.share, one.note) for one in found]
    yield Chart(
        "importance", charts.importance_bars(list(found), WIDE), ("field", "importance", "note"), shares
    )
    curves = [(*_who(row), e.epoch, e.accuracy) for row in table.rows for e in row.trial.curve]
    columns: tuple[str, ...] = ("folder", "trial", "epoch", "accuracy")
    yield Chart("learning", charts.curves(table, target, WIDE), columns, curves)
    unit, spent = charts.costs(table)
    costs = [(*_who(table.rows[at]), cost, accuracy) for at, cost, accuracy in spent]
    columns = ("folder", "trial", "energy_j" if unit == "J" else "seconds", "accuracy")
    yield Chart("cost", charts.cost_quality(table, WIDE), columns, costs)


def _who(row: Row) -> tuple[int, int]:
    return row.place, row.trial.number
