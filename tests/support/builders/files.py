"""Small things that all builders need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]  # events of a log


def sha256(text: str) -> str:
    """Hex digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, text: str) -> None:
    """Write a text file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def tree(root: Path, files: dict[str, str]) -> Path:
    """Text files of a line or more in a folder, which is returned."""
    for name, content in files.items():
        write(root / name, content + "\n")
    return root


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file and the folders above it."""
    write(path, json.dumps(value, indent=1) + "\n")


def events_of(lines: Iterable[str]) -> Lines:
    """The events of MLLOG lines."""
    return [json.loads(line.split(":::MLLOG ", 1)[1]) for line in lines]


def mllog_text(events: Lines) -> str:
    """MLLOG lines of events."""
    return "".join(f":::MLLOG {json.dumps(e)}\n" for e in events)
