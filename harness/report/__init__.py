"""The report of a package: an HTML page, and the same content as data."""

from __future__ import annotations

from harness.report.page import build_report

__all__ = ["build_report"]
