"""The rooms of the code, their floors, and the imports between them, read from the source files.

A room is a package one level below rules, reference or harness, or a module beside such packages. Imports inside
functions count; what is imported by name at run time (the rule groups, the verbs of the command line) does not
show. Entry points (`__main__`) and the package files of the three houses, which hold the version, are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("reference", "rules", "harness")
GROUPS, FRAMEWORKS = "rules.*", "reference.*"
# from the top: a room imports rooms of lower floors only; `*` stands for every room not named elsewhere
FLOORS: tuple[tuple[str, ...], ...] = (
    ("harness.cli",),
    ("harness.experiment",),
    ("harness.submit", "harness.leaderboard", "harness.export"),
    ("harness.report",),
    ("harness.score",),
    ("harness.check", "harness.run", "harness.power", "harness.generalise"),
    ("harness.plan", "harness.witness", "harness.statement", "harness.upstream"),
    (GROUPS, "harness.rulebook", "harness.science", "harness.untrusted", "harness.machine", "harness.fetch"),
    (FRAMEWORKS, "rules.facts"),
    ("reference.science", "rules.registry", "harness.package", "harness.telemetry"),
    ("reference.data", "rules.model"),
    ("reference.protocol", "rules.ruleset", "harness.core"),
)
Arrow = tuple[str, str]


@dataclass(frozen=True)
class Room:
    """A folder or module: its dotted name, where it lies, and the first paragraph of its docstring."""

    name: str
    path: str
    says: str

    @property
    def house(self) -> str:
        """Which of the three it belongs to."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Structure:
    """All rooms by name, and which of them import which."""

    rooms: Mapping[str, Room]
    arrows: frozenset[Arrow]


@lru_cache(maxsize=1)
def structure() -> Structure:
    """The code as it is in this checkout."""
    modules = {_dotted(path): path for house in HOUSES for path in (ROOT / house).rglob("*.py")}
    rooms: dict[str, Room] = {}
    arrows = set()
    for name, path in sorted(modules.items()):
        room = _room(name, modules)
        if room is None:
            continue
        if name == room:
            rooms[room] = _described(room, path)
        others = {_room(module, modules) for module in _imports(path, modules)}
        arrows |= {(room, other) for other in others if other not in (None, room)}
    return Structure(rooms, frozenset(a for a in arrows if a[1] in rooms))


def floor_of(room: str) -> int | None:
    """Number of the room's floor, 0 at the ground; None for a room that no floor names."""
    for number, names in enumerate(reversed(FLOORS)):
        if node(room) in names:
            return number
    return None


def node(room: str) -> str:
    """The name under which a room stands in FLOORS: its own, or the pattern it falls under."""
    if any(room in names for names in FLOORS):
        return room
    return {"rules": GROUPS, "reference": FRAMEWORKS}.get(room.partition(".")[0], room)


def direct(arrows: Iterable[Arrow]) -> list[Arrow]:
    """The arrows that no chain of others implies; of an acyclic graph."""
    below: dict[str, set[str]] = {}
    for start, end in arrows:
        below.setdefault(start, set()).add(end)

    def reaches(start: str, goal: str) -> bool:
        return any(near == goal or reaches(near, goal) for near in below.get(start, ()))

    return sorted(
        (start, end)
        for start in below
        for end in below[start]
        if not any(reaches(n, end) for n in below[start])
    )


def cycle(arrows: Iterable[Arrow]) -> list[str]:
    """The rooms of a cycle in order, or an empty list."""
    below: dict[str, list[str]] = {}
    for start, end in sorted(arrows):
        below.setdefault(start, []).append(end)
    done: set[str] = set()

    def walk(room: str, path: list[str]) -> list[str]:
        if room in path:
            return path[path.index(room) :]
        if room in done:
            return []
        found = next(filter(None, (walk(near, [*path, room]) for near in below.get(room, ()))), [])
        done.add(room)
        return found

    return next(filter(None, (walk(room, []) for room in sorted(below))), [])


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str, modules: Mapping[str, Path]) -> str | None:
    """The room of a module; None for a house's own package file and for entry points."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] == "__main__":
        return None
    return ".".join(parts[:2])


def _imports(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names if alias.name in modules)
        elif isinstance(found, ast.ImportFrom) and found.module:
            for alias in found.names:
                inner = f"{found.module}.{alias.name}"
                yield from (name for name in (inner, found.module) if name in modules)


def _described(room: str, path: Path) -> Room:
    says = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    place = path.parent if path.name == "__init__.py" else path
    first = " ".join(says.split("\n\n")[0].split())
    return Room(room, place.relative_to(ROOT).as_posix(), first)
