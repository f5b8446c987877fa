"""Science metrics of the test scenes."""

from __future__ import annotations

from harness.report.drawing.charts import both
from harness.report.material import Material
from harness.report.model import Report
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.science import chart
from harness.report.panels.science.builder import read_science, science_card
from harness.report.panels.science.model import ScienceCard


def _build(material: Material) -> Built:
    return Built({"science": science_card(material.runs, material.shown, read_science(material.shown))})


def _view(report: Report) -> dict[str, object]:
    card = report.science
    return {
        "calibration": both(lambda width: chart.calibration(card, width)),
        "precision_recall": both(lambda width: chart.precision_recall(card, width)),
        "by_group": both(lambda width: chart.group_dots(card, width)),
        "map": both(lambda width: chart.scene_map(card, width)),
        "group_metrics": _group_metrics(card),
    }


def _group_metrics(card: ScienceCard) -> list[str]:
    """Metrics that at least one group has, in the usual order."""
    return list(dict.fromkeys(name for group in card.groups for name in group.metrics))[:6]


PANEL = ReportPanel(anchor="science", title="Science", link="Science", order=60, build=_build, view=_view)
