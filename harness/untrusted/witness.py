"""Untrusted witness files: the chain of lines, and the beginnings of files that it has digests of."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.untrusted.documents import Unreadable, read_bytes
from rules.model.witness import FIRST_HEAD, Chain, ChainLine, Entry, Stamp, next_head

MAX_WITNESS_BYTES = 64 << 20
MAX_LINES = 200_000
MAX_STAMPS = 20_000  # each takes two milliseconds to verify
MAX_TOKEN_BYTES = 64 << 10
MAX_JOURNAL_BYTES = 256 << 20  # of logs and timelines: the bounds of their own readers

_ENTRIES = msgspec.json.Decoder(Entry)


def read_chain(path: Path) -> Chain:
    """witness.jsonl. Raises Unreadable at the first line that is not one of a chain."""
    return parse_chain(read_bytes(path, MAX_WITNESS_BYTES))


def parse_chain(data: bytes) -> Chain:
    """The chain in some bytes, each line with its head. Raises Unreadable."""
    if data and not data.endswith(b"\n"):
        raise Unreadable("its last line is cut off")
    if data.count(b"\n") > MAX_LINES:
        raise Unreadable(f"has more than {MAX_LINES} lines")
    head, lines, stamps = FIRST_HEAD, [], 0
    for number, raw in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            entry = _ENTRIES.decode(raw)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
            why = " ".join(str(error).split())[:120]
            raise Unreadable(f"line {number} is not one of a witness ({why})") from None
        if isinstance(entry, Stamp):
            stamps += 1
            if stamps > MAX_STAMPS or len(entry.token) > MAX_TOKEN_BYTES:
                raise Unreadable(f"line {number} is one stamp too many, or too long")
        head = next_head(head, raw)
        lines.append(ChainLine(number, head, entry))
    return Chain(lines)


def prefix_digests(path: Path, counts: Iterable[int]) -> dict[int, str]:
    """SHA-256 of the first n lines of a text file, for each n asked for that it has.

    Raises Unreadable as read_bytes does.
    """
    wanted = set(counts)
    if not wanted:
        return {}
    digest, found = hashlib.sha256(), {}
    for number, line in enumerate(io.BytesIO(read_bytes(path, MAX_JOURNAL_BYTES)), start=1):
        digest.update(line)
        if number in wanted:
            found[number] = digest.hexdigest()
            if len(found) == len(wanted):
                break
    return found
