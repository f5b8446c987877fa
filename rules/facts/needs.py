"""What a rule needs of its subject: the value, or the outcome NotChecked with the reason."""

from __future__ import annotations

from rules.model.evidence import RunRecord, Telemetry
from rules.model.log import Timeline
from rules.model.package import Dataset, PackageHeader, Plan, System
from rules.model.run import Run
from rules.registry import NotChecked

Subject = Plan | PackageHeader | Run


def dataset_of(subject: Subject) -> Dataset:
    """The description of the data set."""
    dataset = entry_of(subject).dataset
    if dataset is None:
        raise NotChecked("there is no readable description of the data set (dataset.json)")
    return dataset


def dataset_path(subject: Subject) -> str:
    """Where the data set is described, for findings: dataset.json, or the recipe of a plan."""
    entry = entry_of(subject)
    return entry.recipe_path if isinstance(entry, Plan) else entry.layout.dataset.as_posix()


def system_of(subject: Subject) -> System:
    """The description of the system."""
    system = entry_of(subject).system
    if system is None:
        raise NotChecked("there is no readable system description (SYS001)")
    return system


def entry_of(subject: Subject) -> Plan | PackageHeader:
    """The plan or package that a subject is, or is a run of."""
    return subject.package if isinstance(subject, Run) else subject


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
        raise NotChecked("there is no readable telemetry")
    return run.telemetry
