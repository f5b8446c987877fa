"""Verdict and score, as data."""

from __future__ import annotations

from harness.report.curves import logged
from harness.report.drawing.text import clean, finite
from harness.report.model import MAX_LISTED, FindingCard, FindingGroup, RuleCard, ScoreCard, VerdictCard
from harness.score.model import Score
from rules.model.findings import Finding, Severity, Verdict
from rules.model.package import Package
from rules.registry import catalogue

MAX_PLACES = 200


def verdict_card(verdict: Verdict) -> VerdictCard:
    """The verdict with findings grouped by rule, errors first, and rules by outcome, failures first."""
    known = {rule.id: rule for rule in catalogue()}
    severities = [finding.severity for finding in verdict.findings]
    titles = {id: rule.title for id, rule in known.items()}
    rules = []
    for result in sorted(verdict.rules, key=lambda r: (r.outcome.rank, r.id)):
        rule = known.get(result.id)
        rules.append(
            RuleCard(
                id=clean(result.id, 40),
                title=rule.title if rule else "",
                outcome=result.outcome.value,
                reason=clean(result.reason),
                why=rule.why if rule else "",
                source=rule.source if rule else "",
            )
        )
    return VerdictCard(
        verdict=clean(verdict.verdict, 40),
        ruleset=clean(verdict.ruleset, 80),
        counts=verdict.counts(),
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        notes=severities.count(Severity.INFO),
        groups=_group(verdict.findings, titles),
        rules=rules,
    )


def _group(findings: list[Finding], titles: dict[str, str]) -> list[FindingGroup]:
    """One group per rule and severity, errors first, in the order of first appearance."""
    groups: dict[tuple[Severity, str], list[Finding]] = {}
    for severity in Severity:
        for finding in findings:
            if finding.severity == severity:
                groups.setdefault((severity, finding.rule), []).append(finding)
    return [
        FindingGroup(
            rule=clean(rule, 40),
            title=titles.get(rule, ""),
            severity=severity.value,
            count=len(members),
            fix=clean(members[0].fix),
            findings=_merged(members)[:MAX_LISTED],
        )
        for (severity, rule), members in groups.items()
    ]


def _merged(findings: list[Finding]) -> list[FindingCard]:
    """Findings that differ only in their place become one with several places."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for one in findings:
        said = (clean(one.message), clean(one.expected, 200), clean(one.actual, 200), clean(one.fix))
        path = clean(one.path, 200)
        places = found.setdefault(said, [])
        if path and len(places) < MAX_PLACES:
            places.append(f"{path}:{one.line}" if one.line else path)
    return [
        FindingCard(message=message, expected=expected, actual=actual, fix=fix, places=places)
        for (message, expected, actual, fix), places in found.items()
    ]


def score_card(package: Package, score: Score) -> ScoreCard:
    """The score, the accuracy that was reached and the target that the logs state."""
    reached = [s.accuracy for s in score.runs if s.time_to_train_s is not None and s.accuracy is not None]
    targets = [finite(logged(run, "target_quality")) for run in package.runs]
    return ScoreCard(
        time_to_train_s=finite(score.time_to_train_s),
        clock=clean(score.clock),
        method=clean(score.method),
        note=clean(score.note),
        samples_per_s=finite(score.samples_per_s),
        seconds_per_scene=finite(score.seconds_per_scene),
        accuracy=sum(reached) / len(reached) if reached else None,
        target=next((t for t in targets if t is not None and 0 <= t <= 1), None),
        science={clean(k, 60): v for k, raw in score.science.items() if (v := finite(raw)) is not None},
    )
