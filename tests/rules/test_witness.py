"""WIT: witnessed packages, with the root of a test authority pinned."""

from __future__ import annotations

import msgspec
import pytest

from harness.check import check_package
from harness.check.claims import what_stands
from harness.untrusted.witness import parse_chain
from rules.facts.witness import NO_WITNESS
from rules.model.claims import Claim, Standing
from rules.model.findings import Outcome, Severity, Verdict
from rules.model.witness import Closing, Mark, Opening
from rules.registry import catalogue
from rules.ruleset import Ruleset, load_ruleset
from tests.rules.cases import WITNESS_CASES, Case
from tests.rules.test_mutations import errors
from tests.support.authority import test_keys
from tests.support.builders.options import RUN_PITCH_S
from tests.support.builders.witness import stamp_again

WIT = [rule.id for rule in catalogue() if rule.id.startswith("WIT")]


def ruleset(**changes: object) -> Ruleset:
    """The rules with the test authority's root pinned, and room for the pauses of packages that are built."""
    rules = load_ruleset()
    changes = {"roots": {"test": test_keys().root_pem}, "idle_s": RUN_PITCH_S, **changes}
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
    _, verdict = check_package(fresh(witness=True).root, ruleset(roots={"other": test_keys().other_root_pem}))
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


def test_claims_are_attested_where_stamps_show_them(fresh):
    built = fresh(witness=True)
    _, verdict = check_package(built.root, ruleset())
    standing = {one.claim: one.standing for one in what_stands(verdict)}
    for claim in (Claim.TIME, Claim.SEED, Claim.ATTEMPTS):
        assert standing[claim] is Standing.ATTESTED
    assert standing[Claim.HARDWARE] is Standing.ASSERTED
    _, unknown = check_package(built.root, ruleset(roots={}))
    assert Standing.ATTESTED not in {one.standing for one in what_stands(unknown)}


@pytest.mark.parametrize("point", ["start", "stop", "open", "close"])
def test_without_its_stamp_a_claim_is_asserted_only(fresh, point: str):
    built = fresh(witness=True)

    def times(number: int, wall_s: float) -> float | None:
        return None if number in unstamped else wall_s + 0.2

    unstamped: set[int] = set()
    stamp_again(built.layout.witness, times)  # so that lines have the numbers that they have below
    chain = parse_chain(built.layout.witness.read_bytes())
    kind = {"open": Opening, "close": Closing}.get(point, Mark)
    of_kind = [n for n, e in chain.of(kind) if kind is not Mark or e.point == point]
    unstamped.add(of_kind[1])
    stamp_again(built.layout.witness, times)
    built.reseal(timeline=False)
    _, verdict = check_package(built.root, ruleset())
    claim = Claim.TIME if kind is Mark else Claim.ATTEMPTS
    standing = {one.claim: one.standing for one in what_stands(verdict)}
    assert standing[claim] is Standing.ASSERTED and errors(verdict) == set()
