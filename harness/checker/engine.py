"""Applying rules to what they judge. A rule that fails to judge is an error, never a pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from rules.model import Finding, Outcome, Package, Plan, RuleResult, Run, Scope, Severity, Verdict
from rules.registry import NotApplicable, NotChecked, Rule, catalogue
from rules.ruleset import Ruleset

MAX_FINDINGS = 100  # per rule and subject: a hostile log must not fill the memory


@dataclass
class _Tally:
    """What one rule said about all its subjects."""

    findings: list[Finding] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    judged: int = 0

    def result(self, id: str, lenient: str | None = None) -> RuleResult:
        """One outcome for all subjects: the worst, and a part that was not checked is never a pass.

        `lenient` says why the ruleset only warns.
        """
        severities = {f.severity for f in self.findings}
        if Severity.ERROR in severities:
            return RuleResult(id, Outcome.FAIL)
        if Severity.WARNING in severities:
            return RuleResult(id, Outcome.WARN, lenient)
        if self.not_checked:
            return RuleResult(id, Outcome.NOT_CHECKED, self.not_checked[0])
        if self.judged:
            return RuleResult(id, Outcome.PASS)
        reason = self.not_applicable[0] if self.not_applicable else "nothing of this kind in what was checked"
        return RuleResult(id, Outcome.NOT_APPLICABLE, reason)


def check_plan(plan: Plan, ruleset: Ruleset) -> Verdict:
    """Preflight: every rule that can judge a plan, before anything runs."""
    return _verdict(ruleset, plan.recipe_path, [(Scope.PLAN, plan)], plan.division)


def check_loaded(package: Package, ruleset: Ruleset, path: str) -> Verdict:
    """Every rule on each run and on the whole package."""
    subjects: list[tuple[Scope, Any]] = [(Scope.RUN, run) for run in [*package.runs, *package.pruned]]
    return _verdict(ruleset, path, [*subjects, (Scope.PACKAGE, package)], package.division)


def check_run(run: Run, ruleset: Ruleset, path: str) -> Verdict:
    """The rules that one result log can answer."""
    return _verdict(ruleset, path, [(Scope.RUN, run)], run.division)


def _verdict(
    ruleset: Ruleset, path: str, subjects: Iterable[tuple[Scope, Any]], division: str | None
) -> Verdict:
    subjects = list(subjects)
    scopes = {scope for scope, _ in subjects}
    findings: list[Finding] = []
    results: list[RuleResult] = []
    for rule in catalogue():
        if not scopes.intersection(rule.scopes):
            continue
        tally = _apply(rule, subjects, ruleset, division)
        findings += tally.findings
        results.append(tally.result(rule.id, ruleset.lenient.get(rule.id)))
    failed = any(f.severity is Severity.ERROR for f in findings)
    return Verdict(ruleset.name, path, "not_compliant" if failed else "compliant", findings, results)


def _apply(rule: Rule, subjects: list[tuple[Scope, Any]], ruleset: Ruleset, division: str | None) -> _Tally:
    tally = _Tally()
    if rule.id in ruleset.excluded:
        tally.not_applicable.append(ruleset.excluded[rule.id])
        return tally
    # a division that nobody knows must not switch rules off (survey W2)
    if division in ruleset.divisions and division not in rule.divisions:
        tally.not_applicable.append(f"not a rule of the {division} division")
        return tally
    for scope, subject in subjects:
        if scope in rule.scopes:
            _judge(rule, subject, ruleset, tally)
    return tally


def _judge(rule: Rule, subject: Any, ruleset: Ruleset, tally: _Tally) -> None:
    count = 0
    try:
        for finding in rule.check(rule, subject, ruleset):
            if rule.id in ruleset.lenient and finding.severity is Severity.ERROR:
                finding = replace(finding, severity=Severity.WARNING)
            count += 1
            if count > MAX_FINDINGS:
                more = rule.finding(
                    "more findings of this kind; only the first are listed", path=finding.path
                )
                tally.findings.append(replace(more, severity=finding.severity))
                break
            tally.findings.append(finding)
        tally.judged += 1
    except NotApplicable as reason:
        tally.not_applicable.append(str(reason))
    except NotChecked as reason:
        tally.not_checked.append(str(reason))
    except Exception as error:  # a defect of ours: say so, and let nothing pass because of it
        where = getattr(subject, "path", None)
        message = f"checker error: the rule could not be applied ({type(error).__name__}: {str(error)[:200]})"
        tally.findings.append(
            Finding(
                rule=rule.id,
                severity=Severity.ERROR,
                message=" ".join(message.split()),
                path=where if isinstance(where, str) else None,
                fix="report this as a defect of the checker, with the package.",
            )
        )


_ORDER = [Outcome.FAIL, Outcome.WARN, Outcome.NOT_CHECKED, Outcome.PASS, Outcome.NOT_APPLICABLE]


def combine(verdicts: list[Verdict], path: str) -> Verdict:
    """One verdict over several systems: compliant only when each is; per rule the worst outcome."""
    if len(verdicts) == 1:
        return verdicts[0]
    worst: dict[str, RuleResult] = {}
    for result in (r for v in verdicts for r in v.rules):
        known = worst.get(result.id)
        if known is None or _ORDER.index(result.outcome) < _ORDER.index(known.outcome):
            worst[result.id] = result
    findings = list(dict.fromkeys(_hashable(f) for v in verdicts for f in v.findings))
    kinds = {v.verdict for v in verdicts}
    verdict = next(k for k in ("unreadable", "not_compliant", "compliant") if k in kinds)
    return Verdict(verdicts[0].ruleset, path, verdict, [f.finding for f in findings], list(worst.values()))


@dataclass(frozen=True)
class _Same:
    """Findings compared by what is shown: two systems of one organisation share some files."""

    key: tuple[Any, ...]
    finding: Finding = field(compare=False)


def _hashable(finding: Finding) -> _Same:
    shown = (finding.rule, finding.severity, finding.message, finding.path, finding.line)
    return _Same(shown, finding)
