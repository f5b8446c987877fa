"""What makes a result official, as data."""

from __future__ import annotations

from typing import Literal

from harness.report.part import Part


class StandingPoint(Part):
    """One thing that makes the result official, or keeps it from being so."""

    state: Literal["yes", "no", "unknown"]
    text: str
