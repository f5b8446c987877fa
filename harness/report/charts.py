"""The charts of a report that have files of their own, with the numbers behind each."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.downloads import Chart, ReferenceRow
from harness.report.drawing.charts import SMALL, WIDE
from harness.report.model import Report
from harness.report.panels.energy.chart import energy_bars
from harness.report.panels.learning.chart import learning_curves
from harness.report.panels.learning.panel import wanted_curves
from harness.report.panels.pace.panel import pace_chart
from harness.report.panels.runs.chart import run_times
from harness.report.panels.science import chart as science
from harness.report.panels.science.panel import of_shown, operating_point
from harness.report.rates import machines, training_rate


def charts(report: Report) -> Iterator[Chart]:
    """Every chart but the timeline, which has its readings in data.json."""
    score = report.score if report.verdict.verdict == "compliant" else None
    runs = [(run.index, run.time_to_train_s, run.epochs, run.dropped) for run in report.runs]
    yield Chart(
        "runs", run_times(report.runs, score, WIDE), ("run", "time_to_train_s", "epochs", "left_out"), runs
    )
    rates = [(report.identity.system, training_rate(report))]
    known = [ReferenceRow((machine.name, machine.flop_per_s), machine.data) for machine in machines()]
    yield Chart("pace", pace_chart(report, WIDE), ("machine", "flop_per_s"), rates, known)
    for id, curves in wanted_curves(report).items():
        points = [(run.index, e.epoch, e.at_s, curves.value(e)) for run in report.runs for e in run.curve]
        drawn = learning_curves(report.runs, curves, WIDE)
        yield Chart(id, drawn, ("run", "epoch", "seconds", curves.label.replace(" ", "_")), points)
    energy = [(e.scope, e.source, e.method, e.joules, e.runs) for e in report.energy.summary]
    columns = ("scope", "source", "method", "energy_j", "runs")
    yield Chart("energy", energy_bars(report.energy, WIDE), columns, energy)
    card = report.science
    bins = [(b.low, b.high, b.count, b.mean_probability, b.cloud_fraction) for b in card.calibration]
    columns = ("low", "high", "pixels", "mean_probability", "cloud_fraction")
    yield Chart("calibration", science.calibration(card, SMALL), columns, bins)
    drawn = science.precision_recall(card, SMALL, operating_point(report))
    yield Chart("precision-recall", drawn, ("recall", "precision"), card.precision_recall)
    groups = [(card.run, g.group, g.name, g.count, g.metrics.get("accuracy")) for g in card.groups]
    drawn = science.group_dots(card, WIDE, of_shown(report, "accuracy"))
    yield Chart("groups", drawn, ("run", "grouped_by", "group", "size", "accuracy"), groups)
