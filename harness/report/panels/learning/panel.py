"""Learning curves, of what the runs panel puts into data.json."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from harness.report.drawing.charts import both
from harness.report.model import Report
from harness.report.panels.learning.chart import learning_curves
from harness.report.panels.registry import ReportPanel
from harness.report.panels.runs.model import Epoch
from rules.model.layout import BENCHMARK


def _view(report: Report) -> dict[str, object]:
    def curves(
        value: Callable[[Epoch], float | None], title: str, y_label: str, target: float | None = None
    ) -> Markup:
        return both(lambda width: learning_curves(report.runs, value, title, y_label, width, target))

    quality = "accuracy" if report.identity.benchmark == BENCHMARK else "quality"
    return {
        "accuracy": curves(
            lambda e: e.eval_accuracy, f"Evaluation {quality} by epoch", quality, report.score.target
        ),
        "loss": curves(lambda e: e.train_loss, "Training loss by epoch", "loss"),
        "throughput": curves(lambda e: e.patches_per_s, "Training throughput by epoch", "patches/s"),
        "rows": [(run.index, epoch) for run in report.runs for epoch in run.curve],
    }


PANEL = ReportPanel(anchor="learning", title="Learning curves", link="Learning", order=30, view=_view)
