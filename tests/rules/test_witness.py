"""WIT: witnessed packages, with the root of a test authority pinned."""

from __future__ import annotations

import msgspec
import pytest

from harness.check import check_package
from rules.facts.witness import NO_WITNESS
from rules.model.findings import Outcome, Severity, Verdict
from rules.registry import catalogue
from rules.ruleset import Ruleset, load_ruleset
from tests.rules.cases import WITNESS_CASES, Case
from tests.rules.test_mutations import errors
from tests.support.authority import test_keys
from tests.support.builders.options import RUN_PITCH_S

WIT = [rule.id for rule in catalogue() if rule.id.startswith("WIT")]


def ruleset(**changes: object) -> Ruleset:
    """The rules with the test authority's root pinned, and room for the pauses of packages that are built."""
    rules = load_ruleset()
    changes = {"roots": [test_keys().root_pem], "idle_s": RUN_PITCH_S, **changes}
    return msgspec.structs.replace(
        rules, excluded={}, witness=msgspec.structs.replace(rules.witness, **changes)
    )


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {r.id: r.outcome for r in verdict.rules if r.id in WIT}


def test_witnessed_package_passes(fresh):
    _, verdict = check_package(fresh(witness=True).root, ruleset())
    assert errors(verdict) == set()
    assert [f.message for f in verdict.findings if f.severity is Severity.WARNING] == []
    assert set(outcomes(verdict).values()) == {Outcome.PASS, Outcome.NOT_APPLICABLE} or set(
        outcomes(verdict).values()
    ) == {Outcome.PASS}


def test_without_a_witness_nothing_is_checked_and_the_reader_is_told(fresh):
    _, verdict = check_package(fresh().root, ruleset())
    reasons = {r.id: r.reason for r in verdict.rules if r.id in WIT}
    assert set(outcomes(verdict).values()) <= {Outcome.NOT_CHECKED, Outcome.NOT_APPLICABLE}
    assert reasons["WIT010"] == NO_WITNESS
    assert verdict.verdict == "compliant"


@pytest.mark.parametrize("case", WITNESS_CASES, ids=lambda c: c.name)
def test_mutation_is_noticed(fresh, case: Case):
    built = fresh(**case.options)
    case.mutate(built)
    _, verdict = check_package(built.root, ruleset())
    found = {f.rule: f for f in verdict.findings}
    assert case.rule in found, f"found only {sorted(found)}"
    assert not [f for f in verdict.findings if f.message.startswith("checker error")]
    if case.only:
        worth = {f.rule for f in verdict.findings if f.severity is not Severity.INFO}
        assert worth == {case.rule}


def test_unknown_authority_shows_nothing_and_is_no_error(fresh):
    _, verdict = check_package(fresh(witness=True).root, ruleset(roots=[test_keys().other_root_pem]))
    assert errors(verdict) == set()
    found = outcomes(verdict)
    assert found["WIT006"] is Outcome.WARN
    assert {found[id] for id in ("WIT003", "WIT008", "WIT010", "WIT011", "WIT012")} == {Outcome.NOT_CHECKED}


@pytest.mark.parametrize("junk", [b"\x00\xff", b"{}\n", b'{"kind":"open"}\n', b"[" * 5000 + b"\n", b"x"])
def test_junk_for_a_witness_is_an_error_in_one_line(fresh, junk: bytes):
    built = fresh(witness=True)
    built.layout.witness.write_bytes(junk)
    built.reseal(timeline=False)
    _, verdict = check_package(built.root, ruleset())
    assert "WIT001" in errors(verdict)
    assert not [f for f in verdict.findings if "checker error" in f.message or "\n" in f.message]
