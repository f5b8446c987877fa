"""The result beside simple methods."""

from __future__ import annotations

from harness.report.drawing.text import finite
from harness.report.material import Material
from harness.report.panels.baselines.builder import card
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.science.builder import accuracies
from harness.report.panels.science.sureness import read_counts
from rules.model.layout import BENCHMARK


def _build(material: Material) -> Built:
    if material.dataset is None or material.identity.benchmark != BENCHMARK:
        return Built({"baselines": None})
    scored = [material.score_of(run) for run in material.runs]
    ended = [finite(one.accuracy) for one in scored if one is not None]
    tested, counts = accuracies(material.runs), list(read_counts(material.runs).runs.values())
    return Built({"baselines": card(material.dataset.digest, ended, tested, counts)})


PANEL = ReportPanel(
    anchor="baselines",
    title="Beside simple methods",
    link="Simple methods",
    order=62,
    build=_build,
    about="What is reached on the same scenes without a network.",
)
