"""What was read line by line: a result log, and the arrival times of its lines.

Both can be put away once the rules of their run were applied (a package may hold ten thousand runs,
see kept.py), and are read again from the file when somebody asks for them after all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import le
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One MLLOG line (rules-survey.md section 4). Values are as parsed: a rule must expect any type.

    A struct, so that sound lines become events in one step (harness/untrusted/logs.py). Without cycles, it
    is none of the garbage collector's business.
    """

    time_ms: Any
    event_type: Any
    key: str
    value: Any
    metadata: dict[str, Any]
    namespace: Any
    line: int = 0  # of the file, from 1


@dataclass(frozen=True, slots=True)
class LogProblem:
    line: int
    message: str
    kind: str = "invalid"  # invalid, encoding, too_long, prefix, token, duplicate_key, not_finite, truncated


class Log:
    """A result log: its events, and what is odd about its lines.

    `path` is relative to the package; `problems` are lines that are no valid MLLOG; `other_lines` counts
    those without an MLLOG token. A log does not change after it was read.
    """

    def __init__(
        self,
        path: str,
        events: list[Event],
        problems: list[LogProblem] | None = None,
        sha256: str | None = None,
    ) -> None:
        self.path = path
        self.problems = problems if problems is not None else []
        self.sha256 = sha256
        self.other_lines = 0
        self.first_other_line: int | None = None
        self.again: Callable[[], Log] | None = None  # reads the same log anew
        self._events: list[Event] | None = events
        self._line_digests: list[str] = []
        self._by_key: dict[str, list[Event]] | None = None
        self._derived: dict[Any, Any] = {}
        self._kept: dict[str, Statement | None] = {}

    def __repr__(self) -> str:
        return f"Log({self.path!r})"

    @property
    def away(self) -> bool:
        """Whether the events are not in memory."""
        return self._events is None

    def put_away(self, kept: dict[str, Statement | None] | None = None) -> None:
        """Forget events and digests, where they can be read again; `kept` goes on to answer `stated`."""
        if self.again is not None:
            self._events, self._line_digests, self._by_key, self._derived = None, [], None, {}
            self._kept = self._kept if kept is None else kept

    def _take_back(self) -> list[Event]:
        assert self.again is not None
        found = self.again()
        self._events, self._line_digests = found.events, found.line_digests
        return self._events

    @property
    def events(self) -> list[Event]:
        """Every event in line order."""
        return self._take_back() if self._events is None else self._events

    @events.setter
    def events(self, events: list[Event]) -> None:
        self._events, self._by_key, self._derived = events, None, {}

    @property
    def line_digests(self) -> list[str]:
        """Of every line, as in Arrival.digest; empty unless they were asked for."""
        if self._events is None:
            self._take_back()
        return self._line_digests

    @line_digests.setter
    def line_digests(self, digests: list[str]) -> None:
        self._line_digests = digests

    def once(self, name: Any, make: Callable[[], T]) -> T:
        """make(), computed at the first call of that name."""
        if name not in self._derived:
            self._derived[name] = make()
        found: T = self._derived[name]
        return found

    @property
    def times_ms(self) -> list[Any]:
        """time_ms of each event, as it stands."""
        return self.once("times_ms", lambda: [e.time_ms for e in self.events])

    def told(self, key: str, name: str) -> list[Any]:
        """What the metadata of each event of a key say of one name; None where they say nothing."""
        return self.once(("told", key, name), lambda: [e.metadata.get(name) for e in self.all(key)])

    def numbers(self, key: str) -> list[int]:
        """Line numbers of the events of a key, ascending."""
        return self.once(("numbers", key), lambda: [e.line for e in self.all(key)])

    @property
    def by_key(self) -> dict[str, list[Event]]:
        """Events of each key in line order."""
        if self._by_key is None:
            self._by_key = {}
            for event in self.events:
                if event.key in self._by_key:
                    self._by_key[event.key].append(event)
                elif isinstance(event.key, str):
                    self._by_key[event.key] = [event]
        return self._by_key

    def all(self, key: str) -> list[Event]:
        """Events of one key in line order."""
        return (self._by_key or self.by_key).get(key, [])

    def first(self, key: str) -> Event | None:
        events = (self._by_key or self.by_key).get(key)
        return events[0] if events else None

    def last(self, key: str) -> Event | None:
        events = (self._by_key or self.by_key).get(key)
        return events[-1] if events else None

    def value(self, key: str) -> Any:
        """Value of the first event of that key; None when absent."""
        found = self.stated(key)
        return found[0] if found else None

    def stated(self, key: str) -> Statement | None:
        """Value and line of the first event of that key; None when absent."""
        if key in self._kept:
            return self._kept[key]
        event = self.first(key)
        return (event.value, event.line) if event else None


Statement = tuple[Any, int]  # value and line


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the harness itself saw a line of the log (timeline.jsonl)."""

    line: int  # line number in result_<i>.txt
    monotonic_s: float
    wall_s: float
    source: str  # "harness" or "child"
    digest: str  # first 16 hex digits of the SHA-256 of the line


@dataclass(slots=True)
class ArrivalColumns:
    """The fields of arrivals, one list each, in the order of the file."""

    line: list[int]
    monotonic_s: list[float]
    wall_s: list[float]
    source: list[str]
    digest: list[str]


class Timeline(Sequence[Arrival]):
    """The arrivals of a log's lines, in the order of the file."""

    def __init__(self, columns: ArrivalColumns) -> None:
        self.again: Callable[[], Timeline] | None = None  # reads the same file anew
        self._columns: ArrivalColumns | None = columns
        self._numbered: bool | None = None
        self._at: dict[int, int] | None = None

    def put_away(self) -> None:
        """Forget the arrivals, where they can be read again."""
        if self.again is not None:
            self._columns = self._at = None

    @property
    def columns(self) -> ArrivalColumns:
        if self._columns is None:
            assert self.again is not None
            self._columns = self.again().columns
        return self._columns

    @property
    def numbered(self) -> bool:
        """Whether the nth arrival is that of line n, for all of them."""
        if self._numbered is None:
            self._numbered = self.columns.line == list(range(1, len(self) + 1))
        return self._numbered

    @property
    def forwards(self) -> bool:
        """Whether no arrival lies before the one above it, on the monotonic clock."""
        times = self.columns.monotonic_s
        return all(map(le, times, islice(times, 1, None)))

    def of_line(self, line: int) -> Arrival | None:
        """The arrival of a line of the log, the last one where several are noted."""
        if self.numbered:
            return self[line - 1] if 1 <= line <= len(self) else None
        if self._at is None:
            self._at = {number: at for at, number in enumerate(self.columns.line)}
        at = self._at.get(line)
        return None if at is None else self[at]

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


class Stated(msgspec.Struct, frozen=True, gc=False):
    """A value and where it is stated, so that one rule can judge a recipe and a log alike."""

    value: Any
    path: str | None = None
    line: int | None = None
