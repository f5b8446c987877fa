"""PKG: code, scripts and companion file are there, and are those that ran."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from rules.facts.log_reading import stated
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package, Plan
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "PKG001",
    "Code folder and implementation are complete",
    (Scope.PLAN, Scope.PACKAGE),
    source="SR 5.6.1; SS 6; sources K5, M5, case 64",
    fix="Add the file; submissions/examples has all of them, and `cloudmask init NAME --from local` makes them anew.",
)
def code_files(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Others have to be able to set up, fetch the data and run: the scripts and a README say how."""
    if isinstance(subject, Plan):
        if subject.code_sizes is not None:
            yield from _missing(self, posixpath.dirname(subject.recipe_path), subject.code_sizes, ruleset)
        return
    package = subject
    folder = package.layout.code_dir.as_posix()
    sizes = {
        name: package.sizes[path]
        for name in ruleset.package.code_files
        if (path := f"{folder}/{name}") in package.sizes
    }
    yield from _missing(self, folder, sizes, ruleset)
    if not any(f.startswith(f"benchmarks/{package.benchmark}/implementations/") for f in package.files):
        yield self.finding(
            "there is no implementation",
            path=f"benchmarks/{package.benchmark}/implementations",
            actual="missing",
        )


def _missing(self: Rule, folder: str, sizes: Mapping[str, int], ruleset: Ruleset) -> Iterator[Finding]:
    for name in ruleset.package.code_files:
        size = sizes.get(name)
        if not size:
            yield self.finding(f"{name} is {'missing' if size is None else 'empty'}", path=f"{folder}/{name}")


@rule(
    "PKG011",
    "The companion file says how weights and inputs were treated",
    Scope.PACKAGE,
    source="SR 5.6.1, 5.8; sources J9, K5",
    fix="Write <system>_<implementation>.json with all fields; packaging does so.",
)
def companion(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Starting weights, data types and retraining decide whether two results compare."""
    path = package.layout.companion_json("<implementation>").as_posix()
    if package.companion is None:
        yield self.finding("is missing or cannot be read", path=path)
        return
    for name in ruleset.package.companion_fields:
        value = package.companion.get(name)
        if not isinstance(value, str) or not value.strip():
            yield self.finding(f"{name} is {show(value)}", path=path, actual=value)


@rule(
    "PKG013",
    "The code that ran can be found",
    Scope.RUN,
    source="SR 5.10; SS 6; sources M1, M4, B7, case 65",
    fix="Run from a clean checkout with git; its commit is then logged automatically.",
    severity=Severity.WARNING,
)
def commit(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A commit identifies the code; local changes that are not in it are lost."""
    software: dict[str, Any] = run.record.software if run.record else {}
    logged = run.log.value("submission_github_commit_version")
    if logged is None:
        yield self.finding("no commit is logged", path=run.path)
    elif software.get("commit") not in (None, logged):
        yield self.finding(
            "the logged commit is not the one in run.json",
            severity=Severity.ERROR,
            path=run.path,
            expected=software.get("commit"),
            actual=logged,
        )
    if software.get("dirty") is True:
        yield self.finding("the checkout had local changes", path=run.path)


@rule(
    "PKG015",
    "Logged source lines exist in the submitted code",
    Scope.PACKAGE,
    source="TR 5.1; SR 5.10; sources M7",
    fix="Submit the code that ran, or name the commit it is.",
    never_passes=True,
)
def source_lines(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Every log line names the file and line that wrote it."""
    raise NotChecked("the code lies in its repository, not in the package: compare file and lineno there")


@rule(
    "PKG019",
    "The logged version is the one that ran",
    Scope.RUN,
    source="SS 6; sources B6, M4, case 65",
    fix="Log submission_version as the harness writes it; package plan and records of the same runs.",
)
def version_ran(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The version says which rules and which reference a result is of."""
    recorded = run.record.software.get("cloudmask-harness") if run.record else None
    expected = recorded if recorded is not None else (run.package.plan or {}).get("harness_version")
    found = stated(run.settings, "submission_version") or stated(run.settings, "submissiom_version")
    if not isinstance(expected, str) or found is None:
        raise NotChecked("neither run.json nor plan.json names the version that ran")
    if expected not in (found.value.split() if isinstance(found.value, str) else []):
        yield self.about(
            found, f"submission_version is {show(found.value)}, version {show(expected)} ran", expected
        )
