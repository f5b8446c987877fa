"""What stands behind each claim of the result: a consistent package proves nothing by itself."""

from __future__ import annotations

from harness.check.claims import what_stands
from harness.report.material import Material
from harness.report.panels.claims.model import ClaimCard
from harness.report.panels.registry import Built, ReportPanel


def _build(material: Material) -> Built:
    found = what_stands(material.verdict)
    cards = [
        ClaimCard(claim=claim.value, standing=standing.value, by=by, rules=rules)
        for claim, standing, by, rules in found
    ]
    return Built({"claims": cards})


PANEL = ReportPanel(
    anchor="claims",
    title="What stands behind the result",
    link="What stands behind it",
    order=15,
    build=_build,
    about="What was computed again, what others attest, and what is the submitter's word.",
)
