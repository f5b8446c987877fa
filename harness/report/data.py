"""From package, verdict and score to one typed, versioned value with the whole content of a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harness import __version__
from harness.report.drawing.labels import footnotes
from harness.report.drawing.text import clean, timestamp
from harness.report.identity import dataset_card, identity
from harness.report.material import MAX_RUNS, Material, read_telemetry, representative
from harness.report.model import Report
from harness.report.panels.registry import all_panels, report_model
from harness.report.panels.reproduce.panel import replay_command
from harness.report.verdict import planned_ruleset, score_card, verdict_card
from harness.score.model import Score
from harness.untrusted.hdf5_guard import Reader
from rules.model.findings import Verdict
from rules.model.package import Package


@dataclass(frozen=True)
class ReportContent:
    """The data of a report and the pictures it names."""

    report: Report
    files: dict[str, bytes]


def report_data(package: Package, verdict: Verdict, score: Score, now: datetime | float) -> ReportContent:
    """The whole content of a report of this package.

    `now` is written as the time of generation; nothing else depends on the clock. Never raises for
    what a package holds: what cannot be read is noted, what is absent is None.
    """
    notes = [clean(line) for line in package.unreadable]
    if len(package.runs) > MAX_RUNS:
        notes.append(f"{len(package.runs)} runs; the first {MAX_RUNS} are shown")
    material = _material(package, verdict, score, notes)
    built = [panel.build(material) for panel in all_panels()]
    report = report_model()(
        generated=timestamp(now),
        tool=f"cloudmask-harness {__version__}",
        identity=material.identity,
        dataset=material.dataset,
        verdict=verdict_card(
            verdict,
            replay_command(package, material.identity, material.dataset),
            planned_ruleset(package),
        ),
        score=score_card(package, score),
        **{name: value for one in built for name, value in one.fields.items()},
        notes=[*notes, *(note for one in built for note in one.notes)],
        footnotes=list(footnotes(material.identity.benchmark)),
    )
    return ReportContent(report, {name: data for one in built for name, data in one.files.items()})


def _material(package: Package, verdict: Verdict, score: Score, notes: list[str]) -> Material:
    """What the panels are built from; adds what cannot be read to `notes`."""
    runs, reader = package.runs[:MAX_RUNS], Reader()
    return Material(
        package=package,
        verdict=verdict,
        score=score,
        identity=identity(package),
        dataset=dataset_card(package.dataset),
        runs=runs,
        shown=representative(runs, score),
        reader=reader,
        telemetry=read_telemetry(runs, reader, notes),
    )
