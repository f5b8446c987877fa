"""What a rule needs of its subject: the value, or the outcome NotChecked with the reason."""

from __future__ import annotations

from rules.model.log import Timeline
from rules.model.package import Dataset, Package, Plan, System
from rules.model.run import Run, RunRecord, Telemetry
from rules.registry import NotChecked


def dataset_of(subject: Plan | Package) -> Dataset:
    """The description of the data set."""
    if subject.dataset is None:
        raise NotChecked("there is no readable description of the data set (dataset.json)")
    return subject.dataset


def system_of(subject: Plan | Package) -> System:
    """The description of the system."""
    if subject.system is None:
        raise NotChecked("there is no readable system description (SYS001)")
    return subject.system


def record_of(run: Run) -> RunRecord:
    """The harness' own account of a run."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    return run.record


def timeline_of(run: Run) -> Timeline:
    """When each line of the log arrived."""
    if run.timeline is None:
        raise NotChecked("there is no readable arrival timeline (timeline.jsonl)")
    return run.timeline


def telemetry_of(run: Run) -> list[Telemetry]:
    """What was sampled during a run, at least one node."""
    if not run.telemetry:
        raise NotChecked("no readable telemetry was kept")
    return run.telemetry


def dataset_path(subject: Plan | Package) -> str | None:
    """Where the data set is described, for findings: dataset.json, or the recipe of a plan."""
    if isinstance(subject, Plan):
        return subject.recipe_path
    return f"evidence/{subject.system_name}/{subject.scaling}/{subject.benchmark}/dataset.json"
