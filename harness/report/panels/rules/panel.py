"""Every rule and its outcome, of what the verdict puts into data.json."""

from __future__ import annotations

from harness.report.panels.registry import ReportPanel

PANEL = ReportPanel(
    anchor="rules",
    title="Every rule",
    link="Rules",
    order=90,
    about="What was demanded, and what came of it.",
)
