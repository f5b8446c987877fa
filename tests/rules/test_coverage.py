"""The mapping of the survey: complete, and true as far as a test can see."""

from __future__ import annotations

import re

import pytest

from harness.rulebook.coverage import FOR_READERS, coverage_page, load_coverage, uncovered
from tests.rules.cases import CASES, HPC_CASES
from tests.rules.test_mutations import UNJUDGED
from tests.support import ROOT, SHARED

SURVEY = SHARED / "rules-survey.md"
MUTATIONS = {c.name: c.rule for c in [*CASES, *HPC_CASES]}


@pytest.fixture(scope="module")
def survey() -> str:
    if not SURVEY.is_file():
        pytest.skip("the rules survey (../shared/rules-survey.md) is not here")
    return SURVEY.read_text(encoding="utf-8")


def test_every_item_of_the_survey_is_answered(survey):
    asked = set(re.findall(r"^\| ([A-Q]\d+) \|", survey, re.MULTILINE))
    weak = set(re.findall(r"^- (W\d+) ", survey, re.MULTILINE))
    assert len(asked) > 190 and weak == {f"W{n}" for n in range(1, 36)}
    found = load_coverage()
    assert asked == {id for id in found.requirements if id[0] != "R"}
    assert weak == set(found.weaknesses)


def test_every_case_of_the_survey_is_answered(survey):
    section = survey[survey.index("## 3. ") : survey.index("## 4. ")]
    numbers = set(map(int, re.findall(r"^\| (\d+) \|", section, re.MULTILINE)))
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


def test_rules_for_readers_are_those_that_never_pass():
    assert UNJUDGED - {"EVD019"} == FOR_READERS  # replay is judged when it is asked for


def test_coverage_page_is_in_step():
    shown = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert shown == coverage_page(), "make it anew: cloudmask rules coverage > docs/coverage.md"
