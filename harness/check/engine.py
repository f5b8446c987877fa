"""Applying rules to what they judge. A rule that fails to judge is an error, never a pass."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from rules.model.findings import CONCLUSIONS, Finding, Outcome, RuleResult, Scope, Severity, Verdict
from rules.model.package import Package, Plan
from rules.model.run import Run
from rules.registry import NotApplicable, NotChecked, Rule, catalogue
from rules.ruleset import Ruleset

MAX_FINDINGS = 100  # per rule and subject: a hostile log must not fill the memory
MAX_LISTED = 10_000  # per rule: nor must ten thousand of them


class _Tally(msgspec.Struct):
    """What one rule said about all its subjects."""

    findings: list[Finding] = []
    unlisted: int = 0
    severities: set[Severity] = set()
    not_checked: list[str] = []  # the first reason
    not_applicable: list[str] = []
    judged: int = 0

    def add(self, finding: Finding) -> None:
        self.severities.add(finding.severity)
        if len(self.findings) < MAX_LISTED:
            self.findings.append(finding)
        else:
            self.unlisted += 1

    def listed(self, rule: Rule) -> list[Finding]:
        """The findings, and how many are left out."""
        if not self.unlisted:
            return self.findings
        worst = Severity.ERROR if Severity.ERROR in self.severities else self.findings[-1].severity
        more = rule.finding(f"{self.unlisted} more findings of this kind are not listed", severity=worst)
        return [*self.findings, more]

    def result(self, id: str, lenient: str | None = None) -> RuleResult:
        """One outcome for all subjects: the worst, and a part that was not checked is never a pass.

        `lenient` says why the ruleset only warns.
        """
        if self.severities:
            if Severity.ERROR in self.severities:
                return RuleResult(id, Outcome.FAIL)
            if Severity.WARNING in self.severities:
                return RuleResult(id, Outcome.WARN, lenient)
        if self.not_checked:
            return RuleResult(id, Outcome.NOT_CHECKED, self.not_checked[0])
        if self.judged:
            return RuleResult(id, Outcome.PASS)
        reason = self.not_applicable[0] if self.not_applicable else "nothing of this kind in what was checked"
        return RuleResult(id, Outcome.NOT_APPLICABLE, reason)


def check_plan(plan: Plan, ruleset: Ruleset) -> Verdict:
    """Preflight: every rule that can judge a plan, before anything runs."""
    judge = Judge(ruleset)
    judge.judge(Scope.PLAN, plan)
    return judge.verdict(plan.recipe_path, plan.division)


class Judge:
    """Applies the rulebook to subjects as they come: runs one by one, then their package."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._rules = catalogue()
        self._tallies: dict[str, _Tally] = {}
        self._scopes: dict[Scope, list[tuple[Rule, _Tally]]] = {}

    def judge(self, scope: Scope, subject: Plan | Run | Package) -> None:
        """Apply every rule of that scope."""
        if scope not in self._scopes:
            known = [rule for rule in self._rules if scope in rule.scopes]
            tallies = [(rule, self._tallies.setdefault(rule.id, _Tally())) for rule in known]
            self._scopes[scope] = [t for t in tallies if t[0].id not in self._ruleset.excluded]
        for rule, tally in self._scopes[scope]:
            _apply(rule, subject, self._ruleset, tally)

    def verdict(self, path: str, division: str | None) -> Verdict:
        """What the rules of that division said, in the order of the catalogue."""
        ruleset = self._ruleset
        known = division in ruleset.divisions  # an unknown one must not switch rules off (sources W2)
        findings: list[Finding] = []
        results: list[RuleResult] = []
        failed = False
        for rule in self._rules:
            tally = self._tallies.get(rule.id)
            if tally is None:  # a rule of another scope
                continue
            if rule.id in ruleset.excluded:
                tally = _Tally(not_applicable=[ruleset.excluded[rule.id]])
            elif known and division not in rule.divisions:
                tally = _Tally(not_applicable=[f"not a rule of the {division} division"])
            if tally.findings:
                findings += tally.listed(rule)
                failed = failed or Severity.ERROR in tally.severities
            results.append(tally.result(rule.id, ruleset.lenient.get(rule.id)))
        return Verdict(ruleset.name, path, "not_compliant" if failed else "compliant", findings, results)


def _apply(rule: Rule, subject: Any, ruleset: Ruleset, tally: _Tally) -> None:
    """One rule on one subject."""
    count = 0
    try:
        for finding in rule.check(rule, subject, ruleset):
            if finding.severity is Severity.ERROR and rule.id in ruleset.lenient:
                finding = replace(finding, severity=Severity.WARNING)
            count += 1
            if count > MAX_FINDINGS:
                more = rule.finding(
                    "more findings of this kind; only the first are listed", path=finding.path
                )
                tally.add(replace(more, severity=finding.severity))
                break
            tally.add(finding)
        tally.judged += 1
    except NotApplicable as reason:
        if not tally.not_applicable:
            tally.not_applicable.append(str(reason))
    except NotChecked as reason:
        if not tally.not_checked:
            tally.not_checked.append(str(reason))
    except Exception as error:  # a defect of the checker: reported, and never a pass
        tally.add(_defect(rule, subject, error))


def _defect(rule: Rule, subject: Any, error: Exception) -> Finding:
    where = getattr(subject, "path", None)
    message = f"checker error: the rule could not be applied ({type(error).__name__}: {str(error)[:200]})"
    return Finding(
        rule=rule.id,
        severity=Severity.ERROR,
        message=" ".join(message.split()),
        path=where if isinstance(where, str) else None,
        fix="report this as a defect of the checker, with the package.",
    )


def combine(verdicts: list[Verdict], path: str) -> Verdict:
    """One verdict over several systems: compliant only when each is; per rule the worst outcome."""
    if len(verdicts) == 1:
        return verdicts[0]
    worst: dict[str, RuleResult] = {}
    for result in (r for v in verdicts for r in v.rules):
        known = worst.get(result.id)
        if known is None or result.outcome.rank < known.outcome.rank:
            worst[result.id] = result
    shared = set.intersection(
        *({r.id for r in v.rules if r.outcome is not Outcome.NOT_APPLICABLE} for v in verdicts)
    )
    for id, result in worst.items():  # what holds of one system is not shown of the others
        if result.outcome is Outcome.PASS and id not in shared and len({v.ruleset for v in verdicts}) > 1:
            worst[id] = RuleResult(id, Outcome.NOT_CHECKED, "not a rule of every system's ruleset")
    findings: dict[tuple[Any, ...], Finding] = {}  # by what is shown: two systems share some files
    for f in (f for v in verdicts for f in v.findings):
        findings.setdefault((f.rule, f.severity, f.message, f.path, f.line), f)
    kinds = {v.verdict for v in verdicts}
    verdict = next(k for k in CONCLUSIONS if k in kinds)
    rulesets = ", ".join(sorted({v.ruleset for v in verdicts}))
    entries = {name: digest for v in verdicts for name, digest in v.entries.items()}
    return Verdict(rulesets, path, verdict, list(findings.values()), list(worst.values()), entries)
