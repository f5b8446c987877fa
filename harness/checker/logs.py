"""Reading a result log: MLLOG lines as events, everything else as a problem with its line number.

Bounded in line length, file size and number of problems; never raises for what a file holds.

Speed comes from orjson, in three steps, each for what the one before leaves over: a sound log is parsed
at once, sound lines one by one, and the rest by the standard library, which alone decides what is a
problem. Sound means that these tests prove that the strict path would say the same:
- NaN and infinities: orjson refuses them.
- Repeated keys: a text has at least as many colons (and, where no blank precedes a colon, as many pairs
  of quote and colon) as keys were written. When as many keys came out, none was written twice.
- Long integers, which orjson turns into floats: there is no run of 19 digits.
- Depth: there are no lists, and objects inside values are counted.
- All at once: see joined.py.
"""

from __future__ import annotations

import hashlib
import json
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from harness.checker.joined import values_of_lines
from rules.model import Event, Log, LogProblem

TOKEN = b":::MLLOG"
START = TOKEN + b" "
MAX_LINE_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 28
MAX_LINES = 1_000_000  # 256 MiB of empty lines would fill 20 GB
MAX_PROBLEMS = 1000
MAX_DEPTH = 32  # of objects and lists inside each other
_DIGITS = bytes(ord("0") if chr(c).isascii() and chr(c).isdigit() else ord(" ") for c in range(256))
_TOO_DEEP = object()
_FIELDS = itemgetter("time_ms", "event_type", "key", "value", "metadata")
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
    if data.count(b"\n") > MAX_LINES:
        data = _first_lines(data)
        log.problems.append(LogProblem(MAX_LINES + 1, "too many lines: the rest was not read", "truncated"))
    lines = data.split(b"\n") if digests else None
    if lines is not None:
        sha256 = hashlib.sha256
        log.line_digests = [sha256(line).hexdigest()[:16] for line in lines[: None if lines[-1] else -1]]
    events = _at_once(data)
    if events is not None:
        log.events = events
    else:
        _line_by_line(log, data, lines or data.split(b"\n"))
    return log


def _first_lines(data: bytes) -> bytes:
    end = 0
    for _ in range(MAX_LINES):
        end = data.index(b"\n", end) + 1
    return data[:end]


def _at_once(data: bytes) -> list[Event] | None:
    """The events of a log that is sound from beginning to end; None for a closer look."""
    if b"[" in data or _LONG_NUMBER in data.translate(_DIGITS):
        return None
    objects = values_of_lines(data, START)
    if objects is None:
        return None
    count = len(objects)
    try:
        fields = list(zip(*map(_FIELDS, objects), strict=True))
        times, types, names, values, metadata = fields
        spaces = [o.get("namespace", "") for o in objects]
        if set(map(type, metadata)) != {dict}:
            return None
        keys = sum(map(len, objects)) + sum(map(len, metadata))
        keys += sum(_keys(v, 0) for v in values if type(v) is dict)
        names = tuple(map(sys.intern, names))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if keys != data.count(b":") - 3 * count and not _as_many_keys(keys, data):
        return None
    return list(map(Event, range(1, count + 1), times, types, names, values, metadata, spaces))


def _as_many_keys(keys: int, text: bytes) -> bool:
    """Whether at most that many keys are written in a text where no blank precedes a colon."""
    spaced = b" :" in text or b"\t:" in text or b"\r:" in text
    return not spaced and keys == text.count(b'":')


def _line_by_line(log: Log, data: bytes, lines: list[bytes]) -> None:
    if not lines[-1]:
        lines.pop()
    long_numbers = _LONG_NUMBER in data.translate(_DIGITS)
    add = log.events.append
    strict = _Strict(log)
    for number, line in enumerate(lines, start=1):
        event = None
        if line.startswith(START) and not (long_numbers and _LONG_NUMBER in line.translate(_DIGITS)):
            event = _sound_line(number, line)
        if event is None:
            event = strict.line(number, line)
            if strict.full:
                break
        if event is not None:
            add(event)


def _sound_line(number: int, line: bytes) -> Event | None:
    """The event of a line that is certainly sound; None for the strict path to look at."""
    if len(line) > MAX_LINE_BYTES or b"[" in line:
        return None
    try:
        found = orjson.loads(line[len(START) :])
        value, metadata, key = found["value"], found["metadata"], found["key"]
        keys = len(found) + len(metadata)
        time_ms, event_type = found["time_ms"], found["event_type"]
    except (ValueError, KeyError, TypeError):
        return None
    if type(key) is not str or type(metadata) is not dict:
        return None
    if type(value) is dict:
        keys += _keys(value, 0)
    if keys != line.count(b":", len(START)) and not _as_many_keys(keys, line):
        return None
    return Event(number, time_ms, event_type, sys.intern(key), value, metadata, found.get("namespace", ""))


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
            object_pairs_hook=self._notes.pairs, parse_constant=self._notes.constant
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
        _problem(log, number, f"{name} is no JSON value", "not_finite")
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
