"""What stands behind each claim of a result, from the rules that passed."""

from __future__ import annotations

from typing import NamedTuple

from rules.model.claims import ASSERTED_BY, Claim, Standing, Support
from rules.model.findings import Outcome, Verdict
from rules.registry import catalogue

ORDER = list(Standing)
COVERED = (Outcome.PASS, Outcome.WARN, Outcome.FAIL)  # the rule had something to judge


class Stands(NamedTuple):
    """One claim: how far it can be believed, by what, and the rules that show it."""

    claim: Claim
    standing: Standing
    by: str
    rules: list[str]


def what_stands(verdict: Verdict) -> list[Stands]:
    """Every claim with the strongest that was shown of it; empty for a verdict on a plan or on nothing.

    A rule shows what it declares (`supports`) only where it passed for every run that it judged. Energy is
    not covered where no rule about readings had anything to judge.
    """
    outcomes = {result.id: result.outcome for result in verdict.rules}
    known = [rule for rule in catalogue() if rule.id in outcomes]
    if not any(rule.supports for rule in known):
        return []
    shown: dict[Claim, list[tuple[Support, str]]] = {claim: [] for claim in Claim}
    for rule in known:
        if outcomes[rule.id] is Outcome.PASS:
            for support in rule.supports:
                shown[support.claim].append((support, rule.id))
    metered = any(outcomes[rule.id] in COVERED for rule in known if rule.id.startswith("PWR"))
    return [_stands(claim, found, metered) for claim, found in shown.items()]


def _stands(claim: Claim, found: list[tuple[Support, str]], metered: bool) -> Stands:
    if not found:
        if claim is Claim.ENERGY and not metered:
            return Stands(claim, Standing.NOT_COVERED, "no node power was measured", [])
        return Stands(claim, Standing.ASSERTED, ASSERTED_BY[claim], [])
    best = min(ORDER.index(support.standing) for support, _ in found)
    strongest = [(support, id) for support, id in found if ORDER.index(support.standing) == best]
    phrases = dict.fromkeys(support.by for support, _ in strongest)
    return Stands(claim, ORDER[best], "; ".join(phrases), [id for _, id in strongest])
