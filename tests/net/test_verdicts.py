"""`check` says of all packages of the record what it said when they were recorded (see verdicts.py).

The whole takes half a minute of CPU time, so no case is left out.
"""

from __future__ import annotations

import pytest

from tests.net.cases import CORPUS, GROUPS, cases
from tests.net.verdicts import FILE, Records, differences, judge_all, load, of_groups

ANEW = "if that is meant: python -m tests.net.verdicts record"
SHOWN = 40  # lines of a difference


@pytest.fixture(scope="module")
def recorded() -> Records:
    return load(FILE)


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_verdicts_are_as_recorded(recorded: Records, group: str) -> None:
    """Verdict, outcome of each rule, findings but for their wording, and the numbers of scores."""
    if group == "corpus" and not CORPUS.is_dir():
        pytest.skip("the published packages (../shared/corpus) are not here")
    before = of_groups(recorded, [group])
    assert before
    found = differences(before, judge_all(cases([group]), processes=1), ignore_text=True)
    lines = [f"{key}: {line}" for key, changes in found.items() for line in changes]
    assert not found, "\n".join([f"{len(found)} cases differ; {ANEW}", *lines[:SHOWN]])
