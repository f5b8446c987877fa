"""Checking: reading packages and logs, applying the rulebook, stating the verdict."""

from __future__ import annotations

from harness.check.engine import check_plan, combine
from harness.check.formats.json_record import render_json, verdict_record
from harness.check.formats.text import colour_wanted, render_text
from harness.check.package import check_all, check_package, load_package

__all__ = [
    "check_all",
    "check_package",
    "check_plan",
    "colour_wanted",
    "combine",
    "load_package",
    "render_json",
    "render_text",
    "verdict_record",
]
