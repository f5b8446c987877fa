"""Every rule is broken at least once, and must be the one to notice."""

from __future__ import annotations

from typing import Any

import pytest

from harness.check import check_package
from rules.model.findings import Outcome, Severity, Verdict
from rules.registry import catalogue
from tests.rules.cases import CASES, HPC_CASES, WITNESS_CASES, Case

# rules that a machine cannot judge, in whole or for the reference implementation: never a pass
UNJUDGED = {rule.id for rule in catalogue() if rule.never_passes}
# only where a replay is asked for, or a challenge is given: test_replay.py, test_lineage.py, test_challenge.py
UNJUDGED |= {"EVD019", *(f"EVD{number:03}" for number in range(70, 84) if number != 74)}
SOUND: list[dict[str, Any]] = [
    {},
    {"division": "open", "runs": 1},
    {"division": "open", "runs": 2, "seeds": (815, 4711)},
    {"division": "open", "runs": 1, "seeds": (1234,)},
    {"power": True},
    {"power": True, "nodes": 2, "accelerators_per_node": 4, "precision": "tf32"},
    {"telemetry": True},
    {"telemetry": True, "accelerators_per_node": 4, "precision": "tf32"},
    {"not_converged": (2,), "max_epochs": 100},
    {"weights": False, "division": "open"},
    {"telemetry": False, "division": "open"},
    {"precision": "bfloat16"},
]


def errors(verdict: Verdict) -> set[str]:
    return {f.rule for f in verdict.findings if f.severity is Severity.ERROR}


@pytest.mark.parametrize(
    "options", SOUND, ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()) or "closed"
)
def test_sound_package_passes(fresh, options):
    _, verdict = check_package(fresh(**options).root)
    assert [f for f in verdict.findings if f.severity is Severity.ERROR] == []
    assert verdict.verdict == "compliant"
    allowed = {"QUA001"} if options.get("not_converged") else set()
    assert {f.rule for f in verdict.findings if f.severity is Severity.WARNING} <= allowed


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_mutation_is_noticed(fresh, case: Case):
    built = fresh(**case.options)
    case.mutate(built)
    _, verdict = check_package(built.root)
    found = {f.rule: f for f in verdict.findings}
    assert case.rule in found, f"found only {sorted(found)}"
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    if case.only:
        assert errors(verdict) == {case.rule}
    severities = {f.severity for f in verdict.findings if f.rule == case.rule}
    assert (verdict.verdict == "not_compliant") or Severity.ERROR not in severities


def test_every_rule_has_a_failing_case():
    tested = {c.rule for c in [*CASES, *HPC_CASES, *WITNESS_CASES]}
    known = {r.id for r in catalogue()}
    assert known - tested - UNJUDGED == set()
    assert tested <= known


def test_unjudged_rules_never_pass(fresh):
    built = fresh(power=True)
    _, verdict = check_package(built.root)
    outcomes = {r.id: r for r in verdict.rules if r.id in UNJUDGED}
    assert set(outcomes) == UNJUDGED
    for result in outcomes.values():
        assert result.outcome in (Outcome.NOT_CHECKED, Outcome.NOT_APPLICABLE), result
        assert result.reason


CODE_RULES = ("HYP011", "DAT013", "QUA010", "SED008", "EVD020")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["software"].update(dirty=True),
        lambda r: r["software"].update(commit=None),
        lambda r: r["software"].update(dirty=None),
        lambda r: r.update(command=["python", "fast.py"]),
    ],
    ids=["local changes", "no commit", "unknown changes", "another program"],
)
def test_only_a_known_commit_is_taken_for_the_reference(fresh, change):
    built = fresh()
    _, verdict = check_package(built.root)
    outcomes = {r.id: r.outcome for r in verdict.rules}
    assert {outcomes[rule] for rule in CODE_RULES} == {Outcome.NOT_APPLICABLE}
    for run in range(5):
        built.edit_json(built.run_files(run).record, change)
    _, verdict = check_package(built.root)
    outcomes = {r.id: r.outcome for r in verdict.rules}
    assert {outcomes[rule] for rule in CODE_RULES} == {Outcome.NOT_CHECKED}


def test_another_implementation_is_not_taken_for_the_reference(fresh):
    built = fresh()
    command = "command: [./train]\n"
    built.edit_text(built.layout.recipe, lambda text: text + command)
    _, verdict = check_package(built.root)
    outcomes = {r.id: r.outcome for r in verdict.rules}
    for rule in CODE_RULES:
        assert outcomes[rule] is Outcome.NOT_CHECKED
