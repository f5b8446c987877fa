"""The report: what a package holds and what was said about it, for people to read."""

from __future__ import annotations

from harness.report.page import build_report

__all__ = ["build_report"]
