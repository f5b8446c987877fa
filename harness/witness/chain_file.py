"""witness.jsonl, written line by line. Several threads may append."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import IO

import msgspec

from harness.untrusted.witness import parse_chain
from rules.model.witness import FIRST_HEAD, Chain, ChainLine, Entry, next_head

_ENCODER = msgspec.json.Encoder()


class ChainFile:
    """The chain of an entry, continued where a harness left it; a half-written last line is cut off.

    Raises OSError when the file cannot be written, and Unreadable when it holds something else.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
        whole = before[: before.rfind(b"\n") + 1]
        self._lines = parse_chain(whole).lines
        self._lock = threading.Lock()
        self._file: IO[bytes] = path.open("r+b" if before else "wb", buffering=0)
        self._file.truncate(len(whole))
        self._file.seek(len(whole))

    def append(self, entry: Entry) -> ChainLine:
        """Add a line and return it with its head. Raises OSError."""
        raw = _ENCODER.encode(entry)
        with self._lock:
            before = self._lines[-1].head if self._lines else FIRST_HEAD
            self._file.write(raw + b"\n")
            line = ChainLine(len(self._lines) + 1, next_head(before, raw), entry)
            self._lines.append(line)
            return line

    @property
    def chain(self) -> Chain:
        """All lines so far."""
        with self._lock:
            return Chain(list(self._lines))

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()
