"""Is that fast? The rate of training beside that of named machines."""

from __future__ import annotations

from harness.report.drawing.charts import both
from harness.report.drawing.rates import rate_chart
from harness.report.drawing.svg import Canvas
from harness.report.model import Report
from harness.report.panels.registry import ReportPanel
from harness.report.rates import beside, machines, rate_text, training_rate

TERA = 1e12


def pace_chart(report: Report, width: int) -> Canvas | None:
    """The entry's rate, with a line for each machine; None where the rate is not known."""
    rate = training_rate(report)
    if rate is None:
        return None
    lines = [(machine.name, machine.flop_per_s / TERA) for machine in machines()]
    return rate_chart([(report.identity.system, rate / TERA)], lines, "TFLOP/s", width)


def _view(report: Report) -> dict[str, object]:
    rate = training_rate(report)
    if rate is None:
        return {"rate": "", "compared": [], "drawing": "", "machines": machines()}
    return {
        "rate": rate_text(rate),
        "compared": [beside(rate, machine) for machine in machines()],
        "drawing": both(lambda width: pace_chart(report, width)),
        "machines": machines(),
    }


PANEL = ReportPanel(
    anchor="pace",
    title="Is that fast?",
    link="Is it fast?",
    order=25,
    view=_view,
    about="The speed of training beside machines that were measured.",
)
