"""The page of one system: what it is, what is installed on it, and its result."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from harness.leaderboard.model import Entry
from harness.leaderboard.pages import page
from harness.report.model import Report
from harness.report.panels.system.panel import UNDETECTABLE
from harness.report.site import unverified, write_plain

SYSTEMS = "system"  # not "systems": the site must not look like a package


def write_system_page(report: Report, entry: Entry, path: Path, now: datetime | float) -> None:
    """Write the page of the system that an entry was measured on."""
    made = report.dataset is not None and report.dataset.synthetic
    running = (f"{report.identity.system[:50]} by {report.identity.org[:30]}: system", unverified(made))
    values: dict[str, Any] = {"r": report, "e": entry, "undetectable": UNDETECTABLE, "current": ""}
    write_plain(path, page("system.html", now, "../../", running=running, **values))
