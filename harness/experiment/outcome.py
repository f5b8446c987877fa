"""What came of a trial, read from its log and evidence by the rules that a submission is read by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.check.entries import Entry
from harness.check.package import load_package
from harness.experiment.model import Objective
from harness.experiment.record import Epoch, Status, TrialRecord
from harness.plan.recipe import Recipe
from harness.power.record import record_power
from harness.run.folders import read_object
from harness.untrusted.logs import read_log
from rules.facts.curves import learning_curve
from rules.facts.log_reading import run_start
from rules.facts.run_clock import run_clock
from rules.model.layout import FAILED_LOG, PackageLayout, RunFiles
from rules.model.run_facts import CurvePoint, RunFacts
from rules.ruleset import Ruleset, load_ruleset


def finished(
    begun: TrialRecord, layout: PackageLayout, recipe: Recipe, objective: Objective, ruleset: str
) -> TrialRecord:
    """The record of a trial whose run was finished, converged or not. Writes power files where nodes were measured."""
    record_power(layout, recipe, 1)
    rules = load_ruleset(ruleset)
    facts = load_package(layout.root, Entry(layout.system), rules).runs[0]
    energy_j = _energy(facts, objective)
    value, reason = _value(facts, objective, energy_j)
    status: Status = "complete" if value is not None else "unreached"
    if objective.measure == "energy" and facts.converged and value is None:
        status = "failed"
    said = read_object(RunFiles(layout.run_dir(0)).record)
    return begun.model_copy(
        update={
            **_of_run(said),
            "status": status,
            "reason": reason,
            "value": value,
            "time_to_train_s": facts.time_to_train_s,
            "epochs": facts.last_evaluation.epoch if facts.last_evaluation else None,
            "accuracy": facts.last_evaluation.value if facts.last_evaluation else None,
            "test_accuracy": dict(facts.test_metrics).get("test_accuracy"),
            "energy_j": energy_j,
            "patches_per_s": facts.samples_per_s,
            "seconds_per_scene": facts.seconds_per_scene,
            "curve": _epochs(facts.curve),
            "log_sha256": facts.log_sha256,
        }
    )


def ended(begun: TrialRecord, layout: PackageLayout, status: Status, ruleset: str) -> TrialRecord:
    """The record of a trial whose run failed or was ended early: what its log says up to there."""
    files = RunFiles(layout.failed_dir(0))
    said = read_object(files.record)
    curve, digest = _curve(files.root / FAILED_LOG, load_ruleset(ruleset))
    last = curve[-1] if curve else None
    reason = said.get("reason")
    return begun.model_copy(
        update={
            **_of_run(said),
            "status": status,
            "reason": reason[:2000] if isinstance(reason, str) else None,
            "epochs": last.epoch if last else None,
            "accuracy": last.accuracy if last else None,
            "curve": curve,
            "log_sha256": digest,
        }
    )


def _of_run(said: dict[str, Any]) -> dict[str, Any]:
    software = said.get("software")
    commit = software.get("commit") if isinstance(software, dict) else None
    names = ("host", "started_wall_s", "duration_s", "seed")
    return {**{name: said[name] for name in names if name in said}, **({"commit": commit} if commit else {})}


def _value(facts: RunFacts, objective: Objective, energy_j: float | None) -> tuple[float | None, str | None]:
    """The value of the objective; else None, and why."""
    if objective.measure == "accuracy":
        at = next((p for p in facts.curve if p.epoch == objective.after_epochs), None)
        value = at.eval_accuracy if at else None
        return (
            value,
            None if value is not None else f"there is no evaluation of epoch {objective.after_epochs}",
        )
    if not facts.converged:
        return None, "the target was not reached"
    if objective.measure == "time-to-train":
        return facts.time_to_train_s, None if facts.time_to_train_s is not None else "the time is not known"
    return energy_j, None if energy_j is not None else f"no energy of {objective.scope} was measured"


def _energy(facts: RunFacts, objective: Objective) -> float | None:
    """Joules of the objective's scope during the timed run; of whole nodes unless it names another.

    By the method that is quoted for a device (its counter where there is one); None where one device has no value.
    """
    if objective.scope == "nodes":
        return facts.energy.joule if facts.energy else None
    found = [
        energy.joule
        for telemetry in facts.telemetry
        for energy in telemetry.energies
        if energy.scope.startswith(objective.scope) and energy.difference is None
    ]
    known = [joule for joule in found if joule is not None]
    return sum(known) if known and len(known) == len(found) else None


def _curve(path: Path, ruleset: Ruleset) -> tuple[list[Epoch], str | None]:
    try:
        log = read_log(path, path.name)
    except OSError:
        return [], None
    if run_start(log) is None:
        return [], log.sha256
    return _epochs(learning_curve(run_clock(log, None, ruleset), ruleset.quality.key)), log.sha256


def _epochs(curve: tuple[CurvePoint, ...]) -> list[Epoch]:
    return [Epoch(point.epoch, point.at_s, point.eval_accuracy) for point in curve]
