"""Every rule and its outcome, of what the verdict puts into data.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.core.words import plural
from harness.report.drawing.labels import OUTCOMES
from harness.report.model import Report, RuleCard
from harness.report.panels.registry import ReportPanel
from rules.model.findings import Outcome
from rules.registry import GROUPS

QUIET = ("pass", "not_applicable")  # outcomes that nobody has to act on
NOT_CHECKED = Outcome.NOT_CHECKED.value


class RuleGroup(NamedTuple):
    """Rules that are listed together: those that were not checked, or those that begin alike."""

    name: str  # Not checked, or the beginning of their IDs
    topic: str  # what they are about; empty where the beginning is not one of the rulebook's
    tally: str  # 12 passed, 3 not applicable
    reasons: Sequence[tuple[str, list[RuleCard]]]  # those that passed, then the others by their common reason
    open: bool = False  # whether it is shown at once


def unchecked(rules: Iterable[RuleCard]) -> list[RuleGroup]:
    """One group of the rules that were not checked; nothing where there are none."""
    found = [rule for rule in rules if rule.outcome == NOT_CHECKED]
    name = OUTCOMES[NOT_CHECKED].capitalize()
    return [RuleGroup(name, "", plural(len(found), "rule"), _by_reason(found), True)] if found else []


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
    return RuleGroup(prefix, GROUPS.get(prefix, ""), tally, _by_reason(rules))


def _by_reason(rules: Iterable[RuleCard]) -> list[tuple[str, list[RuleCard]]]:
    found: dict[str, list[RuleCard]] = {}
    for rule in rules:
        outcome = OUTCOMES[rule.outcome] if rule.outcome == "not_applicable" else ""
        found.setdefault(": ".join(filter(None, (outcome, rule.reason))), []).append(rule)
    return list(found.items())


def _view(report: Report) -> dict[str, object]:
    rules = report.verdict.rules
    loud = [rule for rule in rules if rule.outcome not in (*QUIET, NOT_CHECKED)]
    return {"loud": loud, "rule_groups": [*unchecked(rules), *grouped(rules)]}


PANEL = ReportPanel(
    anchor="rules",
    title="Every rule",
    link="Rules",
    order=90,
    view=_view,
    about="What was demanded, and what came of it.",
)
