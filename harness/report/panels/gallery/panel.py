"""Test scenes in pictures."""

from __future__ import annotations

from harness.report.material import Material
from harness.report.panels.gallery.builder import read_gallery
from harness.report.panels.registry import Built, ReportPanel
from rules.model.layout import RunFiles


def _build(material: Material) -> Built:
    run = material.shown
    path = RunFiles(run.evidence_dir).gallery if run and run.evidence_dir else None
    made = material.dataset is not None and material.dataset.synthetic
    pictures = read_gallery(path, run.index if run else None, material.reader, made)
    return Built({"gallery": pictures.card}, files=pictures.files)


PANEL = ReportPanel(
    anchor="gallery",
    title="Scenes",
    link="Scenes",
    order=70,
    build=_build,
    about="Predictions of this submission beside the mask.",
)
