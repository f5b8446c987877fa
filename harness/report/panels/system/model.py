"""The system description, as data."""

from __future__ import annotations

from typing import Literal

from harness.report.part import Part


class SystemField(Part):
    """One field of the system description: declared beside detected."""

    name: str
    label: str
    declared: str
    detected: str
    provenance: str
    state: Literal["same", "different", "only_declared", "only_detected", "absent"]
