"""One way to break each rule: the mutation table. `@case(rule, ...)` names the rule that must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.builders import BuiltPackage, Lines

Mutation = Callable[[BuiltPackage], None]


@dataclass(frozen=True)
class Case:
    rule: str
    name: str
    options: dict[str, Any]
    mutate: Mutation
    only: bool  # no other rule may find an error


CASES: list[Case] = []


def case(rule: str, only: bool = False, **options: Any) -> Callable[[Mutation], Mutation]:
    """Register a mutation of a package built with `options`."""

    def register(mutate: Mutation) -> Mutation:
        name = f"{rule}-{mutate.__name__}"
        assert all(c.name != name for c in CASES), f"two cases are called {name}"
        CASES.append(Case(rule, name, options, mutate, only))
        return mutate

    return register


def log_case(rule: str, run: int = 2, only: bool = False, **options: Any) -> Callable[..., Any]:
    """A mutation of one log; timeline, digests and manifest are made to agree with it."""

    def register(change: Callable[[Lines], Lines | None]) -> Callable[..., Any]:
        def mutate(built: BuiltPackage) -> None:
            built.edit_events(run, change)

        mutate.__name__ = change.__name__
        case(rule, only, **options)(mutate)
        return change

    return register


def index(events: Lines, key: str, nth: int = 0) -> int:
    """Position of the nth event of a key; negative counts from the end."""
    return [i for i, e in enumerate(events) if e["key"] == key][nth]


def find(events: Lines, key: str, nth: int = 0) -> dict[str, Any]:
    return events[index(events, key, nth)]


def set_value(built: BuiltPackage, key: str, value: Any, runs: range | None = None) -> None:
    """Log another value under a key, in all runs unless told."""

    def change(events: Lines) -> None:
        find(events, key)["value"] = value

    for run in runs if runs is not None else range(built.options.runs):
        built.edit_events(run, change, reseal=False)
    built.reseal()


def shift(events: Lines, start: int, stop: int, delta_ms: int) -> None:
    """Move events start..stop-1 in time."""
    for event in events[start:stop]:
        event["time_ms"] += delta_ms
