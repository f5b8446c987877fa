"""Verdict and score, as data."""

from __future__ import annotations

from harness.report.curves import logged
from harness.report.drawing.text import broken, clean, finite
from harness.report.model import (
    MAX_LISTED,
    Arithmetic,
    FindingCard,
    FindingGroup,
    RuleCard,
    ScoreCard,
    VerdictCard,
)
from harness.score.model import Breakdown, Score
from harness.score.words import interval_text, sum_text
from rules.model.findings import Finding, Outcome, Severity, Verdict
from rules.model.package import Package
from rules.registry import Rule, catalogue

MAX_PLACES = 200
NOT_HELD = "evidence that this package does not hold"


def verdict_card(verdict: Verdict, replay: str = "", planned: str = "") -> VerdictCard:
    """The verdict with findings grouped by rule, errors first, and rules by outcome, failures first.

    `replay` is the command that computes the accuracy again; empty where no weights are stored. `planned` is
    the ruleset that the plan names.
    """
    known = {rule.id: rule for rule in catalogue()}
    severities = [finding.severity for finding in verdict.findings]
    rules = []
    for result in sorted(verdict.rules, key=lambda r: (r.outcome.rank, r.id)):
        rule = known.get(result.id)
        reason, needs = clean(result.reason), ""
        if result.outcome is Outcome.NOT_CHECKED:
            reason, needs = _unchecked(rule, reason, replay)
        rules.append(
            RuleCard(
                id=clean(result.id, 40),
                title=rule.title if rule else "",
                outcome=result.outcome.value,
                reason=reason,
                why=rule.why if rule else "",
                source=rule.source if rule else "",
                needs=needs,
            )
        )
    return VerdictCard(
        verdict=clean(verdict.verdict, 40),
        ruleset=clean(verdict.ruleset, 80),
        made_by=planned if planned != clean(verdict.ruleset, 80) else "",
        counts=verdict.counts(),
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        notes=severities.count(Severity.INFO),
        groups=_group(verdict.findings, known),
        rules=rules,
        broken=broken_rules(verdict),
        weights=bool(replay),
    )


def planned_ruleset(package: Package) -> str:
    """The ruleset that the plan of a package names; empty where it names none."""
    return clean((package.plan or {}).get("ruleset"), 80)


def broken_rules(verdict: Verdict) -> str:
    """How many rules are broken, and in how many runs, in words; empty where none is."""
    return broken((clean(f.rule, 40), f.path or "") for f in verdict.findings if f.severity is Severity.ERROR)


def _unchecked(rule: Rule | None, reason: str, replay: str) -> tuple[str, str]:
    """Why a rule was not checked, and what would check it."""
    asks = "--replay" in reason or "--data" in reason
    if asks and replay:
        return reason, replay
    if rule is not None and rule.never_passes:
        return reason, "a person has to judge it"
    return "it needs the weights, which the package does not hold" if asks else reason, NOT_HELD


def _group(findings: list[Finding], known: dict[str, Rule]) -> list[FindingGroup]:
    """One group per rule and severity: errors first, of equal severity causes first, then as they appeared."""
    groups: dict[tuple[Severity, str], list[Finding]] = {}
    for severity in Severity:
        for finding in sorted(findings, key=lambda f: not _is_cause(f.rule, known)):
            if finding.severity == severity:
                groups.setdefault((severity, finding.rule), []).append(finding)
    causes = {f.path: f.rule for f in findings if _is_cause(f.rule, known) and f.path}
    return [
        FindingGroup(
            rule=clean(rule, 40),
            title=known[rule].title if rule in known else "",
            severity=severity.value,
            count=len(members),
            fix=clean(members[0].fix),
            findings=_merged(members)[:MAX_LISTED],
            cause=_is_cause(rule, known) and len(groups) > 1,
            follows="" if _is_cause(rule, known) else _follows(members, causes),
        )
        for (severity, rule), members in groups.items()
    ]


def _is_cause(rule: str, known: dict[str, Rule]) -> bool:
    return rule in known and known[rule].cause


def _follows(members: list[Finding], causes: dict[str, str]) -> str:
    """The cause that lies in a file of these findings; empty where there is none."""
    return next((causes[f.path] for f in members if f.path and f.path in causes), "")


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
        arithmetic=arithmetic(score.breakdown) if score.breakdown else None,
        science={clean(k, 60): v for k, raw in score.science.items() if (v := finite(raw)) is not None},
    )


def arithmetic(steps: Breakdown) -> Arithmetic:
    """The arithmetic of a score, as data."""
    pace, interval = steps.convergence, steps.interval
    return Arithmetic(
        line=clean(sum_text(steps)),
        counted=len(steps.counted),
        mean_s=finite(steps.mean_s),
        factor=pace.factor,
        pace=pace.pace,
        reason=clean(pace.reason),
        mean_epochs=finite(pace.mean_epochs),
        reference_epochs=finite(pace.reference_epochs),
        least_epochs=finite(pace.least_epochs),
        low_s=interval.low_s if interval else None,
        high_s=interval.high_s if interval else None,
        error_s=interval.error_s if interval else None,
        degrees=interval.degrees if interval else None,
        interval=interval_text(interval),
    )
