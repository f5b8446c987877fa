"""What the machine did during one run."""

from __future__ import annotations

from harness.report.drawing.charts import both
from harness.report.material import Material
from harness.report.model import Report
from harness.report.panels.machine.builder import missing_reason, timeline_card
from harness.report.panels.machine.chart import styles, timeline
from harness.report.panels.machine.model import TimelineCard
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
        "timeline_data": data_block(_for_script(card)),
    }


def _for_script(card: TimelineCard) -> dict[str, object]:
    """The timeline with times that series share written once (`at` is their place in `times`), in few digits."""
    times: dict[tuple[float, ...], int] = {}
    panels, style = [], styles(card)
    for panel in card.panels:
        series = []
        for one in panel.series:
            at = times.setdefault(tuple(_short(round(t, 2)) for t, _ in one.points), len(times))
            values = [_short(_figures(value)) for _, value in one.points]
            series.append({"label": one.label, "style": style[one.label], "at": at, "values": values})
        panels.append({**panel.model_dump(exclude={"series"}), "series": series})
    said = card.model_dump(include={"run", "start_s", "stop_s", "clock_stop_s"})
    said = {name: value if value is None else _short(round(value, 3)) for name, value in said.items()}
    phases = [[p.kind, _short(round(p.start_s, 3)), _short(round(p.stop_s, 3))] for p in card.phases]
    return {**said, "phases": phases, "times": list(times), "panels": panels}


def _figures(value: float) -> float:
    """As many figures as the page shows of a reading."""
    return float(f"{value:.{4 if abs(value) >= 1000 else 3}g}")


def _short(value: float) -> float:
    """A whole number as such, so that it is written without a point."""
    return int(value) if value == int(value) else value


PANEL = ReportPanel(
    anchor="machine",
    title="What the machine did",
    link="Machine",
    order=40,
    build=_build,
    view=_view,
    about="Use of processors, memory, disk and power while one run trained.",
)
