"""Every rule and its outcome, of what the verdict puts into data.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.report.drawing.labels import OUTCOMES
from harness.report.model import Report, RuleCard
from harness.report.panels.registry import ReportPanel
from rules.registry import GROUPS

QUIET = ("pass", "not_applicable")  # outcomes that nobody has to act on


class RuleGroup(NamedTuple):
    """Rules whose IDs begin alike."""

    prefix: str
    topic: str  # what they are about; empty where the prefix is not one of the rulebook's
    tally: str  # 12 passed, 3 not applicable
    reasons: Sequence[tuple[str, list[RuleCard]]]  # those that passed, then the others by their common reason


def grouped(rules: Iterable[RuleCard]) -> list[RuleGroup]:
    """Rules that passed or do not apply, by the beginning of their IDs, in the order of the rulebook."""
    by_prefix: dict[str, list[RuleCard]] = {}
    for rule in rules:
        if rule.outcome in QUIET:
            by_prefix.setdefault(rule.id.rstrip("0123456789"), []).append(rule)
    known = list(GROUPS)
    prefixes = sorted(by_prefix, key=lambda one: (known.index(one) if one in GROUPS else len(known), one))
    return [_group(prefix, by_prefix[prefix]) for prefix in prefixes]


def _group(prefix: str, rules: list[RuleCard]) -> RuleGroup:
    counts = Counter(rule.outcome for rule in rules)
    tally = ", ".join(f"{counts[name]} {OUTCOMES[name]}" for name in QUIET if counts[name])
    reasons: dict[str, list[RuleCard]] = {}
    for rule in rules:
        said = OUTCOMES[rule.outcome] if rule.outcome != "pass" else ""
        reasons.setdefault(": ".join(filter(None, (said, rule.reason))), []).append(rule)
    return RuleGroup(prefix, GROUPS.get(prefix, ""), tally, list(reasons.items()))


def _view(report: Report) -> dict[str, object]:
    return {"rule_groups": grouped(report.verdict.rules)}


PANEL = ReportPanel(
    anchor="rules",
    title="Every rule",
    link="Rules",
    order=90,
    view=_view,
    about="What was demanded, and what came of it.",
)
