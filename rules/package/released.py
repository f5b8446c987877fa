"""PKG: the code that ran is the code that is stated, and somebody else than the submitter knows it."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.needs import record_of
from rules.facts.reference_code import is_reference, other_code
from rules.facts.releases import load_releases, release_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

OFFICIAL = "official"  # the data set's profile


@rule(
    "PKG030",
    "The code that ran is that of the source tree",
    Scope.RUN,
    source="SR 5.10; run protocol of this rulebook; sources M1, M4, case 65",
    fix="Let nothing change the checkout while runs are on, and start them with `cloudmask submit`.",
)
def code_ran(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness notes the contents of its source files before and after a run, the reference those that it
    loaded: a module of the same name from elsewhere shows, and so does an edit between two runs."""
    record = record_of(run)
    software, path = record.software, run.files.record.as_posix()
    closed = run.division != "open"
    if "code_reference" not in software:
        if not closed:
            raise NotChecked("run.json does not state digests of the code")
        yield self.finding("run.json does not state digests of the code", path=path)
        return
    if not is_reference(run.package) and not software.get("code_differs"):
        raise NotApplicable("another implementation ran, and the harness did not change")
    other = other_code(software)
    if other:
        missing = not software.get("code_differs")
        severity = Severity.WARNING if missing and not closed else Severity.ERROR
        yield self.finding(other, path=path, severity=severity)


@rule(
    "PKG031",
    "The code that ran is of a release",
    Scope.RUN,
    source="SR 5.10; SS 6; sources M1, M6, case 65",
    fix="Run from the tag of a release (`cloudmask release-digests --check` compares); develop in open.",
    divisions=("closed",),
)
def released(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A commit says nothing to somebody who does not have it, and git can be told to hide changes. Digests of the
    released code are known to the rulebook. What was not released may hold anything: it warns with practice
    data, and is an error with the official data set."""
    software = record_of(run).software
    if "code_reference" not in software:
        raise NotChecked("run.json does not state digests of the code (PKG030)")
    if release_of(software) is not None:
        return
    dataset = run.package.dataset
    official = dataset is not None and dataset.profile == OFFICIAL
    known = ", ".join(release.version for release in load_releases()) or "none yet"
    commit = str(software.get("commit") or "of no known commit")[:12]
    yield self.finding(
        f"unreleased code ran ({commit})",
        path=run.files.record.as_posix(),
        severity=Severity.ERROR if official else Severity.WARNING,
        expected=f"the code of a release; known: {known}",
        actual=str(software["code_reference"])[:16],
    )


@rule(
    "PKG032",
    "In closed, the code that ran has been read",
    Scope.PACKAGE,
    source="TR 9.1; SP 5; sources M1, M5",
    fix="Submit in open; or let a reviewer read the code, and say so in the README.",
    divisions=("closed",),
    severity=Severity.WARNING,
)
def code_read(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Closed is about equal work, and a program of the submitter's own can print any line. The checker cannot read
    it: compliant then means compliant, code unread, and such an entry has no rank."""
    if package.recipe is None:
        raise NotChecked("there is no readable recipe")
    if not is_reference(package):
        yield self.finding(
            "code unread: another implementation than the reference ran", path=str(package.layout.recipe)
        )
