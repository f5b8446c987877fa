"""What stands behind each claim follows from the rules that passed, never from those that did not run."""

from __future__ import annotations

import pytest

from harness.check.claims import what_stands
from rules.model.claims import BY_ITSELF, Claim, Standing
from rules.model.findings import Outcome, RuleResult, Verdict
from rules.registry import catalogue

SUPPORTING = [(rule, support) for rule in catalogue() for support in rule.supports]


def _verdict(**outcomes: Outcome) -> Verdict:
    return Verdict("any", "any", "compliant", [], [RuleResult(id, out) for id, out in outcomes.items()])


def _standing(verdict: Verdict, claim: Claim) -> Standing:
    return next(s.standing for s in what_stands(verdict) if s.claim is claim)


@pytest.mark.parametrize(("rule", "support"), SUPPORTING, ids=lambda x: getattr(x, "id", ""))
@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_rule_that_passed_shows_anything(rule, support, outcome):
    found = _standing(_verdict(**{rule.id: outcome}), support.claim)
    weaker = BY_ITSELF[support.claim][0]
    assert found is (support.standing if outcome is Outcome.PASS else weaker)


def test_no_result_no_claims():
    assert what_stands(_verdict()) == [] and what_stands(_verdict(HYP001=Outcome.PASS)) == []


def test_energy_is_covered_where_every_run_was_measured_only():
    for outcome in Outcome:
        wanted = Standing.ASSERTED if outcome is Outcome.PASS else Standing.NOT_COVERED
        assert _standing(_verdict(PWR001=outcome), Claim.ENERGY) is wanted
