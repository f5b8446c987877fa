"""The stages of a submission, and the type of the value that each hands on, read from its signature."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tests.docs.structure import ROOT


@dataclass(frozen=True)
class Stage:
    """A stage: its name, the function that does it (dotted), the type it returns, and that value in words."""

    name: str
    function: str
    value: str
    says: str


# stage, function, what its value is
STAGES = (
    ("read the recipe", "harness.plan.recipe.load_recipe", "how one system runs the benchmark"),
    ("plan", "harness.plan.plan.build_plan", "what would run, with every setting"),
    ("preflight", "harness.submit.preflight", "the plan, judged by the rules"),
    ("run", "harness.run.one_run.run_once", "one run as the harness saw it"),
    ("load", "harness.check.loader.load_package", "logs and evidence as typed values"),
    ("check", "harness.check.engine.check_loaded", "every rule's outcome and findings"),
    ("score", "harness.score.score.score", "time to train and energy"),
    ("report", "harness.report.data.report_data", "all that the page shows"),
    ("leaderboard", "harness.leaderboard.build._board", "entries that pass, by table"),
)


def stages() -> list[Stage]:
    """The stages in order. Raises LookupError when a function is gone or does not state what it returns."""
    return [Stage(name, function, returned(function), says) for name, function, says in STAGES]


def returned(function: str) -> str:
    """The annotated return type of a module's function, as it is written."""
    module, _, name = function.rpartition(".")
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.is_file():
        raise LookupError(
            f"{function}: {path.relative_to(ROOT)} is gone; name the stage's function in tests/docs/flow.py"
        )
    for found in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(found, ast.FunctionDef) and found.name == name and found.returns is not None:
            return ast.unparse(found.returns)
    raise LookupError(
        f"{function} is gone or states no type; name the stage's function in tests/docs/flow.py"
    )
