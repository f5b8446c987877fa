"""The rulebook's register: `@rule` puts a function into it, `catalogue()` lists them all.

A rule is a generator of findings. It is called with the subject of its scope and the ruleset; its
docstring says why it exists. It may raise NotApplicable or NotChecked with a reason; anything else
it raises becomes a "checker error" finding, never a crash and never a pass.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rules.model import Finding, Scope, Severity

MODULES = (
    "log",
    "order",
    "timing",
    "hyperparameters",
    "data",
    "quality",
    "seeds",
    "convergence",
    "system",
    "same_system",
    "package",
    "package_files",
    "power",
    "arrivals",
    "evidence",
    "plausible",
    "crosschecks",
    "between",
    "meters",
    "selection",
    "sampling",
)
GROUPS = ("LOG", "TIM", "HYP", "DAT", "QUA", "SED", "CNV", "SYS", "PKG", "PWR", "EVD")  # order of lists


class NotApplicable(Exception):
    """The rule has nothing to say here (division, profile, single run...)."""


class NotChecked(Exception):
    """The rule would apply, but what it needs is missing. The reason is shown to the reader."""


Check = Callable[..., Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    id: str
    title: str
    scopes: tuple[Scope, ...]
    divisions: tuple[str, ...]
    source: str
    fix: str
    severity: Severity
    why: str
    check: Check

    def finding(self, message: str, **details: Any) -> Finding:
        """A finding of this rule, with its severity and fix unless given."""
        details.setdefault("severity", self.severity)
        details.setdefault("fix", self.fix)
        return Finding(rule=self.id, message=message, **details)


_RULES: dict[str, Rule] = {}
_LOADED: set[str] = set()
_ORDERED: list[Rule] = []


def rule(
    id: str,
    title: str,
    scopes: Scope | tuple[Scope, ...],
    source: str,
    fix: str,
    divisions: tuple[str, ...] = ("closed", "open"),
    severity: Severity = Severity.ERROR,
) -> Callable[[Check], Rule]:
    """Register a rule. The function is called as check(rule, subject, ruleset)."""

    def register(function: Check) -> Rule:
        if id in _RULES:
            raise ValueError(f"rule {id} is defined twice")
        if not function.__doc__:
            raise ValueError(f"rule {id} has no docstring: it must say why it exists")
        each = scopes if isinstance(scopes, tuple) else (scopes,)
        why = " ".join(function.__doc__.split())
        _RULES[id] = Rule(id, title, each, divisions, source, fix, severity, why, function)
        return _RULES[id]

    return register


def catalogue() -> list[Rule]:
    """Every rule, in the order of the groups and then by number, whoever imported a group before."""
    for name in MODULES:
        if name not in _LOADED:
            importlib.import_module(f"rules.{name}")
            _LOADED.add(name)
    if len(_ORDERED) != len(_RULES):
        _ORDERED[:] = sorted(_RULES.values(), key=lambda r: (GROUPS.index(r.id[:3]), r.id))
    return list(_ORDERED)


def get(id: str) -> Rule | None:
    catalogue()
    return _RULES.get(id.upper())


def rules_for(scope: Scope) -> Iterator[Rule]:
    return (r for r in catalogue() if scope in r.scopes)
