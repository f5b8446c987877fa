"""The stages of a submission, and the type of the value that each hands on, read from its signature."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tests.docs.structure import ROOT


@dataclass(frozen=True)
class Stage:
    """A stage: its name, the room and function that do it, the type it returns, and that value in words."""

    name: str
    room: str  # dotted
    function: str
    value: str
    says: str


# stage, room, function in one of its modules, what its value is
STAGES = (
    ("request", "harness.plan", "find_request", "the recipe, and where its files are"),
    ("draft", "harness.plan", "draft", "what would run on this machine"),
    ("preflight", "harness.submit", "preflight", "the draft, judged by the rules"),
    ("resolve", "harness.plan", "resolve", "all that the runs need, on disk"),
    ("run", "harness.run", "run_once", "one run as the harness saw it"),
    ("load", "harness.check", "load_runs", "run after run, with its evidence"),
    ("check", "harness.check", "check_all", "entries with facts and verdict"),
    ("score", "harness.score", "score", "time to train and energy"),
    ("report", "harness.report", "report_data", "all that the page shows"),
    ("leaderboard", "harness.leaderboard", "_board", "entries that pass, by table"),
)


def stages() -> list[Stage]:
    """The stages in order. Raises LookupError when a function is gone or does not state what it returns."""
    return [
        Stage(name, room, function, returned(room, function), says) for name, room, function, says in STAGES
    ]


def returned(room: str, function: str) -> str:
    """The annotated return type of a function, as it is written, wherever in its room the function is."""
    folder = ROOT / room.replace(".", "/")
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    for found in (node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(found, ast.FunctionDef) and found.name == function and found.returns is not None:
            return ast.unparse(found.returns)
    raise LookupError(
        f"{room} has no function {function} that states its type: see STAGES in tests/docs/flow.py"
    )
