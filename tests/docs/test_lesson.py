"""The lesson has the parts that Carpentries lessons have, and its times add up to the three hours that it states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.notebooks import EPISODES
from tests.docs.structure import ROOT

LESSON = ROOT / "docs/lesson"
HOURS_MIN = 180
BREAK_MIN = 10


def planned(page: Path) -> tuple[int, int]:
    """Minutes of teaching and of exercises, as the page states them."""
    found = re.search(r"^Teaching (\d+) min, exercises (\d+) min\.$", page.read_text(), re.MULTILINE)
    assert found, page.name
    return int(found[1]), int(found[2])


def at_min(hour: str, minute: str) -> int:
    return 60 * int(hour) + int(minute)


@pytest.mark.parametrize("page", EPISODES, ids=lambda page: page.stem)
def test_an_episode_has_its_parts_and_every_exercise_a_folded_solution(page: Path) -> None:
    text = page.read_text()
    admonitions = re.findall(r'^!!! \w+ "(.+)"$', text, re.MULTILINE)
    assert admonitions == ["Questions", "Objectives", "Key points"]
    exercises = re.split(r"^### Exercise: ", text, flags=re.MULTILINE)[1:]
    assert len(exercises) >= 2
    for exercise in exercises:
        own = re.split(r"^## ", exercise, flags=re.MULTILINE)[0]
        assert own.count('<details markdown="1"><summary>Solution</summary>') == own.count("</details>") == 1


@pytest.mark.parametrize("page", EPISODES, ids=lambda page: page.stem)
def test_minutes_of_exercises_are_those_of_the_episode(page: Path) -> None:
    minutes = re.findall(r"^### Exercise: .*\((\d+) min\)$", page.read_text(), re.MULTILINE)
    assert sum(map(int, minutes)) == planned(page)[1]


def test_the_overview_adds_up() -> None:
    text = (LESSON / "index.md").read_text()
    stated = {page.name: sum(planned(page)) for page in EPISODES}
    rows = re.findall(r"^\| (\d):(\d\d) \| (.*) \|$", text, re.MULTILINE)
    for (hour, minute, what), (next_hour, next_minute, _) in zip(rows, rows[1:], strict=False):
        linked = next((n for n in stated if f"({n})" in what), None)
        wanted = stated[linked] if linked else BREAK_MIN
        assert at_min(next_hour, next_minute) - at_min(hour, minute) == wanted, what
        assert f"({wanted} min)" in what
    assert at_min(*rows[0][:2]) == 0 and at_min(*rows[-1][:2]) == HOURS_MIN
    assert sum(stated.values()) + BREAK_MIN == HOURS_MIN


def test_the_instructor_s_plan_has_no_gap_and_fits_the_episodes() -> None:
    text = (LESSON / "instructor.md").read_text()
    rows = [tuple(map(int, row)) for row in re.findall(r"^\| (\d):(\d\d) \| (\d+) \|", text, re.MULTILINE)]
    at = 0
    starts = set()
    for hour, minute, minutes in rows:
        assert 60 * hour + minute == at
        starts.add(at)
        at += minutes
    assert at == HOURS_MIN
    overview = re.findall(r"^\| (\d):(\d\d) \|", (LESSON / "index.md").read_text(), re.MULTILINE)
    assert {at_min(*start) for start in overview} <= {*starts, HOURS_MIN}


def test_words_of_the_glossary_are_in_order_and_linked_from_the_overview() -> None:
    words = re.findall(r"^\| ([^|]+) \| [^-]", (LESSON / "glossary.md").read_text(), re.MULTILINE)[1:]
    assert words == sorted(words, key=str.lower) and len(words) > 15
    assert "(glossary.md)" in (LESSON / "index.md").read_text()
