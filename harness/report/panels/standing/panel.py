"""What makes the result official, or keeps it from being so."""

from __future__ import annotations

from typing import Any

from harness.report.drawing.labels import OFFICIAL
from harness.report.drawing.text import clean
from harness.report.material import Material
from harness.report.model import DatasetCard, Identity
from harness.report.panels.energy.builder import has_node_power
from harness.report.panels.registry import Built, ReportPanel
from harness.report.panels.standing.model import StandingPoint
from harness.report.verdict import broken_rules
from rules.model.findings import Outcome, Verdict
from rules.model.layout import BENCHMARK
from rules.model.package import Package
from rules.package.released import code_ran as CODE_RAN


def standing(material: Material) -> list[StandingPoint]:
    """What makes the result official, or keeps it from being so; each point stands on its own."""
    return [
        _checked(material.verdict),
        _data(material.dataset),
        _division(material.identity),
        _commit(material.package, material.identity, material.verdict),
        _power(has_node_power(material.package)),
        StandingPoint(
            state="no",
            text="Not reviewed: MLCommons has not verified this result. Every score here is unverified.",
        ),
    ]


def _checked(verdict: Verdict) -> StandingPoint:
    if verdict.verdict == "compliant":
        return StandingPoint(
            state="yes", text=f"The package keeps the rulebook {clean(verdict.ruleset, 60)}."
        )
    why = broken_rules(verdict) or "it cannot be read in full"
    return StandingPoint(
        state="no", text=f"The package breaks the rulebook {clean(verdict.ruleset, 60)}: {why}."
    )


def _data(data: DatasetCard | None) -> StandingPoint:
    if data is None:
        return StandingPoint(state="unknown", text="The package does not say which data set was used.")
    if data.kind == OFFICIAL:
        return StandingPoint(
            state="yes", text="Trained and tested on the benchmark's official scenes, as declared."
        )
    if data.synthetic:
        text = (
            "Trained on synthetic scenes: good for trying and comparing machines, not an official data set."
        )
        return StandingPoint(state="no", text=text)
    return StandingPoint(state="no", text="Trained on the submitter's own data set, not the benchmark's.")


def _division(who: Identity) -> StandingPoint:
    if who.benchmark != BENCHMARK:
        text = f"{who.division_name}, as the package states: not the benchmark this tool is made for."
        return StandingPoint(state="unknown", text=text)
    if who.division == "open":
        text = "CloudMask Open: the Science policy's own division."
        return StandingPoint(state="yes", text=text)
    if who.division == "closed":
        text = "CloudMask Closed is this rulebook's own profile; the Science policy itself has only Open."
        return StandingPoint(state="no", text=text)
    return StandingPoint(state="unknown", text="The package states no known division.")


def _commit(package: Package, who: Identity, verdict: Verdict) -> StandingPoint:
    software = [
        run.record.software for run in package.runs if run.record and isinstance(run.record.software, dict)
    ]
    if any(one.get("dirty") is True for one in software):
        return StandingPoint(
            state="no", text="The code was changed after its last commit, so it cannot be looked up."
        )
    if who.commit and software and all(one.get("dirty") is False for one in software):
        return _unchanged(f"Run from commit {who.commit[:12]}, unchanged", software, verdict)
    return StandingPoint(state="unknown", text="The commit of the code that ran is not known.")


def _unchanged(stated: str, software: list[dict[str, Any]], verdict: Verdict) -> StandingPoint:
    """What the run records state of the code, and whether digests of it bear that out."""
    outcome = next((rule.outcome for rule in verdict.rules if rule.id == CODE_RAN.id), None)
    if outcome is Outcome.PASS:
        return StandingPoint(state="yes", text=f"{stated}.")
    if outcome is Outcome.FAIL and all("code_reference" in one for one in software):
        return StandingPoint(
            state="no", text=f"{stated}, as the submitter states; digests of the code differ ({CODE_RAN.id})."
        )
    return StandingPoint(
        state="unknown", text=f"{stated}: stated by the submitter, not checked ({CODE_RAN.id})."
    )


def _power(node_power: bool) -> StandingPoint:
    if node_power:
        return StandingPoint(state="yes", text="Whole-node power was logged for every run.")
    return StandingPoint(state="no", text="No power score: whole-node power was not measured.")


PANEL = ReportPanel(
    anchor="standing",
    title="What makes it official, or not",
    link="Official or not",
    order=10,
    build=lambda material: Built({"standing": standing(material)}),
    about="What an official result would need, point by point.",
)
