"""CNV: convergence beside the reference's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from rules.facts.reference_points import Method, compare_package
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.values import is_number, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "CNV010",
    "Convergence is not faster than the reference's",
    Scope.PACKAGE,
    source="TR 13, 22; sources I1-I13, case 27, 30",
    fix="Use the reference's model and hyperparameters; record missing points with `cloudmask rcp record`.",
    divisions=("closed",),
)
def reference_points(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Fewer epochs than the reference needs at the same batch size, beyond chance, mean another training.
    Without a point as large as the batch size this is unknown, so that point has to be recorded first. On a
    synthetic practice set both are warnings: about one honest entry in fifty is faster by chance. There the
    score is multiplied by the factor as it is within chance, and marked."""
    decided = ruleset.convergence.points
    found = compare_package(package, ruleset, decided)
    where = package.runs[0].path.rsplit("/", 1)[0]
    if found.outcome != "pass":
        yield self.finding(
            found.reason,
            severity=Severity.WARNING if found.practice else self.severity,
            path=where,
            expected=round(found.limit.smallest, 6) if found.limit else None,
            actual=round(found.mean, 6),
        )
    other: Method = "upstream" if decided == "trimmed" else "trimmed"
    second = compare_package(package, ruleset, other)
    if (second.outcome == "pass") != (found.outcome == "pass"):
        yield self.finding(
            f"computed as {_READINGS[other]}, the comparison {_SAID[second.outcome]}"
            + (f": {second.reason}" if second.reason else ""),
            severity=Severity.WARNING,
            path=where,
        )


_READINGS = {"trimmed": "the text of the rules has it", "upstream": "mlperf_logging has it"}


_SAID = {"pass": "passes", "fail": "fails", "missing": "lacks a point"}


@rule(
    "CNV012",
    "scaling.json states the factor that follows from the convergence points",
    Scope.PACKAGE,
    source="TR 12.2; sources H7, I9, W17, case 33",
    fix="Remove scaling.json: the checker computes the factor itself.",
)
def scaling_factor(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Time and energy are multiplied by this number. Upstream trusts any file it finds, so that 0.5
    halves a score; here the file is only compared."""
    if package.scaling_file is None:
        raise NotApplicable("there is no scaling.json")
    expected = 1.0
    if package.division == "closed":
        with suppress(NotApplicable, NotChecked):  # nothing follows, so nothing may be scaled
            expected = compare_package(package, ruleset).factor
    actual = package.scaling_file.get("scaling_factor")
    if not is_number(actual) or abs(actual - expected) > 1e-6:
        yield self.finding(
            f"scaling_factor is {show(actual)}, the convergence points give {expected:.6g}",
            path=package.layout.scaling_json.as_posix(),
            expected=round(expected, 9),
            actual=actual,
        )
