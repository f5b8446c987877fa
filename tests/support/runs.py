"""Runs and packages made by hand, for rules and pages that need no files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.check import load_package
from harness.check.entries import Entry
from rules.facts.run_facts import FactsMaker
from rules.model.log import Log
from rules.model.package import Package, PackageHeader
from rules.model.run import Run
from rules.model.run_facts import RunFacts
from rules.ruleset import load_ruleset


def make_header(**said: Any) -> PackageHeader:
    """The header of an entry that says nothing but what is given."""
    return PackageHeader(
        **{"root": Path("ExampleLab"), "org": "ExampleLab", "system_name": "testbox", **said}
    )


def make_run(log: Log, index: int = 0, package: PackageHeader | None = None, **evidence: Any) -> Run:
    """A run with this log and evidence."""
    return Run(index, log, package or make_header(), **evidence)


def make_facts(log: Log, index: int = 0, package: PackageHeader | None = None, **evidence: Any) -> RunFacts:
    """The facts of such a run, by the default ruleset."""
    return FactsMaker(load_ruleset()).facts(make_run(log, index, package, **evidence))


def make_package(runs: list[RunFacts], **said: Any) -> Package:
    """An entry of these runs."""
    return Package.of(make_header(**said), runs, [])


def load(root: Path, system: str = "testbox") -> Package:
    """The time-to-train entry of a built package."""
    return load_package(root, Entry(system))
