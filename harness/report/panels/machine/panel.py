"""What the machine did during one run."""

from __future__ import annotations

from harness.report.drawing.charts import both
from harness.report.material import Material
from harness.report.model import Report
from harness.report.panels.machine.builder import missing_reason, timeline_card
from harness.report.panels.machine.chart import timeline
from harness.report.panels.machine.usage import OTHERS_LIMIT, usage_rows
from harness.report.panels.registry import Built, ReportPanel
from harness.report.site import data_block


def _build(material: Material) -> Built:
    shown = material.shown
    card = timeline_card(shown, material.telemetry[shown.index]) if shown else None
    notes = () if card else (f"No timeline: {missing_reason(material.runs)}.",)
    return Built({"timeline": card, "usage": usage_rows(material.package, material.runs)}, notes=notes)


def _view(report: Report) -> dict[str, object]:
    card = report.timeline
    if card is None:
        return {"others_limit": OTHERS_LIMIT}
    return {
        "others_limit": OTHERS_LIMIT,
        "drawing": both(lambda width: timeline(card, width)),
        # the script of the page draws from it
        "timeline_data": data_block(card.model_dump(exclude={"quantities", "sampling", "notes"})),
    }


PANEL = ReportPanel(
    anchor="machine",
    title="What the machine did",
    link="Machine",
    order=40,
    build=_build,
    view=_view,
    about="Use of processors, memory, disk and power while one run trained.",
)
