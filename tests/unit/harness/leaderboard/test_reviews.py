"""The life of a result: what may follow what, and what the board makes of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.core.errors import UserError
from harness.leaderboard import build_leaderboard
from harness.leaderboard.reviews import Event, add, path_of, read_all, read_review
from rules.ruleset import load_ruleset
from tests.support.builders import build_package

NOW = 1_795_000_000.0  # 2026-11-18
DAY = date(2026, 11, 1)


def event(state: str, **more: object) -> Event:
    return Event.model_validate({"state": state, "when": DAY, "by": "R. Eviewer", **more})


def test_events_are_added_and_read_again(tmp_path: Path) -> None:
    path = path_of(tmp_path, "Lab/box")
    add(path, event("under review"))
    add(path, event("objection", text="run 3: a node was shared"))
    found = read_review(path)
    assert [one.state for one in found.events] == ["under review", "objection"]
    assert "run 3: a node was shared" in found.events[1].words() and read_all(tmp_path) == {"Lab/box": found}


def test_what_cannot_follow_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = path_of(tmp_path, "Lab/box")
    add(path, event("withdrawn"))
    before = path.read_bytes()
    with pytest.raises(UserError, match="cannot follow withdrawn"):
        add(path, event("verified"))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "objection"},
        {"state": "superseded"},
        {"state": "embargoed"},
        {"state": "verified", "until": DAY},
        {"state": "superseded", "superseded_by": "../x"},
        {"state": "verified", "grade": 1},
    ],
)
def test_events_are_complete_or_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Event.model_validate({"when": DAY, "by": "R.", **wrong})


@pytest.mark.parametrize("id", ["../../etc", "a", "a/../b", "/a/b", "a/b/c", ".a/b"])
def test_only_ids_name_files(tmp_path: Path, id: str) -> None:
    with pytest.raises(UserError, match="not the ID"):
        path_of(tmp_path, id)


@pytest.mark.parametrize(
    "text", ["events: 3", "events: [{state: best}]", "!!python/object:x {}", "- a", "a: ["]
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "box.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"box\.yaml"):
        read_review(path)


def test_the_board_shows_the_state_and_leaves_out_what_is_withdrawn_or_under_embargo(tmp_path: Path) -> None:
    seeds = [(s + 1, s + 7_202, s + 30_303, s + 404_404, s + 5_050_505) for s in (100, 2_000, 30_000)]
    for org, some in zip(("Alpha", "Beta", "Gamma"), seeds, strict=True):
        build_package(tmp_path, org=org, system="box", seeds=some)
    add(path_of(tmp_path, "Alpha/box"), event("verified", by="<b>R.</b>"))
    add(path_of(tmp_path, "Beta/box"), event("withdrawn", text="the wrong node"))
    add(path_of(tmp_path, "Gamma/box"), event("embargoed", until=date(2026, 12, 24)))
    board, page = build_leaderboard(tmp_path, tmp_path / "out", load_ruleset(), NOW, cache=tmp_path / "c")
    text = page.read_text()
    assert [e.id for t in board.tables for e in t.entries] == ["Alpha/box"]
    assert board.tables[0].entries[0].state == "looked at by <b>R.</b>" and "<b>R.</b>" not in text
    assert board.withdrawn[0].id == "Beta/box" and "the wrong node" in text
    assert "Gamma" not in text and not list((tmp_path / "out/reports/Gamma/box").glob("*"))
    later, _ = build_leaderboard(
        tmp_path, tmp_path / "out", load_ruleset(), NOW + 60 * 86_400, cache=tmp_path / "c"
    )
    assert "Gamma/box" in [e.id for t in later.tables for e in t.entries], "the embargo is over"


def test_a_rejected_package_under_embargo_is_left_out_too(tmp_path: Path) -> None:
    bad = build_package(tmp_path, org="Hasty", system="box")
    bad.edit_events(1, lambda events: [e for e in events if e["key"] != "seed"])
    said: list[str] = []
    add(path_of(tmp_path, "Hasty/box"), event("embargoed", until=date(2026, 12, 24)))
    board, page = build_leaderboard(
        tmp_path, tmp_path / "out", load_ruleset(), NOW, said.append, cache=tmp_path / "c"
    )
    assert board.rejected == [] and "Hasty" not in page.read_text()
    assert not list((tmp_path / "out/reports").glob("*")) and said == ["under embargo: Hasty / box"]
