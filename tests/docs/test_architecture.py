"""The code has the order that docs/architecture.md states."""

from __future__ import annotations

from tests.docs.architecture import pages
from tests.docs.documents import DOCS
from tests.docs.structure import FLOORS, FRAMEWORKS, GROUPS, cycle, direct, floor_of, node, structure


def test_every_room_has_one_floor() -> None:
    rooms = structure().rooms
    assert [name for name in rooms if floor_of(name) is None] == [], (
        "name its floor in tests/docs/structure.py"
    )
    named = [name for names in FLOORS for name in names]
    assert len(named) == len(set(named))
    assert set(named) == {node(room) for room in rooms} | {GROUPS, FRAMEWORKS}


def test_every_room_says_what_it_holds() -> None:
    assert [room.path for room in structure().rooms.values() if not room.says] == []


def test_no_arrow_leads_up() -> None:
    up = {
        (start, end)
        for start, end in structure().arrows
        if node(start) != node(end) and (floor_of(start) or 0) <= (floor_of(end) or 0)
    }
    assert up == set(), "import from a lower floor only, or move what is imported down"


def test_no_cycle() -> None:
    assert cycle(structure().arrows) == []


def test_a_cycle_is_found() -> None:
    arrows = {("a", "b"), ("b", "c"), ("c", "b"), ("a", "c")}
    assert sorted(cycle(arrows)) == ["b", "c"]
    assert cycle({("a", "b"), ("b", "c"), ("a", "c")}) == []


def test_implied_arrows_are_left_out() -> None:
    assert direct({("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d")}) == [
        ("a", "b"),
        ("b", "c"),
        ("c", "d"),
    ]


def test_imports_inside_functions_count() -> None:
    assert ("harness.cli", "harness.rulebook") in structure().arrows  # cli/rules.py imports pages when asked


def test_page_and_drawing_are_in_step() -> None:
    for place, text in pages().items():
        assert (DOCS / place).read_text(encoding="utf-8") == text, (
            f"docs/{place}: make it anew with `make docs`"
        )
