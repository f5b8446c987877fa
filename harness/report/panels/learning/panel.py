"""Learning curves, of what the runs panel puts into data.json."""

from __future__ import annotations

from markupsafe import Markup

from harness.report.drawing.charts import both, once
from harness.report.model import Report
from harness.report.panels.baselines.builder import NO_LEARNING
from harness.report.panels.learning.chart import Curves, learning_curves
from harness.report.panels.registry import ReportPanel
from rules.model.layout import BENCHMARK

SECONDARY = ("loss", "throughput")  # small, side by side


def wanted_curves(report: Report) -> dict[str, Curves]:
    """What is drawn over the epochs of the runs, by the end of its chart's name."""
    quality = "accuracy" if report.identity.benchmark == BENCHMARK else "quality"
    target = report.score.target
    known = report.baselines.methods if report.baselines else []
    levels = tuple(
        (m.title, m.validation) for m in known if m.validation is not None and m.name != NO_LEARNING
    )
    return {
        "learning-seconds": Curves(
            f"Evaluation {quality} over time",
            quality,
            lambda e: e.eval_accuracy,
            "seconds",
            target,
            levels=levels,
        ),
        "learning-epochs": Curves(
            f"Evaluation {quality} by epoch", quality, lambda e: e.eval_accuracy, target=target, levels=levels
        ),
        "loss": Curves("Training loss by epoch", "training loss", lambda e: e.train_loss),
        "throughput": Curves(
            "Training throughput by epoch", "patches/s", lambda e: e.patches_per_s, from_zero=True
        ),
    }


def _view(report: Report) -> dict[str, object]:
    wanted = wanted_curves(report)
    rows = [(run.index, epoch) for run in report.runs for epoch in run.curve]
    drawn = {name.replace("-", "_"): _drawn(report, name, one) for name, one in wanted.items()}
    return {**drawn, "rows": rows}


def _drawn(report: Report, name: str, wanted: Curves) -> Markup:
    draw = once if name in SECONDARY else both
    return draw(lambda width: learning_curves(report.runs, wanted, width))


PANEL = ReportPanel(
    anchor="learning",
    title="Learning curves",
    link="Learning",
    order=30,
    view=_view,
    about="How the accuracy of each run rises to the target.",
)
