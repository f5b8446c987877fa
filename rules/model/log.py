"""What was read line by line: a result log, and the arrival times of its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")
Statement = tuple[Any, int]  # value and line


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One MLLOG line. Values are as parsed: a rule must expect any type.

    A struct, so that well-formed lines become events in one step (harness/untrusted/logs.py). Events hold
    no cycles, so the garbage collector need not visit them.
    """

    time_ms: Any
    event_type: Any
    key: str
    value: Any
    metadata: dict[str, Any]
    namespace: Any
    line: int = 0  # of the file, from 1


class LogProblem(msgspec.Struct, frozen=True, gc=False):
    """Something wrong with one line of a log."""

    line: int
    message: str
    kind: str = "invalid"  # invalid, encoding, too_long, prefix, token, duplicate_key, not_finite, truncated


class Stated(msgspec.Struct, frozen=True, gc=False):
    """A value and where it is stated, so that one rule can judge a recipe and a log alike."""

    value: Any
    path: str | None = None
    line: int | None = None


class Log(msgspec.Struct, dict=True):
    """A result log, which does not change once it is read.

    `path` is relative to the package; `problems` are lines that are not valid MLLOG; `other_lines` counts
    those without an MLLOG token; `line_digests` has the digest of every line (as in Arrival.digest), and is
    empty unless they were asked for.
    """

    path: str
    events: list[Event]
    problems: list[LogProblem] = []
    sha256: str | None = None
    other_lines: int = 0
    first_other_line: int | None = None
    line_digests: list[str] = []
    _derived: dict[Any, Any] = {}

    @cached_property
    def by_key(self) -> dict[str, list[Event]]:
        """Events of each key in line order."""
        found: dict[str, list[Event]] = {}
        for event in self.events:
            if event.key in found:
                found[event.key].append(event)
            else:
                found[event.key] = [event]
        return found

    def once(self, name: Any, make: Callable[[], T]) -> T:
        """make(), computed at the first call of that name: many rules ask a log for the same reading."""
        if name not in self._derived:
            self._derived[name] = make()
        found: T = self._derived[name]
        return found

    def all(self, key: str) -> list[Event]:
        """Events of one key in line order."""
        return self.by_key.get(key, [])

    def first(self, key: str) -> Event | None:
        """The first event of a key."""
        events = self.by_key.get(key)
        return events[0] if events else None

    def last(self, key: str) -> Event | None:
        """The last event of a key."""
        events = self.by_key.get(key)
        return events[-1] if events else None

    def value(self, key: str) -> Any:
        """Value of the first event of that key; None when absent."""
        event = self.first(key)
        return event.value if event else None

    def stated(self, key: str) -> Statement | None:
        """Value and line of the first event of that key; None when absent."""
        event = self.first(key)
        return (event.value, event.line) if event else None


class LogSettings(Mapping[str, Stated]):
    """The values that a log states, by MLLOG key; the first statement of a key counts."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __getitem__(self, key: str) -> Stated:
        event = self._log.first(key)
        if event is None:
            raise KeyError(key)
        return Stated(event.value, self._log.path, event.line)

    def __iter__(self) -> Iterator[str]:
        return iter(self._log.by_key)

    def __len__(self) -> int:
        return len(self._log.by_key)


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """When the harness itself saw a line of the log (timeline.jsonl)."""

    line: int  # line number in result_<i>.txt
    monotonic_s: float
    wall_s: float
    source: str  # "harness" or "child"
    digest: str  # first 16 hex digits of the SHA-256 of the line


class ArrivalColumns(msgspec.Struct):
    """The fields of arrivals, one list each, in the order of the file."""

    line: list[int]
    monotonic_s: list[float]
    wall_s: list[float]
    source: list[str]
    digest: list[str]


class Timeline(Sequence[Arrival]):
    """The arrivals of a log's lines, in the order of the file."""

    def __init__(self, columns: ArrivalColumns) -> None:
        self.columns = columns

    @cached_property
    def _at(self) -> dict[int, int]:
        """Position of the last arrival of each line."""
        return {number: at for at, number in enumerate(self.columns.line)}

    def of_line(self, line: int) -> Arrival | None:
        """The arrival of a line of the log, the last one where several are noted."""
        at = self._at.get(line)
        return None if at is None else self[at]

    def arrived_s(self, line: int) -> float | None:
        """Wall time at which a line of the log arrived, as `of_line`."""
        at = self._at.get(line)
        return None if at is None else self.columns.wall_s[at]

    def __len__(self) -> int:
        return len(self.columns.line)

    def __iter__(self) -> Iterator[Arrival]:
        c = self.columns
        return map(Arrival, c.line, c.monotonic_s, c.wall_s, c.source, c.digest)

    @overload
    def __getitem__(self, at: int) -> Arrival: ...
    @overload
    def __getitem__(self, at: slice) -> list[Arrival]: ...
    def __getitem__(self, at: int | slice) -> Arrival | list[Arrival]:
        if isinstance(at, slice):
            return list(self)[at]
        c = self.columns
        return Arrival(c.line[at], c.monotonic_s[at], c.wall_s[at], c.source[at], c.digest[at])
