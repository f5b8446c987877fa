"""The log of a run and the arrival time of each of its lines, written as they come."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.core.mllog_lines import TOKEN


@dataclass
class Journal:
    """Writes result.txt and timeline.jsonl line by line, and keeps the status of the last run_stop."""

    result: IO[str]
    timeline: IO[str]
    on_event: Callable[[dict[str, Any]], None]  # called with every MLLOG line, parsed
    lines: int = 0
    run_status: str | None = None
    _log: Any = field(default_factory=hashlib.sha256, repr=False)
    _arrivals: Any = field(default_factory=hashlib.sha256, repr=False)

    def write(self, text: str, source: str, monotonic_s: float, wall_s: float) -> None:
        """Add one MLLOG line, which arrived from `source` (child or harness) at the given times."""
        self.lines += 1
        self.result.write(text + "\n")
        self.result.flush()
        self._log.update((text + "\n").encode())
        arrival = {
            "line": self.lines,
            "monotonic_s": round(monotonic_s, 6),
            "wall_s": round(wall_s, 6),
            "source": source,
            "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
        }
        row = json.dumps(arrival) + "\n"
        self.timeline.write(row)
        self.timeline.flush()
        self._arrivals.update(row.encode())
        self._note(text)

    def log_digest(self) -> str:
        """SHA-256 of result.txt so far."""
        digest: str = self._log.hexdigest()
        return digest

    def timeline_digest(self) -> str:
        """SHA-256 of timeline.jsonl so far."""
        digest: str = self._arrivals.hexdigest()
        return digest

    def harness(self, text: str) -> None:
        """Add a line of the harness' own, now."""
        self.write(text, "harness", time.monotonic(), time.time())

    def _note(self, text: str) -> None:
        try:
            event = json.loads(text[len(TOKEN) :])
        except ValueError:
            return
        if not isinstance(event, dict):
            return
        if event.get("key") == "run_stop" and isinstance(event.get("metadata"), dict):
            self.run_status = event["metadata"].get("status")
        self.on_event(event)


@contextmanager
def open_journal(
    result: Path, timeline: Path, on_event: Callable[[dict[str, Any]], None]
) -> Iterator[Journal]:
    """A journal over two new files, closed at the end of the block."""
    with result.open("w", encoding="utf-8") as log, timeline.open("w", encoding="utf-8") as arrivals:
        yield Journal(log, arrivals, on_event)
