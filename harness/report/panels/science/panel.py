"""Science metrics of the test scenes."""

from __future__ import annotations

from harness.report.drawing.charts import both, once
from harness.report.material import Material
from harness.report.model import Report
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.science import chart
from harness.report.panels.science.builder import read_science, science_card
from harness.report.panels.science.model import ScienceCard
from harness.report.panels.science.sureness import agreed, read_counts
from harness.report.panels.science.unseen import read_generalisation


def _build(material: Material) -> Built:
    runs, made = material.runs, material.dataset is not None and material.dataset.synthetic
    unseen, problem = read_generalisation(material.package.root / material.package.layout.code_dir)
    card = science_card(runs, material.shown, read_science(material.shown), read_counts(runs))
    if not card.metrics:
        return Built({"science": card})
    card.notes.extend([problem] if problem else [])
    agreement, note, files = agreed(runs, material.reader, made)
    return Built(
        {
            "science": card.model_copy(
                update={"agreement": agreement, "agreement_note": note, "generalisation": unseen}
            )
        },
        files=files,
    )


def _view(report: Report) -> dict[str, object]:
    card = report.science
    operating, overall = operating_point(report), of_shown(report, "accuracy")
    return {
        "calibration": once(lambda width: chart.calibration(card, width)),
        "precision_recall": once(lambda width: chart.precision_recall(card, width, operating)),
        "by_group": both(lambda width: chart.group_dots(card, width, overall)),
        "map": both(lambda width: None if synthetic(report) else chart.scene_map(card, width)),
        "group_metrics": _group_metrics(card),
    }


def synthetic(report: Report) -> bool:
    """Whether the scenes were generated: then they lie nowhere on Earth."""
    return report.dataset is not None and report.dataset.synthetic


def operating_point(report: Report) -> tuple[float, float] | None:
    """Recall and precision of the run that is shown at the threshold the masks use; None where not measured."""
    recall, precision = of_shown(report, "recall"), of_shown(report, "precision")
    return None if recall is None or precision is None else (recall, precision)


def of_shown(report: Report, name: str) -> float | None:
    """A metric of the run that is shown, over all test scenes; None where it was not measured."""
    place = next((i for i, run in enumerate(report.runs) if run.index == report.science.run), None)
    per_run = next((m.per_run for m in report.science.metrics if m.name == name), [])
    return per_run[place] if place is not None and place < len(per_run) else None


def _group_metrics(card: ScienceCard) -> list[str]:
    """Metrics that at least one group has, in the usual order."""
    return list(dict.fromkeys(name for group in card.groups for name in group.metrics))[:6]


PANEL = ReportPanel(
    anchor="science",
    title="Science",
    link="Science",
    order=60,
    build=_build,
    view=_view,
    about="How good the mask is on scenes the model has not seen.",
)
