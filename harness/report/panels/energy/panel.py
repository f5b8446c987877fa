"""Energy by scope, and of whole nodes."""

from __future__ import annotations

from harness.report.drawing.charts import both
from harness.report.material import Material
from harness.report.model import Report
from harness.report.panels.energy.builder import METHODS, energy_card
from harness.report.panels.energy.chart import energy_bars
from harness.report.panels.energy.node_energy import node_energy_card
from harness.report.panels.registry import Built, ReportPanel


def _build(material: Material) -> Built:
    nodes = material.score.energy
    card = energy_card(material.package, material.telemetry, nodes)
    return Built({"energy": card, "node_energy": node_energy_card(nodes)})


def _view(report: Report) -> dict[str, object]:
    bars = both(lambda width: energy_bars(report.energy, width))
    return {"bars": bars, "short": short, "by": [(letter, name) for name, letter in LETTERS.items()]}


LETTERS = dict(zip(METHODS.values(), "abc", strict=True))


def short(note: str) -> str:
    """A note in which a letter stands for the method that a number is compared with; the table explains it."""
    for name, letter in LETTERS.items():
        note = note.replace(f" by {name}", f" by {letter}")
    return note


PANEL = ReportPanel(
    anchor="energy",
    title="Energy",
    link="Energy",
    order=50,
    build=_build,
    view=_view,
    about="What was measured, of which parts, and what was not.",
)
