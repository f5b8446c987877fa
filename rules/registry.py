"""The rulebook's register: `@rule` puts a function into it, `catalogue()` lists them all.

A rule is a generator of findings. It is called with the subject of its scope and the ruleset; its
docstring says why it exists. It may raise NotApplicable or NotChecked with a reason; anything else
it raises becomes a "checker error" finding, never a crash and never a pass.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from rules.model.claims import Support
from rules.model.findings import Finding, Scope, Severity
from rules.model.log import Event, LogProblem, Stated
from rules.model.run import Run

GROUPS = {  # prefix of the IDs -> folder below rules/, in the order of lists
    "LOG": "log",
    "TIM": "timing",
    "HYP": "hyperparameters",
    "DAT": "data",
    "QUA": "quality",
    "SED": "seeds",
    "CNV": "convergence",
    "SYS": "system",
    "PKG": "package",
    "PWR": "power",
    "EVD": "evidence",
    "WIT": "witness",
}


class NotApplicable(Exception):
    """The rule does not apply here (division, profile, single run...)."""


class NotChecked(Exception):
    """The rule would apply, but what it needs is missing. The reason is shown to the reader."""


Check = Callable[..., Iterable[Finding]]


class Rule(msgspec.Struct, frozen=True):
    """One rule: its requirement, whom it applies to, its source, and how to fix what it finds."""

    id: str
    title: str
    scopes: tuple[Scope, ...]
    divisions: tuple[str, ...]
    source: str
    fix: str
    severity: Severity
    why: str
    check: Check
    never_passes: bool = False  # what it asks for has to be judged by a person, as every verdict states
    supports: tuple[Support, ...] = ()  # what it shows of the result's claims where it passes
    cause: bool = False  # what it finds in a file explains what other rules find there: named first

    def finding(self, message: str, **details: Any) -> Finding:
        """A finding of this rule, with its severity and fix unless given."""
        details.setdefault("severity", self.severity)
        details.setdefault("fix", self.fix)
        return Finding(rule=self.id, message=message, **details)

    def at(self, run: Run, event: Event | LogProblem, message: str, **details: Any) -> Finding:
        """A finding about one line of the log of a run."""
        return self.finding(message, path=run.path, line=event.line, **details)

    def about(self, stated: Stated, message: str, expected: Any) -> Finding:
        """A finding about a value that a recipe or a log states."""
        return self.finding(
            message, path=stated.path, line=stated.line, expected=expected, actual=stated.value
        )


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
    never_passes: bool = False,
    cause: bool = False,
    supports: tuple[Support, ...] = (),
) -> Callable[[Check], Rule]:
    """Register a rule. The function is called as check(rule, subject, ruleset)."""

    def register(function: Check) -> Rule:
        if id in _RULES:
            raise ValueError(f"rule {id} is defined twice")
        stated = function.__doc__ or ("" if sys.flags.optimize < 2 else "not shown: python -OO leaves it out")
        if not stated:
            raise ValueError(f"rule {id} has no docstring: it must say why the rule exists")
        each = scopes if isinstance(scopes, tuple) else (scopes,)
        why = " ".join(stated.split())
        _RULES[id] = Rule(
            id, title, each, divisions, source, fix, severity, why, function, never_passes, supports, cause
        )
        return _RULES[id]

    return register


def catalogue() -> list[Rule]:
    """Every rule, in the order of the groups and then by number, however the groups were imported."""
    for folder in GROUPS.values():
        if folder not in _LOADED:
            package = importlib.import_module(f"rules.{folder}")
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"rules.{folder}.{module.name}")
            _LOADED.add(folder)
    if len(_ORDERED) != len(_RULES):
        order = {prefix: at for at, prefix in enumerate(GROUPS)}
        _ORDERED[:] = sorted(_RULES.values(), key=lambda r: (order[r.id[:3]], r.id))
    return list(_ORDERED)


def get(id: str) -> Rule | None:
    """The rule of an ID in any case; None when there is none."""
    catalogue()
    return _RULES.get(id.upper())
