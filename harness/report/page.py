"""The report of one package: a folder with index.html, data.json and the pictures it shows."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.report import charts
from harness.report.data import ReportContent, report_data
from harness.report.energy import headline
from harness.report.identity import UNDETECTABLE
from harness.report.maps import scene_map
from harness.report.model import Report, TimelineCard
from harness.report.site import TEMPLATES, data_block, render, write_folder
from harness.report.text import NOT_MEASURED, energy
from harness.report.timeline_chart import timeline
from harness.score.model import Score
from rules.model.findings import Verdict
from rules.model.package import Package

INDEX = "index.html"
DATA = "data.json"
_PICTURE = re.compile(r"scene-\d{2,}-[a-z-]+\.png")
CONTENTS = {
    "standing": "Official or not",
    "runs": "Runs",
    "learning": "Learning",
    "machine": "Machine",
    "energy": "Energy",
    "science": "Science",
    "gallery": "Scenes",
    "system": "System",
    "rules": "Rules",
    "reproduce": "Reproduce",
}


def build_report(
    package: Package, verdict: Verdict, score: Score, out_dir: Path, now: datetime | float
) -> Path:
    """Write the report of a package into out_dir and return the path of its index.html.

    The same package and `now` give the same bytes. Raises UserError when out_dir cannot be written.
    """
    return write_report(report_data(package, verdict, score, now), out_dir, now)


def write_report(
    content: ReportContent, out_dir: Path, now: datetime | float, home: str = "", durable: bool = True
) -> Path:
    """The page, the data and the pictures of a report; returns the path of index.html.

    `home` is the leaderboard's index.html as seen from the page, when the report is part of one.
    """
    files: dict[str, str | bytes] = {
        INDEX: report_page(content.report, now, home),
        DATA: data_json(content.report),
        **content.files,
    }
    return write_folder(out_dir, files, INDEX, _PICTURE, durable)


def data_json(report: Report) -> str:
    """data.json: ASCII only, so that no string in it can disturb a terminal or an editor."""
    return json.dumps(json.loads(report.model_dump_json(by_alias=True)), indent=1) + "\n"


def report_schema() -> str:
    """JSON Schema of data.json, as text."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"


def report_page(report: Report, now: datetime | float, home: str = "") -> str:
    """index.html as text."""
    return render(
        "report.html",
        now,
        files=(TEMPLATES / "chart.js",),
        home=home,
        timeline_data=_timeline_data(report.timeline),
        r=report,
        charts=_charts(report),
        contents=list(CONTENTS.items()),
        energy_headline=energy_headline(report),
        accelerators=accelerators(report),
        curve_rows=[(run.index, epoch) for run in report.runs for epoch in run.curve],
        group_metrics=_group_metrics(report),
        undetectable=UNDETECTABLE,
    )


def _charts(report: Report) -> dict[str, Markup]:
    runs, science, line = report.runs, report.science, report.timeline
    target = report.score.target
    score = report.score.time_to_train_s if report.verdict.verdict == "compliant" else None
    accuracy, loss = "Evaluation accuracy by epoch", "Training loss by epoch"
    return {
        "runs": charts.both(lambda w: charts.run_times(runs, score, w)),
        "accuracy": charts.both(
            lambda w: charts.learning_curves(runs, lambda e: e.eval_accuracy, accuracy, "accuracy", w, target)
        ),
        "loss": charts.both(lambda w: charts.learning_curves(runs, lambda e: e.train_loss, loss, "loss", w)),
        "throughput": charts.both(
            lambda w: charts.learning_curves(
                runs, lambda e: e.patches_per_s, "Training throughput by epoch", "patches/s", w
            )
        ),
        "energy": charts.both(lambda w: charts.energy_bars(report.energy, w)),
        "map": charts.both(lambda w: scene_map(science, w)),
        "timeline": charts.both(lambda w: timeline(line, w) if line else None),
        "calibration": charts.both(lambda w: charts.calibration(science, w)),
        "precision_recall": charts.both(lambda w: charts.precision_recall(science, w)),
        "groups": charts.both(lambda w: charts.group_dots(science, w)),
    }


def _timeline_data(card: TimelineCard | None) -> Markup | None:
    """What the page's script draws the timeline from."""
    return data_block(card.model_dump(exclude={"quantities", "sampling", "notes"})) if card else None


def energy_headline(report: Report) -> tuple[str, str]:
    """One energy with its scope, or that none was measured."""
    first = headline(report.energy)
    return (energy(first.joules), f"per run, scope: {first.scope}") if first else (NOT_MEASURED, "")


def accelerators(report: Report) -> str:
    who = report.identity
    if who.accelerators is None:
        return "not stated"
    if who.accelerators == 0:
        return "none"
    return f"{who.accelerators} × {who.accelerator}" if who.accelerator else str(who.accelerators)


def _group_metrics(report: Report) -> list[str]:
    """Metrics that at least one group has, in the usual order."""
    order: dict[str, Any] = {name: None for group in report.science.groups for name in group.metrics}
    return list(order)[:6]
