"""docs/coverage.md: what the sources ask for, item by item, and what of it is judged here.

The data are in rules/coverage/: requirements (groups A to R of docs/sources.md), weaknesses of the
field's tools (W), tampering cases (by number), and the rules that are this rulebook's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import rules
from harness.rulebook.markdown import MADE_BY, table
from harness.rulebook.sources import PAGE, anchor
from rules.registry import catalogue, get

FOLDER = Path(rules.__file__).parent / "coverage"
GROUPS = {
    "A": "Log structure and order",
    "B": "Keys of the log",
    "C": "Timing",
    "D": "Hyperparameters",
    "E": "Data set, split, preprocessing, model",
    "F": "Quality target and evaluation",
    "G": "Randomness",
    "H": "Number of runs and scoring",
    "I": "Reference convergence points",
    "J": "System description",
    "K": "Package layout",
    "L": "Power and energy",
    "M": "Code and reproducibility",
    "N": "Strong and weak scaling",
    "O": "Numerics",
    "P": "Division, category, review",
    "Q": "Naming and trade mark",
    "R": "Ideas of other suites",
    "W": "Weaknesses of the field's own tools",
}


class Item(BaseModel):
    """One thing that is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asks: str
    rules: list[str] = Field(default_factory=list)
    mutations: list[str] = Field(default_factory=list)  # of tests/rules
    rest: str | None = None  # what of it no rule can judge
    design: str | None = None  # what of it the machinery does
    unchecked: str | None = None
    outside: str | None = None

    @model_validator(mode="after")
    def _answered(self) -> Item:
        answers = [bool(self.rules or self.design), self.unchecked is not None, self.outside is not None]
        if sum(answers) != 1:
            raise ValueError("an item has rules (or design), or a reason why it has none")
        return self

    @property
    def answer(self) -> str:
        """What stands in the column "judged by"."""
        if self.unchecked is not None:
            return f"not checked: {self.unchecked}"
        if self.outside is not None:
            return f"does not apply: {self.outside}"
        return "; ".join([", ".join(map(_link, self.rules)), *filter(None, [self.design, self.rest])]).lstrip(
            "; "
        )


class Coverage(BaseModel):
    """All items by their ID, and the reasons of the rules that no item names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requirements: dict[str, Item]
    weaknesses: dict[str, Item]
    cases: dict[int, Item]
    own: dict[str, str]

    def items(self) -> dict[str, Item]:
        """Everything by its ID; cases by their numbers."""
        return {**self.requirements, **self.weaknesses, **{str(n): item for n, item in self.cases.items()}}


@lru_cache(maxsize=1)
def load_coverage() -> Coverage:
    """The four files. Raises ValueError in one line when one is invalid or names a rule that does not exist."""
    raw: dict[str, Any] = {}
    for name in Coverage.model_fields:
        try:
            raw[name] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ValueError(f"{name}.yaml cannot be read: {' '.join(str(error).split())[:300]}") from error
    try:
        found = Coverage.model_validate(raw)
    except ValidationError as error:
        raise ValueError(f"rules/coverage cannot be read: {' '.join(str(error).split())[:300]}") from error
    named = {id for item in found.items().values() for id in item.rules} | set(found.own)
    unknown = sorted(id for id in named if get(id) is None)
    if unknown:
        raise ValueError(f"rules/coverage names {unknown[0]}, which is not a rule")
    return found


def coverage_page() -> str:
    """The mapping as Markdown."""
    found = load_coverage()
    lines = [MADE_BY.format(command="cloudmask rules coverage > docs/coverage.md"), "", _INTRODUCTION]
    lines += [*_summary(found), ""]
    by_group: dict[str, list[tuple[str, Item]]] = {}
    for id, item in [*found.requirements.items(), *found.weaknesses.items()]:
        by_group.setdefault(id[0], []).append((id, item))
    for group, items in by_group.items():
        lines += [f"## {group}: {GROUPS[group]}", "", *_table("ID", items), ""]
    lines += ["## Tampering cases", "", _CASES, "", *_table("case", found.cases.items()), ""]
    lines += [
        "## Rules of our own",
        "",
        *table(["rule", "why"], ([_link(i), w] for i, w in found.own.items())),
    ]
    return "\n".join(lines) + "\n"


def _summary(found: Coverage) -> list[str]:
    for_readers = {rule.id for rule in catalogue() if rule.never_passes}

    def counts(name: str, items: Iterable[Item]) -> list[str]:
        listed = list(items)
        answered = [i for i in listed if i.rules or i.design]
        told = sum(not i.design and set(i.rules) <= for_readers for i in answered)
        partly = sum(i.rest is not None and not set(i.rules) <= for_readers for i in answered)
        unchecked = sum(i.unchecked is not None for i in listed)
        outside = sum(i.outside is not None for i in listed)
        return [name, *map(str, (len(listed), len(answered) - told, partly, told, unchecked, outside))]

    header = [
        "",
        "items",
        "judged",
        "of these with a remark",
        "left to readers",
        "not checked",
        "do not apply",
    ]
    rows = [
        counts("requirements (A to R)", found.requirements.values()),
        counts("weaknesses (W)", found.weaknesses.values()),
        counts("tampering cases", found.cases.values()),
    ]
    return table(header, rows)


def _table(first: str, items: Iterable[tuple[Any, Item]]) -> list[str]:
    return table([first, "asks", "judged by"], ([_place(id), item.asks, item.answer] for id, item in items))


def _place(id: str | int) -> str:
    """An item's ID, linked to its place in docs/sources.md."""
    return f"[{id}]({PAGE}#{anchor(f'case {id}' if isinstance(id, int) else id)})"


def _link(id: str) -> str:
    return f"[{id}](rules.md#{id.lower()})"


def uncovered() -> list[str]:
    """Rules that no item names and that are not marked as our own."""
    found = load_coverage()
    named = {id for item in found.items().values() for id in item.rules} | set(found.own)
    return [rule.id for rule in catalogue() if rule.id not in named]


_INTRODUCTION = """\
# What the sources ask for, and where it is judged

The rules of MLPerf training, MLPerf HPC v3.0 and the MLCommons Science group (groups A to R), the weaknesses of
the field's own tools (W), and tampering cases, as [sources](sources.md) lists them. Behind each item stand the
rules that judge it. *Not checked* says why a machine cannot judge it; *does not
apply* why it is not a rule for a CloudMask package. A remark behind the rules says what of the item they leave
open. Items that are *left to readers* have only rules that never pass: where another program than the
reference ran, or local changes were made, or always, they say "not checked" in the verdict, with what has to
be read.
"""
_CASES = (
    "By the numbers of [sources](sources.md#tampering-cases). The mutations that apply them, with upstream's verdict: "
    "[tampering](tampering.md)."
)
