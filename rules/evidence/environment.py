"""EVD: what was installed where the runs ran, by their bills of materials (CycloneDX)."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.needs import record_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

NO_BILL = "there is no readable bill of materials (sbom.cdx.json)"
MAX_NAMES = 5  # of one finding


@rule(
    "EVD090",
    "The bill of materials has the versions that the run's record has",
    Scope.RUN,
    source="evidence of this rulebook (cross-check of run.json and sbom.cdx.json)",
    fix="Package sbom.cdx.json and run.json as the run wrote them; leave the environment alone while a run is on.",
)
def versions(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness lists what is installed before the run, and the versions of the most important packages after
    it: where they differ one of the two was edited, or the environment was changed during the run."""
    stated = {name: version for name, version in record_of(run).software.items() if isinstance(version, str)}
    if run.bill is None:
        raise NotChecked(NO_BILL)
    for name, version in sorted(stated.items()):
        listed = run.bill.packages.get(name)
        if listed is not None and listed != version:
            yield self.finding(
                f"{name} {show(listed)}, run.json has {show(version)}",
                path=run.files.bill.as_posix(),
                expected=version,
                actual=listed,
            )


@rule(
    "EVD092",
    "The bill of materials was made when its run was",
    Scope.RUN,
    source="evidence of this rulebook (cross-check of run.json and sbom.cdx.json)",
    fix="Package sbom.cdx.json and run.json of the same run, as the harness wrote them.",
)
def made_with_run(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness writes the bill as it begins a run, under the clock that run.json states: a bill of another day is
    that of another run, or the run was moved in time."""
    record, limit_s = record_of(run), ruleset.evidence.bill_s
    if run.bill is None or run.bill.made_s is None:
        raise NotChecked(
            "there is no readable bill of materials (sbom.cdx.json) with the time it was made at"
        )
    made_s = run.bill.made_s
    if not record.started_wall_s - limit_s <= made_s <= record.finished_wall_s + limit_s:
        yield self.finding(
            f"it was made {made_s - record.started_wall_s:+.0f} s from the start of its run",
            path=run.files.bill.as_posix(),
            expected=f"within {limit_s:g} s of the run",
            actual=round(made_s - record.started_wall_s),
        )


@rule(
    "EVD091",
    "All runs had the same packages installed",
    Scope.PACKAGE,
    source="evidence of this rulebook; TR 12 (runs are repetitions)",
    fix="Say in the README what was changed between the runs and why, or make all runs again.",
    severity=Severity.WARNING,
)
def one_environment(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Runs of one entry are repetitions: another version of a library may be faster, or learn otherwise."""
    known = [(run.index, run.packages) for run in package.runs if run.packages is not None]
    if not known:
        raise NotChecked(NO_BILL)
    if len(known) == 1:
        raise NotApplicable("one run")
    first, expected = known[0]
    for index, found in known[1:]:
        names = sorted(n for n in {*expected, *found} if expected.get(n) != found.get(n))
        if names:
            shown = [f"{n} {show(expected.get(n))} and {show(found.get(n))}" for n in names[:MAX_NAMES]]
            yield self.finding(
                f"{len(names)} differ from run {first}: {', '.join(shown)}",
                path=package.evidence_of(index).bill.as_posix(),
            )
