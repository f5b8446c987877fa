"""docs/architecture.md and its drawing, made from the code.

python -m tests.docs architecture
"""

from __future__ import annotations

from harness.rulebook.markdown import MADE_BY, table
from tests.docs.drawing import drawing
from tests.docs.flow import Stage, stages
from tests.docs.structure import FLOORS, FRAMEWORKS, GROUPS, HOUSES, Structure, node, structure

PICTURE = "images/architecture.svg"
_HOUSES = {
    "rules": "What a submission must satisfy. Rules read evidence and never run anything.",
    "reference": "The benchmark itself: data, model, training. It prints MLLOG lines and can be replaced.",
    "harness": "Whatever plans, runs, measures, reads, judges and shows.",
}
_INTRODUCTION = f"""\
# Architecture

Three top-level packages: `rules/` is the law, `reference/` the benchmark, `harness/` the machinery. Each has
one folder ("room") per stage of a submission, per rule prefix, or per framework. `tests/` mirrors the tree.

![Rooms on their floors with the imports between them; beside them the stages of a submission with the type of
the value that each hands on]({PICTURE})

Data flow one way: each stage takes and gives a typed value, and none calls back. Two statements hold and are
tested (tests/docs/test_architecture.py):

* **No upward arrow.** A room imports rooms of lower floors only. Rule groups share one floor and may import each
  other.
* **No cycle** of imports between rooms.

Imports inside functions count. What is looked up by name does not show: the registry finds the rule groups so,
and the command line its verbs.

Where to make a change: [CONTRIBUTING](../CONTRIBUTING.md). What the rules ask for: [rules](rules.md).
"""
_FLOORS = """\
## Floors

From the top. The order is stated in tests/docs/structure.py; a new room has to be given a floor there, except
for rule groups and frameworks, which have theirs.
"""


def page(found: Structure, flow: list[Stage]) -> str:
    """The document as Markdown."""
    lines = [MADE_BY.format(command="make docs"), "", _INTRODUCTION, "## Stages", ""]
    lines += table(
        ["stage", "room", "function", "value", "what it is"],
        ([s.name, f"`{s.room.replace('.', '/')}`", f"`{s.function}`", f"`{s.value}`", s.says] for s in flow),
    )
    lines += ["", _FLOORS]
    lines += [f"* Floor {len(FLOORS) - number}: {_floor(names)}" for number, names in enumerate(FLOORS)]
    for house in HOUSES:
        lines += ["", f"## {house}/", "", _HOUSES[house], ""]
        lines += table(["room", "what it holds", "imports"], _rooms(house, found))
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Path below docs/ -> text, for the page and its drawing."""
    found, flow = structure(), stages()
    return {"architecture.md": page(found, flow), PICTURE: drawing(found, flow)}


def _floor(names: tuple[str, ...]) -> str:
    words = {GROUPS: "the rule groups", FRAMEWORKS: "the frameworks of reference/"}
    return ", ".join(words.get(name, f"`{name.replace('.', '/')}`") for name in names)


def _rooms(house: str, found: Structure) -> list[list[str]]:
    rows = []
    for name, room in found.rooms.items():
        if room.house == house:
            used = sorted({_short(end, house) for start, end in found.arrows if start == name})
            rows.append([f"`{room.path}`", room.says, ", ".join(used)])
    return rows


def _short(room: str, house: str) -> str:
    """A room as its neighbours call it; all rule groups by one word from outside of rules/."""
    if node(room) == GROUPS and house != "rules":
        return "rule groups"
    return room.removeprefix(f"{house}.").replace(".", "/")
