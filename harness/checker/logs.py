"""Reading a result log: MLLOG lines as events, everything else as a problem with its line number.

Bounded in line length, file size and number of problems; never raises for what a file holds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rules.model import Event, Log, LogProblem

TOKEN = b":::MLLOG"
MAX_LINE_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 28
MAX_PROBLEMS = 1000


class _Notes:
    """What is odd about the line being parsed."""

    def __init__(self) -> None:
        self.duplicates: list[str] = []
        self.not_finite: list[str] = []

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            self.duplicates += [k for k, _ in pairs if k in seen or seen.add(k)]  # type: ignore[func-returns-value]
        return result

    def constant(self, name: str) -> float:
        self.not_finite.append(name)
        return float(name)


def read_log(path: Path, shown: str, digests: bool = False) -> Log:
    """Read one log. `shown` is its path as findings show it; `digests` asks for those of the lines.

    Raises OSError when it cannot be opened.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE_BYTES)
    log = parse_log(data, shown, digests)
    if size > MAX_FILE_BYTES:
        log.problems.insert(
            0, LogProblem(1, f"larger than {MAX_FILE_BYTES} bytes: the rest was not read", "truncated")
        )
        log.sha256 = None
    return log


def parse_log(data: bytes, shown: str, digests: bool = False) -> Log:
    """Parse the bytes of a log; line numbers are those of the file, from 1."""
    log = Log(shown, [], sha256=hashlib.sha256(data).hexdigest())
    notes = _Notes()
    decoder = json.JSONDecoder(object_pairs_hook=notes.pairs, parse_constant=notes.constant)
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if digests:
        log.line_digests = [hashlib.sha256(line).hexdigest()[:16] for line in lines]
    for number, line in enumerate(lines, start=1):
        at = line.find(TOKEN)
        if at < 0:
            log.other_lines += 1
            log.first_other_line = log.first_other_line or number
        elif len(log.problems) >= MAX_PROBLEMS:
            log.problems.append(LogProblem(number, "too many problems: the rest was not read", "truncated"))
            break
        elif len(line) > MAX_LINE_BYTES:
            _problem(log, number, f"line longer than {MAX_LINE_BYTES} bytes", "too_long")
        else:
            _parse_line(log, number, line, at, decoder, notes)
    return log


def _parse_line(
    log: Log, number: int, line: bytes, at: int, decoder: json.JSONDecoder, notes: _Notes
) -> None:
    payload = line[at + len(TOKEN) :].rstrip(b"\r")
    if line[:at].strip():
        _problem(log, number, "text before the :::MLLOG token", "prefix")
    if payload[:1] != b" ":
        _problem(log, number, "no space after the :::MLLOG token", "token")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        _problem(log, number, "is not UTF-8", "encoding")
        text = payload.decode("utf-8", "replace")
    notes.duplicates, notes.not_finite = [], []
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        more = TOKEN in payload
        _problem(log, number, "two MLLOG objects on one line" if more else f"is not valid JSON: {error.msg}")
        return
    except (ValueError, RecursionError):
        _problem(log, number, "is not valid JSON: too deep, or a number too long")
        return
    for name in notes.duplicates:
        _problem(log, number, f"the JSON key {name[:40]!r} appears twice", "duplicate_key")
    for name in notes.not_finite:
        _problem(log, number, f"{name} is no JSON value", "not_finite")
    event = _event(log, number, value)
    if event is not None:
        log.events.append(event)


def _event(log: Log, number: int, value: Any) -> Event | None:
    if not isinstance(value, dict):
        _problem(log, number, "is not a JSON object")
        return None
    missing = [n for n in ("time_ms", "event_type", "key", "value", "metadata") if n not in value]
    if missing:
        _problem(log, number, f"lacks {', '.join(missing)}")
    key = value.get("key")
    if not isinstance(key, str):
        if "key" not in missing:
            _problem(log, number, "its key is not a string")
        return None
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        if "metadata" not in missing:
            _problem(log, number, "its metadata is not an object")
        metadata = {}
    return Event(
        number,
        value.get("time_ms"),
        value.get("event_type"),
        key,
        value.get("value"),
        metadata,
        value.get("namespace", ""),
    )


def _problem(log: Log, line: int, message: str, kind: str = "invalid") -> None:
    if len(log.problems) < MAX_PROBLEMS:
        log.problems.append(LogProblem(line, message, kind))
