"""What stays in memory of a run when its log is put away: small facts, and what the log states.

Rules of whole packages look at every run, again and again; with ten thousand runs their logs do not fit
into memory. A function marked with `@kept` is computed while the log is there, and answers from memory
later. A rule that asks a run for anything else still gets it: the log is then read once more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from rules.model.log import Statement
from rules.model.run import Run, RunRecord
from rules.ruleset import Ruleset

T = TypeVar("T")
Fact = Callable[[Run, Ruleset], T]
MAX_TEXT = 200  # characters of a logged value that is kept
LINES_IN_MEMORY = 30_000  # of the logs that stay whole, about a kilobyte each with their arrival
_FACTS: list[Callable[[Run, Ruleset], Any]] = []


def kept(read: Fact[T]) -> Fact[T]:
    """Mark what rules of packages, or the score, ask of each run: small, and the same at every call."""
    name = f"{read.__module__}.{read.__qualname__}"

    @wraps(read)
    def remembered(run: Run, ruleset: Ruleset) -> T:
        if run.log.away and run.kept_for is ruleset and name in run.kept:
            found: T = run.kept[name]
            return found
        return read(run, ruleset)

    def keep(run: Run, ruleset: Ruleset) -> None:
        with suppress(Exception):  # it will be raised again where a rule asks for it
            run.kept[name] = read(run, ruleset)

    _FACTS.append(keep)
    return remembered


class Keeper:
    """Puts the runs of a package away once it has become large, and shares between them what is equal."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._room = LINES_IN_MEMORY
        self._statements: dict[str, Statement | None] = {}  # of the run before
        self._record: RunRecord | None = None

    def take(self, run: Run) -> None:
        """Leave the run as it is while there is room, else put it away."""
        self._room -= len(run.log.events) + sum(len(log.events) for log in run.power.values())
        if self._room < 0:
            self._put_away(run)

    def _put_away(self, run: Run) -> None:
        """Keep the facts of a run; let events, arrivals, power readings and results of single scenes go."""
        run.kept_for = self._ruleset
        for keep in _FACTS:
            keep(run, self._ruleset)
        self._statements = self._stated(run)
        run.log.put_away(self._statements)
        if run.timeline is not None:
            run.timeline.put_away()
        for log in run.power.values():
            log.put_away()
        if run.science is not None:
            run.science = {name: part for name, part in run.science.items() if not isinstance(part, list)}
        if run.record is not None:
            run.record = self._record = _shared(run.record, self._record, run.file_digests)

    def _stated(self, run: Run) -> dict[str, Statement | None]:
        """Statements of the ruleset's keys; equal ones are those of the run before. Long ones are left out,
        so that they are read again."""
        kept: dict[str, Statement | None] = {}
        for key in self._ruleset.keys:
            found = run.log.stated(key)
            if found is None or _small(found[0]):
                before = self._statements.get(key)
                kept[key] = before if _equal(before, found) else found
        return kept


def _small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    return (
        value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**64)
    )


def _equal(left: Statement | None, right: Statement | None) -> bool:
    return left is not None and right is not None and type(left[0]) is type(right[0]) and left == right


def _shared(record: RunRecord, before: RunRecord | None, digests: dict[str, str]) -> RunRecord:
    """The same record, with those parts of the one before that are equal: data set, software, command."""
    files = {name: _one(digest, digests.get(name)) for name, digest in record.files.items()}
    if before is None:
        return replace(record, files=files)
    return replace(
        record,
        files=files,
        command=_one(record.command, before.command),
        software=_one(record.software, before.software),
        cache=_one(record.cache, before.cache),
        spec={name: _one(part, before.spec.get(name)) for name, part in record.spec.items()},
    )


def _one(value: T, other: Any) -> T:
    """`other` where it is the same in type and value, so that one object serves both."""
    return other if other is not None and repr(other) == repr(value) else value
