"""The runs and their spread."""

from __future__ import annotations

from harness.report.curves import curve, logged, phases
from harness.report.drawing.charts import both
from harness.report.drawing.text import clean, finite, whole
from harness.report.material import Material
from harness.report.model import Report
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.runs.chart import run_times, run_times_caption
from harness.report.panels.runs.model import RunCard
from harness.score.model import RunScore
from rules.model.run_facts import RunFacts


def run_card(run: RunFacts, scored: RunScore | None) -> RunCard:
    """One run as its log, its record and the score state it."""
    record = run.record
    return RunCard(
        index=run.index,
        seed=clean(logged(run, "seed"), 40),
        status=clean(run.status or (record.status if record else None), 40) or "no run_stop",
        reason=clean(record.reason) if record else "",
        epochs=scored.epochs if scored else None,
        time_to_train_s=finite(scored.time_to_train_s) if scored else None,
        accuracy=finite(scored.accuracy) if scored else None,
        dropped=clean(scored.dropped, 40) if scored else "",
        peak_rss_bytes=whole(record.peak_rss_bytes) if record else None,
        host=clean(record.host, 120) if record else "",
        curve=curve(run),
        phases=phases(run),
        problems=[clean(problem) for problem in run.problems[:20]],
    )


def _build(material: Material) -> Built:
    return Built({"runs": [run_card(run, material.score_of(run)) for run in material.runs]})


def _view(report: Report) -> dict[str, object]:
    # a result that does not count gets no line in the chart
    score = report.score if report.verdict.verdict == "compliant" else None
    return {
        "times": both(lambda width: run_times(report.runs, score, width)),
        "times_caption": run_times_caption(report.runs, score),
    }


PANEL = ReportPanel(
    anchor="runs",
    title="Runs and their spread",
    link="Runs",
    order=20,
    build=_build,
    view=_view,
    about="Each run starts from another seed; how far they lie apart is how sure the score is.",
)
