"""What stands behind each claim of a result, from the rules that passed."""

from __future__ import annotations

from typing import NamedTuple

from rules.model.claims import BY_ITSELF, Claim, Standing, Support
from rules.model.findings import Outcome, Verdict
from rules.registry import catalogue

ORDER = list(Standing)


class Stands(NamedTuple):
    """One claim: how far it can be believed, by what, and the rules that show it."""

    claim: Claim
    standing: Standing
    by: str
    rules: list[str]


def what_stands(verdict: Verdict) -> list[Stands]:
    """Every claim with the strongest that was shown of it; empty for a verdict on a plan or on nothing.

    A rule shows what it declares (`supports`) only where it passed for every run that it judged, and noted nothing.
    """
    noted = {finding.rule for finding in verdict.findings}
    outcomes = {result.id: result.outcome for result in verdict.rules}
    known = [rule for rule in catalogue() if rule.id in outcomes]
    if not any(rule.supports for rule in known):
        return []
    shown: dict[Claim, list[tuple[Support, str]]] = {claim: [] for claim in Claim}
    for rule in known:
        if outcomes[rule.id] is Outcome.PASS and rule.id not in noted:
            for support in rule.supports:
                shown[support.claim].append((support, rule.id))
    return [_stands(claim, found) for claim, found in shown.items()]


def _stands(claim: Claim, found: list[tuple[Support, str]]) -> Stands:
    if not found:
        return Stands(claim, *BY_ITSELF[claim], [])
    best = min(ORDER.index(support.standing) for support, _ in found)
    strongest = [(support, id) for support, id in found if ORDER.index(support.standing) == best]
    phrases = dict.fromkeys(support.by for support, _ in strongest)
    return Stands(claim, ORDER[best], "; ".join(phrases), [id for _, id in strongest])
