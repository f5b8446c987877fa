"""What a rule can say: findings, outcomes, the verdict."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import msgspec


class Severity(str, Enum):
    """How much a finding weighs; the gravest first."""

    ERROR = "error"  # the package is not compliant
    WARNING = "warning"  # for a reviewer to look at
    INFO = "info"


class Outcome(str, Enum):
    """What a rule says of all that it judged; the worst first, in the order of lists."""

    FAIL = "fail"
    WARN = "warn"
    NOT_CHECKED = "not_checked"  # always with a reason; never a silent pass
    PASS = "pass"
    NOT_APPLICABLE = "not_applicable"

    @property
    def rank(self) -> int:
        """Place in that order, from 0."""
        return _RANKS[self]


_RANKS = {outcome: at for at, outcome in enumerate(Outcome)}
Conclusion = Literal["unreadable", "not_compliant", "compliant"]  # the worst first
CONCLUSIONS: tuple[Conclusion, ...] = ("unreadable", "not_compliant", "compliant")

_WORDS: dict[Conclusion, str] = {
    "unreadable": "unreadable",
    "not_compliant": "not consistent with the rules",
    "compliant": "consistent with the rules",
}


class Scope(str, Enum):
    """What one call of a rule judges."""

    PLAN = "plan"  # before the runs
    RUN = "run"  # one result log and its evidence
    PACKAGE = "package"  # everything together


class Finding(msgspec.Struct, frozen=True):
    """One thing wrong, stated so that a person can act on it. `path` is relative to the package."""

    rule: str
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None  # 1-based line of the file as it is on disk
    expected: Any = None
    actual: Any = None
    fix: str | None = None


class RuleResult(msgspec.Struct, frozen=True):
    """The outcome of one rule."""

    id: str
    outcome: Outcome
    reason: str | None = None  # for not_applicable and not_checked


class Verdict(msgspec.Struct):
    """What the rulebook says of an entry, a log or a plan."""

    ruleset: str
    path: str
    verdict: Conclusion
    findings: list[Finding]
    rules: list[RuleResult]
    entries: dict[str, str] = {}  # digest of the files of each entry, by its name

    @property
    def words(self) -> str:
        """The verdict for a reader: a checker of packages sees consistency, and proves nothing."""
        return _WORDS[self.verdict]

    def counts(self) -> dict[str, int]:
        """How many rules had each outcome."""
        tally = {outcome.value: 0 for outcome in Outcome}
        for result in self.rules:
            tally[result.outcome.value] += 1
        return tally
