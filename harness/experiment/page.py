"""The report of an experiment: one page that works offline, with table.csv and table.json beside it."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness.experiment import charts
from harness.experiment.downloads import SLICE, chart_list, slice_id, source_of
from harness.experiment.importance import importances
from harness.experiment.model import Between, short
from harness.experiment.record import WORDS
from harness.experiment.space import points
from harness.experiment.table import Table, table_csv, table_json
from harness.report.downloads import PATTERN, chart_files
from harness.report.drawing.charts import both
from harness.report.drawing.text import clean
from harness.report.site import render, unverified, write_folder
from reference.protocol.dataset import Dataset

TEMPLATES = Path(__file__).resolve().parent / "templates"
INDEX, CSV, JSON = "index.html", "table.csv", "table.json"
MAX_ROWS = 1000
NOTES = (
    (
        "Trials are runs of the open division, made to find settings. They are not submissions, and nothing here is an "
        "MLPerf result."
    ),
    (
        "The best of many trials is better than its settings deserve: part of its value is luck. A submission is "
        "made of new runs, and states how many trials led to it."
    ),
    (
        "Times of trials that ran at the same time on one machine are longer than those of a machine of their own; "
        "the table says how many did."
    ),
)


def build_page(table: Table, folder: Path, now: datetime | float, synthetic: bool | None = None) -> Path:
    """Write page and tables; returns the path of index.html. Raises UserError when they cannot be written.

    The same table and `now` give the same bytes.
    """
    found = importances(table.experiment, [row.trial for row in table.rows])
    files: dict[str, str | bytes] = {
        INDEX: page(table, now, synthetic),
        CSV: table_csv(table),
        JSON: table_json(table),
        **chart_files(source_of(table, synthetic), chart_list(table, found, _target(table))),
    }
    return write_folder(folder, files, INDEX, re.compile(PATTERN))


def page(table: Table, now: datetime | float, synthetic: bool | None = None) -> str:
    """index.html as text."""
    said = table.experiment
    trials = [row.trial for row in table.rows]
    target = _target(table)
    return render(
        "experiment.html",
        now,
        extra=(TEMPLATES,),
        files=(TEMPLATES / "experiment.css",),
        running=(f"Experiment {clean(said.name, 60)}", unverified(bool(synthetic))),
        notes_below=NOTES,
        table=table,
        said=said,
        most=points(said) * said.repeats,
        counts=[(WORDS[status], count) for status, count in table.counts().items()],
        synthetic=synthetic,
        profile=clean(table.header.recipe["data"]["profile"], 80),
        best=table.best(1),
        ranking=table.best(MAX_ROWS),
        space=[(name, _described(dimension)) for name, dimension in said.search.space.items()],
        rows=[(row.place, row.trial) for row in table.rows[:MAX_ROWS]],
        names=list(said.search.space),
        hosts=_machines(table),
        parallel=both(lambda width: charts.parallel(table, width)),
        slices=[
            (name, slice_id(table, name), both(partial(charts.slices, table, name), SLICE))
            for name in said.search.space
        ],
        before=source_of(table, synthetic).prefix,
        importance=(found := importances(said, trials)),
        bars=both(lambda width: charts.importance_bars(found, width)),
        curves=both(lambda width: charts.curves(table, target, width)),
        cost=both(lambda width: charts.cost_quality(table, width)),
        words=WORDS,
        short=short,
    )


def _target(table: Table) -> float | None:
    """The accuracy at which trials end; None where they are judged by the accuracy itself."""
    if table.experiment.objective.larger:
        return None
    return float(table.header.recipe["hyperparameters"]["target_accuracy"])


def is_synthetic(places: list[Path]) -> bool | None:
    """Whether the data set of a trial in these folders is synthetic; None where no trial says."""
    from harness.untrusted.documents import Unreadable, read_dataset

    for place in places:
        for path in sorted((place / "trials").glob("*/evidence/*/*/*/dataset.json"))[:1]:
            try:
                found: Dataset = read_dataset(path)
            except Unreadable:
                continue
            return found.synthetic
    return None


def _machines(table: Table) -> list[dict[str, Any]]:
    """Per gathered folder: system, hosts, trials, the most at a time."""
    found = []
    for number in range(len(table.places)):
        trials = [row.trial for row in table.rows if row.place == number]
        found.append(
            {
                "place": number,
                "systems": ", ".join(sorted({clean(t.system, 80) for t in trials})),
                "hosts": ", ".join(sorted({clean(t.host, 80) for t in trials if t.host})),
                "trials": len(trials),
                "at_once": max((t.at_once for t in trials), default=1),
                "seconds": sum(t.duration_s or 0.0 for t in trials),
            }
        )
    return found


def _described(dimension: object) -> str:
    if isinstance(dimension, Between):
        return f"{dimension.low} to {dimension.high}" + (
            ", evenly on a logarithmic scale" if dimension.log else ""
        )
    return ", ".join(map(str, dimension)) if isinstance(dimension, list) else ""
