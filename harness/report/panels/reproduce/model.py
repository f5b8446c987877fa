"""Commands to reproduce a result, as data."""

from __future__ import annotations

from harness.report.part import Part


class Command(Part):
    """A shell command, and what it is good for."""

    purpose: str
    command: str
