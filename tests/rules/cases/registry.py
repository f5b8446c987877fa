"""The tables of mutations, and the decorators that fill them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.builders import BuiltPackage, Lines
from tests.support.hpc_builder import HpcPackage

Mutation = Callable[[BuiltPackage], None]
LogChange = Callable[[Lines], Lines | None]  # edits the events in place or returns new ones
HpcMutation = Callable[[HpcPackage], None]


@dataclass(frozen=True)
class Case:
    """A mutation of a CloudMask package built with `options`, and the rule that must notice."""

    rule: str
    name: str
    options: dict[str, Any]
    mutate: Mutation
    only: bool  # no other rule may find an error


@dataclass(frozen=True)
class HpcCase:
    """A mutation of an MLPerf HPC package built with `options`, and the rule that must notice."""

    rule: str
    name: str
    options: dict[str, Any]
    mutate: HpcMutation


CASES: list[Case] = []
HPC_CASES: list[HpcCase] = []
WITNESS_CASES: list[Case] = []  # judged with the root of a test authority pinned


def case(
    rule: str, only: bool = False, table: list[Case] = CASES, **options: Any
) -> Callable[[Mutation], Mutation]:
    """Register a mutation of a package built with `options`."""

    def register(mutate: Mutation) -> Mutation:
        name = f"{rule}-{mutate.__name__}"
        assert all(c.name != name for c in table), f"two cases are called {name}"
        table.append(Case(rule, name, options, mutate, only))
        return mutate

    return register


def witness_case(rule: str, only: bool = False, **options: Any) -> Callable[[Mutation], Mutation]:
    """Register a mutation of a witnessed package built with `options`."""
    return case(rule, only, WITNESS_CASES, witness=True, **options)


def log_case(rule: str, run: int = 2, only: bool = False, **options: Any) -> Callable[[LogChange], LogChange]:
    """Register a mutation of one log; timeline, digests and manifest are made to agree with it."""

    def register(change: LogChange) -> LogChange:
        def mutate(built: BuiltPackage) -> None:
            built.edit_events(run, change)

        mutate.__name__ = change.__name__
        case(rule, only, **options)(mutate)
        return change

    return register


def hpc_case(rule: str, **options: Any) -> Callable[[HpcMutation], HpcMutation]:
    """Register a mutation of an MLPerf HPC package built with `options`."""

    def register(mutate: HpcMutation) -> HpcMutation:
        name = f"HPC-{rule}-{mutate.__name__}"
        assert all(c.name != name for c in HPC_CASES), f"two cases are called {name}"
        HPC_CASES.append(HpcCase(rule, name, options, mutate))
        return mutate

    return register
