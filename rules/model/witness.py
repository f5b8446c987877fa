"""The witness of an entry: a chain of lines that the harness wrote while it ran, and an outside clock's stamps on it.

Each line's head is a digest of the line and of the head before it, so a stamp on one head is on all that was written
until then. Stamps are lines as well: whatever comes after one in the chain was written after the time it states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from itertools import count
from typing import Literal, TypeVar

import msgspec

FIRST_HEAD = "0" * 64
SEED_LIMIT = 2**31 - 1  # seeds are 1 to this
NEVER_DRAWN = frozenset({1234})  # of the examples in many repositories
Point = Literal["start", "epoch", "stop"]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """One line. Times are the harness' own."""


class Registration(_Entry, frozen=True, kw_only=True, tag="registration"):
    """The plan, before any run. The authority sees a digest only, so the entropy stays secret until packaging."""

    wall_s: float
    plan: str  # SHA-256 of plan.json
    entropy: str  # 32 bytes of the operating system's, in hex
    earlier: int = 0  # registrations of entries of this name that were set aside here


class Opening(_Entry, frozen=True, kw_only=True, tag="open"):
    """A run begins, with this seed."""

    wall_s: float
    run: int
    seed: int
    draw: int  # how many runs were opened before, failed ones too
    registration: int | None = None  # line of the stamp that the seed follows from; None: drawn by chance


class Mark(_Entry, frozen=True, kw_only=True, tag="mark"):
    """The journal of a run as it stands: digests of the first `lines` lines of log and timeline."""

    wall_s: float
    run: int
    point: Point
    lines: int
    log: str
    timeline: str


class Closing(_Entry, frozen=True, kw_only=True, tag="close"):
    """A run is over: its status, and SHA-256 of each file that run.json lists (telemetry and weights, too)."""

    wall_s: float
    run: int
    status: str
    files: dict[str, str]


class Packaged(_Entry, frozen=True, kw_only=True, tag="package"):
    """The entry is sealed: SHA-256 of its records by their path below the entry's evidence."""

    wall_s: float
    records: dict[str, str]


class Stamp(_Entry, frozen=True, kw_only=True, tag="stamp"):
    """The reply of a time stamp authority (RFC 3161) on the head of an earlier line."""

    of: int
    token: bytes  # in base64; the whole TimeStampResp


class Failure(_Entry, frozen=True, kw_only=True, tag="failed"):
    """No stamp on the head of an earlier line, and why."""

    of: int
    why: str


Entry = Registration | Opening | Mark | Closing | Packaged | Stamp | Failure
T = TypeVar("T", bound=_Entry)


class ChainLine(msgspec.Struct, frozen=True):
    """A line by its number, from 1, with the head of the chain after it."""

    number: int
    head: str
    entry: Entry


class Chain(msgspec.Struct, frozen=True, eq=False):
    """witness.jsonl, read. Nothing in it is verified."""

    lines: list[ChainLine] = []

    def of(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Line number and entry of all lines of one kind."""
        return ((line.number, line.entry) for line in self.lines if isinstance(line.entry, kind))

    def head(self, number: int) -> str | None:
        """Head after a line; None when there is no such line."""
        return self.lines[number - 1].head if 0 < number <= len(self.lines) else None

    def registered(self, before: int | None = None) -> tuple[int, bytes, str] | None:
        """Line and token of the last registration's first stamp, and its entropy, among the lines before one
        (default: all); None where no registration is stamped."""
        waiting: dict[int, str] = {}
        found = None
        for line in self.lines[: None if before is None else before - 1]:
            if isinstance(line.entry, Registration):
                waiting[line.number] = line.entry.entropy
            elif isinstance(line.entry, Stamp) and line.entry.of in waiting:
                found = (line.number, line.entry.token, waiting.pop(line.entry.of))
        return found

    def of_run(self, run: int) -> list[tuple[int, Entry]]:
        """Lines of the last attempt at a run, from its opening on."""
        found: list[tuple[int, Entry]] = []
        for line in self.lines:
            entry = line.entry
            if isinstance(entry, Opening) and entry.run == run:
                found = [(line.number, entry)]
            elif found and isinstance(entry, (Mark, Closing)) and entry.run == run:
                found.append((line.number, entry))
        return found


def next_head(head: str, line: bytes) -> str:
    """Head of the chain after one more line, which is given without its newline."""
    return hashlib.sha256(head.encode() + b"\n" + line).hexdigest()


def seed_of(stamp: bytes, entropy: str, run: int, draw: int, taken: Collection[int] = ()) -> int:
    """Seed of a run: SHA-256 of registration stamp, entropy, run number and draw, reduced to 1..SEED_LIMIT.

    One that is taken, by another run of the entry or by custom, gives way to the next.
    """
    ours = hashlib.sha256(stamp).hexdigest()
    for nth in count():
        text = f"{ours}:{entropy}:{run}:{draw}:{nth}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") % SEED_LIMIT + 1
        if seed not in taken and seed not in NEVER_DRAWN:
            return seed
    raise AssertionError
