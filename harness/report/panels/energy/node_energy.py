"""Energy to train of whole nodes, by the power rules' formula, beside the result of mlperf_logging's."""

from __future__ import annotations

from harness.report.drawing.text import clean, finite
from harness.report.panels.energy.model import NodeEnergyCard, NodeEnergyRow
from harness.score.model import EnergyScore
from rules.model.run_facts import FileEnergy

MAX_ROWS = 400


def node_energy_card(found: EnergyScore | None) -> NodeEnergyCard | None:
    """The energy of the power files of every run; None when the package has no power files."""
    if found is None:
        return None
    rows = [_row(run.index, file) for run in found.runs for file in run.files]
    return NodeEnergyCard(
        joules=finite(found.joule),
        upstream_joules=finite(found.upstream_joule),
        upstream_difference=finite(found.difference),
        note=clean(found.note),
        rows=rows[:MAX_ROWS],
    )


def _row(run: int, file: FileEnergy) -> NodeEnergyRow:
    name = file.path.rpartition("/")[2]
    return NodeEnergyRow(
        run=run,
        file=clean(name, 60),
        source=clean(file.source or "not stated", 40) if file.node else "declared estimate",
        joules=finite(file.joule),
        upstream_joules=finite(file.upstream_joule),
        readings=file.readings if file.node else None,
        longest_gap_s=finite(file.longest_gap_s),
        efficiency=finite(file.efficiency),
        note=clean(file.note),
    )
