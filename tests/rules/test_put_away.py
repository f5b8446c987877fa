"""Large packages: logs that were put away change no finding, and can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check import check_package, engine
from harness.score.score import score
from rules.facts import kept
from rules.model.findings import Scope, Severity, Verdict
from rules.model.package import Package
from rules.registry import Rule
from rules.ruleset import load_ruleset
from tests.rules import cases_log, cases_package  # noqa: F401  (they fill the table)
from tests.rules.cases import CASES, Case

RULESET = load_ruleset()
# every rule that looks at all runs together, and a sample of the others
ACROSS = {"HYP", "DAT", "QUA", "SED", "CNV", "SYS", "PWR", "PKG", "EVD"}
SAMPLE = [c for c in CASES if c.rule[:3] in ACROSS][::3] + [c for c in CASES if c.rule[:3] not in ACROSS][::9]


def checked(root: Path, monkeypatch, lines: int) -> tuple[Package, Verdict]:
    with monkeypatch.context() as patch:
        patch.setattr(kept, "LINES_IN_MEMORY", lines)
        return check_package(root)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda c: c.name)
def test_the_same_is_found(fresh, monkeypatch, case: Case):
    built = fresh(**case.options)
    case.mutate(built)
    whole, expected = checked(built.root, monkeypatch, 10**6)
    away, found = checked(built.root, monkeypatch, 0)
    assert repr(found) == repr(expected)
    assert repr(score(away, RULESET)) == repr(score(whole, RULESET))


def test_logs_are_put_away_when_the_package_is_large(fresh, monkeypatch):
    built = fresh()
    lines = sum(len(built.events(run)) for run in range(2))
    package, verdict = checked(built.root, monkeypatch, lines)
    assert verdict.verdict == "compliant"
    assert [run.log.away for run in package.runs] == [False, False, True, True, True]
    first, last = package.runs[0].record, package.runs[4].record
    assert first is not None and last is not None
    third = package.runs[3].record
    assert third is not None and third.spec["data"] is last.spec["data"], "equal parts are shared"


def test_only_the_latest_log_read_again_stays_in_memory(fresh, monkeypatch):
    built = fresh()
    package, _ = checked(built.root, monkeypatch, 0)
    for index, run in enumerate(package.runs):
        assert len(run.log.events) == len(built.events(index))
        assert len(run.log.line_digests) == len(run.log.events)
        assert [r.log.away for r in package.runs].count(False) == 1
        assert run.timeline is not None and len(run.timeline) == len(run.log.events)


def test_no_rule_of_packages_reads_logs_again(fresh, monkeypatch):
    """It would be right, but slow: ten thousand logs for each such rule. Mark what it asks with @kept."""
    built = fresh(power=True)
    package, _ = checked(built.root, monkeypatch, 0)
    score(package, RULESET)
    assert all(run.log.away for run in package.runs)
    assert all(log.away for run in package.runs for log in run.power.values())


def test_a_rule_may_ask_for_anything(fresh, monkeypatch):
    """A rule of packages that reads what was not kept gets it, from the file."""
    built = fresh()

    def check(rule, package, ruleset):
        for run in package.runs:
            yield rule.finding(f"{run.log.events[-1].key} {len(run.timeline)}", path=run.path)

    rule = Rule("XXX001", "t", (Scope.PACKAGE,), ("closed", "open"), "s", "f", Severity.INFO, "w", check)
    monkeypatch.setattr(engine, "catalogue", lambda: [rule])
    _, verdict = checked(built.root, monkeypatch, 0)
    assert [f.message for f in verdict.findings] == [f"result {len(built.events(i))}" for i in range(5)]


def test_a_log_that_changes_meanwhile_is_an_error(fresh, monkeypatch):
    built = fresh()

    def check(rule, package, ruleset):
        built.layout.result(3).write_text("edited\n")
        return [rule.finding("m") for run in package.runs if not run.log.events]

    rule = Rule("XXX001", "t", (Scope.PACKAGE,), ("closed", "open"), "s", "f", Severity.ERROR, "w", check)
    monkeypatch.setattr(engine, "catalogue", lambda: [rule])
    _, verdict = checked(built.root, monkeypatch, 0)
    assert verdict.verdict == "not_compliant"
    assert "changed while it was checked" in verdict.findings[0].message


def test_findings_of_one_rule_are_bounded(fresh, monkeypatch):
    """Ten thousand bad logs must not fill the memory; the worst of what is left out still counts."""
    built = fresh()
    monkeypatch.setattr(engine, "MAX_LISTED", 3)

    def check(rule, run, ruleset):
        severity = Severity.ERROR if run.index == 4 else Severity.WARNING
        return [rule.finding("m", severity=severity)] * 2

    rule = Rule("XXX001", "t", (Scope.RUN,), ("closed", "open"), "s", "f", Severity.WARNING, "w", check)
    monkeypatch.setattr(engine, "catalogue", lambda: [rule])
    _, verdict = check_package(built.root)
    assert [f.message for f in verdict.findings] == ["m"] * 3 + [
        "7 more findings of this kind are not listed"
    ]
    assert verdict.findings[-1].severity is Severity.ERROR and verdict.verdict == "not_compliant"
