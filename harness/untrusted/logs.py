"""Reading a result log: MLLOG lines as events, everything else as a problem with its line number.

Bounded in line length, file size and number of problems; never raises for what a file holds.

Speed comes from msgspec, which makes events of valid lines without a dictionary between. All other lines
are left to the standard library, which alone decides what is a problem. Valid means that these tests prove
that the strict path would give the same:
- Exactly the six fields of an event, the key a string, the metadata an object: the type of the decoder.
- NaN and infinities: msgspec refuses them.
- Repeated keys: a text has at least as many colons (and, where no blank precedes a colon, as many pairs
  of quote and colon) as keys were written. When as many keys came out, none was written twice.
- Long integers: there is no run of 19 digits. Control characters: only line ends occur.
- Depth: there are no lists, and objects inside values are counted.
"""

from __future__ import annotations

import hashlib
import json
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from rules.model.log import Event, Log, LogProblem

TOKEN = b":::MLLOG"
START = TOKEN + b" "
MAX_LINE_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 28
MAX_LINES = 1_000_000  # 256 MiB of empty lines would fill 20 GB
MAX_PROBLEMS = 1000
MAX_DEPTH = 32  # of objects and lists inside each other
# Digits as "0"; lists and control characters, line ends apart, as "["; all else as a blank.
_SHAPE = bytes(
    ord("0") if 0x30 <= c <= 0x39 else ord("[") if c == ord("[") or (c < 0x20 and c != 0x0A) else ord(" ")
    for c in range(256)
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TOO_DEEP = object()
_EVENT = msgspec.json.Decoder(Event)
_FIELDS = 6  # of each event
_LONG_NUMBER = b"0" * 19  # 2^63 has 19 digits


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

    def number(self, text: str) -> float:
        value = float(text)
        if not isfinite(value):
            self.not_finite.append(text[:20])
        return value


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
    log.problems += of_the_file(data)
    if data.count(b"\n") > MAX_LINES:
        data = _first_lines(data)
        log.problems.append(LogProblem(MAX_LINES + 1, "too many lines: the rest was not read", "truncated"))
    if digests:
        sha256 = hashlib.sha256
        log.line_digests = [sha256(line).hexdigest()[:16] for line in _lines(data)]
    log.events = _events(log, data)
    return log


def of_the_file(data: bytes) -> list[LogProblem]:
    """What is wrong with the file as a whole: UTF-16, whose bytes never hold the token as it stands here."""
    if data.startswith(_UTF_16) and TOKEN not in data:
        return [LogProblem(1, "the file is UTF-16: save it as UTF-8", "encoding")]
    return []


def _events(log: Log, data: bytes) -> list[Event]:
    strict, events = _Strict(log), []
    for number, line in enumerate(_lines(data), start=1):
        event = _valid_line(number, line) or strict.line(number, line)
        if strict.full:
            break
        if event is not None:
            events.append(event)
    return events


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _first_lines(data: bytes) -> bytes:
    end = 0
    for _ in range(MAX_LINES):
        end = data.index(b"\n", end) + 1
    return data[:end]


def _as_many_keys(keys: int, text: bytes) -> bool:
    """Whether at most that many keys are written in a text where no blank precedes a colon."""
    spaced = b" :" in text or b"\t:" in text or b"\r:" in text
    return not spaced and keys == text.count(b'":')


def _valid_line(number: int, line: bytes) -> Event | None:
    """The event of a line that is certainly valid; None for the strict path to look at."""
    shape = line.translate(_SHAPE)
    if b"[" in shape or _LONG_NUMBER in shape or not line.startswith(START) or len(line) > MAX_LINE_BYTES:
        return None
    try:
        event = _EVENT.decode(line[len(START) :])
    except (ValueError, RecursionError):
        return None
    keys = _FIELDS + len(event.metadata)
    if type(event.value) is dict:
        keys += _keys(event.value, 0)
    if keys != line.count(b":", len(START)) and not _as_many_keys(keys, line):
        return None
    event.line, event.key = number, sys.intern(event.key)
    return event


def _keys(value: dict[str, Any], depth: int) -> int:
    """Keys of an object and those in it; an absurd number beyond MAX_DEPTH."""
    if depth > MAX_DEPTH:
        return -(1 << 40)
    return len(value) + sum(_keys(v, depth + 1) for v in value.values() if type(v) is dict)


class _Strict:
    """Reads doubtful lines with the standard library, and says what is wrong with them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._notes = _Notes()
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._notes.pairs,
            parse_constant=self._notes.constant,
            parse_float=self._notes.number,
        )
        self.full = False  # too many problems: the rest is not worth reading

    def line(self, number: int, line: bytes) -> Event | None:
        log = self._log
        at = line.find(TOKEN)
        if at < 0:
            log.other_lines += 1
            log.first_other_line = log.first_other_line or number
        elif len(log.problems) >= MAX_PROBLEMS:
            log.problems.append(LogProblem(number, "too many problems: the rest was not read", "truncated"))
            self.full = True
        elif len(line) > MAX_LINE_BYTES:
            _problem(log, number, f"line longer than {MAX_LINE_BYTES} bytes", "too_long")
        else:
            return _parse_line(log, number, line, at, self._decoder, self._notes)
        return None


def _parse_line(
    log: Log, number: int, line: bytes, at: int, decoder: json.JSONDecoder, notes: _Notes
) -> Event | None:
    payload = line[at + len(TOKEN) :].rstrip(b"\r")
    if line[:at].strip():
        _problem(log, number, "text before the :::MLLOG token", "prefix")
        event = _valid_line(number, line[at:])
        if event is not None:
            return event
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
        return None
    except (ValueError, RecursionError):
        value = _TOO_DEEP
    if value is _TOO_DEEP or _too_deep(value):
        _problem(log, number, "is not valid JSON: too deep, or a number too long")
        return None
    for name in notes.duplicates:
        _problem(log, number, f"the JSON key {name[:40]!r} appears twice", "duplicate_key")
    for name in notes.not_finite:
        _problem(log, number, f"{name} is not a JSON value", "not_finite")
    return _event(log, number, value)


def _too_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth > MAX_DEPTH or any(_too_deep(v, depth + 1) for v in inner)


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
        value.get("time_ms"),
        value.get("event_type"),
        key,
        value.get("value"),
        metadata,
        value.get("namespace", ""),
        number,
    )


def _problem(log: Log, line: int, message: str, kind: str = "invalid") -> None:
    if len(log.problems) < MAX_PROBLEMS:
        log.problems.append(LogProblem(line, message, kind))
