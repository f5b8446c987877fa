"""The log of a run and the arrival time of each of its lines, written as they come.

Whoever runs as the same user can change the files while the run is on. Digests of what was written are
therefore kept in memory, and compared with the files when the run has ended.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from harness.core.files import sha256
from harness.core.mllog_lines import TOKEN


@dataclass
class Kept:
    """A file that is written line by line, and the digest of all that was written."""

    path: Path
    stream: BinaryIO
    _digest: Any = field(default_factory=hashlib.sha256)

    def write(self, line: str) -> None:
        """Add a line, which is on disk (or in the system's hands) afterwards."""
        data = line.encode("utf-8", "replace") + b"\n"
        self._digest.update(data)
        self.stream.write(data)
        self.stream.flush()

    @property
    def sha256(self) -> str:
        """Of everything written so far."""
        return str(self._digest.hexdigest())

    def changed(self) -> bool:
        """Whether the file, as it lies under its name now, holds anything else."""
        try:
            return sha256(self.path) != self.sha256
        except OSError:
            return True


@dataclass
class Journal:
    """Writes result.txt and timeline.jsonl line by line, and keeps the status of the last run_stop."""

    result: Kept
    timeline: Kept
    on_event: Callable[[dict[str, Any]], None]  # called with every MLLOG line, parsed
    lines: int = 0
    run_status: str | None = None

    def write(self, text: str, source: str, monotonic_s: float, wall_s: float) -> None:
        """Add one MLLOG line, which arrived from `source` (child or harness) at the given times."""
        self.lines += 1
        self.result.write(text)
        arrival = {
            "line": self.lines,
            "monotonic_s": round(monotonic_s, 6),
            "wall_s": round(wall_s, 6),
            "source": source,
            "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
        }
        self.timeline.write(json.dumps(arrival))
        self._note(text)

    def harness(self, text: str) -> None:
        """Add a line of the harness' own, now."""
        self.write(text, "harness", time.monotonic(), time.time())

    def changed(self) -> list[str]:
        """Names of the files that no longer hold what was written; call it when all processes have ended."""
        return [kept.path.name for kept in (self.result, self.timeline) if kept.changed()]

    def record(self) -> dict[str, Any]:
        """For run.json: how many lines were written, and the SHA-256 of each of the two files."""
        return {"lines": self.lines, "result": self.result.sha256, "timeline": self.timeline.sha256}

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
    with result.open("wb") as log, timeline.open("wb") as arrivals:
        yield Journal(Kept(result, log), Kept(timeline, arrivals), on_event)
