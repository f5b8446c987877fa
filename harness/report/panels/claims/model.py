"""What stands behind a claim, as data."""

from __future__ import annotations

from harness.report.part import Part


class ClaimCard(Part):
    """One thing that a reader takes the result to say, and how far it can be believed."""

    claim: str
    standing: str  # attested, recomputed, asserted only, not covered
    by: str
    rules: list[str]  # that show it; empty where none does
