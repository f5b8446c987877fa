"""The mapping of docs/sources.md to rules: complete, and true as far as a test can see."""

from __future__ import annotations

import re

from harness.rulebook.coverage import coverage_page, load_coverage, uncovered
from harness.rulebook.sources import anchors
from tests.rules.cases import CASES, HPC_CASES
from tests.support import ROOT

MUTATIONS = {c.name: c.rule for c in [*CASES, *HPC_CASES]}


def _items() -> set[str]:
    """IDs of docs/sources.md as their anchors."""
    return set(anchors((ROOT / "docs" / "sources.md").read_text(encoding="utf-8")))


def test_every_item_of_the_sources_is_answered():
    asked = {item.upper() for item in _items() if re.fullmatch(r"[a-r]\d+", item)}
    weak = {item.upper() for item in _items() if re.fullmatch(r"w\d+", item)}
    assert len(asked) > 200 and weak == {f"W{n}" for n in range(1, 36)}
    found = load_coverage()
    assert asked == set(found.requirements)
    assert weak == set(found.weaknesses)


def test_every_case_of_the_sources_is_answered():
    numbers = {int(item.removeprefix("case-")) for item in _items() if item.startswith("case-")}
    assert len(numbers) > 50 and numbers == set(load_coverage().cases)


def test_every_rule_is_asked_for_or_our_own():
    assert uncovered() == []


def test_no_rule_of_our_own_is_asked_for():
    found = load_coverage()
    named = {id for item in found.items().values() for id in item.rules}
    assert named & set(found.own) == set()


def test_mutations_of_cases_exist_and_break_one_of_their_rules():
    for number, item in load_coverage().cases.items():
        assert item.mutations or item.rest, f"case {number} is applied by no mutation, and says not why"
        for name in item.mutations:
            assert name in MUTATIONS, name
            assert MUTATIONS[name] in item.rules, f"case {number}: {name}"


def test_coverage_page_is_in_step():
    shown = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert shown == coverage_page(), "make it anew: cloudmask rules coverage > docs/coverage.md"
