"""Untrusted JSON and YAML: bounded, typed, and one line of explanation instead of an exception."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import datetime
from math import isfinite
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec.structs import asdict, replace

from harness.core.files import not_utf8
from harness.untrusted.plain_yaml import load_yaml
from rules.model.evidence import Bill, RunRecord
from rules.model.log import ArrivalColumns, Timeline
from rules.model.package import Dataset

MAX_JSON_BYTES = 16 << 20
MAX_JSON_VALUES = 1_000_000  # "[]," takes 3 bytes in a file and 64 in memory
MAX_DEPTH = 64  # of objects and lists inside each other
MAX_YAML_BYTES = 256 << 10
MAX_TIMELINE_BYTES = 256 << 20
MAX_PROBLEMS, MAX_PROBLEM = 1000, 200  # of samplers: lines, and characters of each
MAX_COMPONENTS = 10_000  # of a bill of materials
MAX_ARRIVALS = 1_000_000  # as many as lines of a log
T = TypeVar("T")

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a character, which no text can hold alone
_LONG_NUMBER = re.compile(rb"[0-9]{19}")  # may be read differently by different libraries


class _Arrival(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    line: int
    monotonic_s: float
    wall_s: float
    source: str
    digest: str


_ARRIVALS = msgspec.json.Decoder(_Arrival)
_CONTROL = bytes(c for c in range(0x20) if c != 0x0A)  # not JSON inside strings, which msgspec lets pass


class _Component(msgspec.Struct):
    type: str
    name: str
    version: str = ""


class _Bill(msgspec.Struct):
    components: list[_Component]
    metadata: Any = None


class Unreadable(Exception):
    """One line: which file, and why it cannot be used."""


def read_bytes(path: Path, limit: int) -> bytes:
    """The file's bytes. Raises Unreadable when it is missing, not a plain file, or too large."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("not a plain file")
        if found.st_size > limit:
            raise Unreadable(f"larger than {limit} bytes")
        with open(path, "rb", buffering=0) as stream:
            return stream.readall()
    except FileNotFoundError:
        raise Unreadable("there is no such file") from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error


def read_json(path: Path) -> Any:
    """A JSON value without NaN, infinities or repeated keys. Raises Unreadable."""
    return parse_json(read_bytes(path, MAX_JSON_BYTES))


def parse_json(data: bytes) -> Any:
    """The JSON value in some bytes, bounded as `read_json` says. Raises Unreadable."""
    if sum(data.count(mark) for mark in b",[{") > MAX_JSON_VALUES:
        raise Unreadable(f"holds more than {MAX_JSON_VALUES} values")

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(found)
        if len(result) != len(found):
            raise Unreadable("a JSON key appears twice in one object")
        return result

    def finite(number: str) -> float:
        value = float(number)
        if not isfinite(value):
            raise Unreadable(f"{number[:20]} is too large a number")
        return value

    def constant(name: str) -> Any:
        raise Unreadable(f"{name} is not a JSON value")

    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_float=finite)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"{not_utf8(error)} (save it as UTF-8)") from None
    except json.JSONDecodeError as error:
        marked = text.startswith("\ufeff")
        why = "begins with a byte order mark" if marked else f"{error.msg}, line {error.lineno}"
        raise Unreadable(f"is not valid JSON ({why})") from None
    except UnicodeEncodeError:
        raise Unreadable("holds a text that is not Unicode") from None
    except (ValueError, RecursionError):
        raise Unreadable("is not valid JSON (too deep, or a number too long)") from None
    if _too_deep(value):
        raise Unreadable(f"has more than {MAX_DEPTH} levels")
    return value


def _too_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth > MAX_DEPTH or any(_too_deep(v, depth + 1) for v in inner)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises Unreadable."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise Unreadable("is not a JSON object")
    return value


def read_yaml(path: Path) -> dict[str, Any]:
    """A plain YAML mapping (harness/untrusted/plain_yaml.py). Raises Unreadable."""
    data = read_bytes(path, MAX_YAML_BYTES)
    try:
        value = load_yaml(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"{not_utf8(error)} (save it as UTF-8)") from None
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None)
        raise Unreadable(f"is not plain YAML{f' ({why[:120]})' if why else ''}") from None
    if not isinstance(value, dict):
        raise Unreadable("is not a YAML mapping")
    return value


def read_record(path: Path) -> RunRecord:
    """run.json. Raises Unreadable."""
    record = _validated(RunRecord, read_object(path))
    problems = [_one_line(problem) for problem in record.telemetry_problems[:MAX_PROBLEMS]]
    return replace(record, telemetry_problems=problems)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:MAX_PROBLEM]).strip()


def read_bill(path: Path) -> Bill:
    """Versions of the libraries and the platform in a bill of materials, and when it was made. Raises Unreadable."""
    bill = _validated(_Bill, read_object(path))
    if len(bill.components) > MAX_COMPONENTS:
        raise Unreadable(f"has more than {MAX_COMPONENTS} components")
    found: dict[str, str] = {}
    for one in bill.components:
        if one.type in ("library", "platform"):
            name, version = (_one_line(text) for text in (one.name, one.version))
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    made = bill.metadata.get("timestamp") if isinstance(bill.metadata, dict) else None
    return Bill(found, _unix_s(made))


def _unix_s(text: Any) -> float | None:
    """Seconds since 1970 of a time with its zone; None for anything else."""
    try:
        made = datetime.fromisoformat(text) if isinstance(text, str) else None
        return made.timestamp() if made is not None and made.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def read_failed(path: Path) -> RunRecord:
    """run.json of a run that failed: a killed harness leaves less in it. Raises Unreadable."""
    empty = RunRecord(1, 0, "failed", None, 0, [], "", None, 0.0, 0.0, 0.0, None, {}, {}, {}, {})
    known = {k: v for k, v in read_object(path).items() if v is not None}
    return _validated(RunRecord, {**asdict(empty), **known})


def read_dataset(path: Path) -> Dataset:
    """dataset.json. Raises Unreadable."""
    return _validated(Dataset, {k: v for k, v in read_object(path).items() if k != "schema"})


def read_timeline(path: Path) -> Timeline:
    """timeline.jsonl: one arrival per line. Raises Unreadable at the first line that is not one."""
    data = read_bytes(path, MAX_TIMELINE_BYTES)
    if data.count(b"\n") + data.count(b"\r") > MAX_ARRIVALS:
        raise Unreadable(f"has more than {MAX_ARRIVALS} lines")
    columns = _valid_arrivals(data)
    return Timeline(columns if columns is not None else _arrivals(data))


def _valid_arrivals(data: bytes) -> ArrivalColumns | None:
    """What _arrivals would say of lines as the harness writes them; None where it has to look.

    Certain where every line is one object of the five fields, each of its type and written once. Floats are finite
    there: JSON knows no other, and msgspec refuses those too large.
    """
    if _LONG_NUMBER.search(data) or len(data.translate(None, _CONTROL)) != len(data):
        return None
    try:
        rows = _ARRIVALS.decode_lines(data)
    except (ValueError, RecursionError):
        return None
    if len(rows) != data.count(b"\n") or not data.endswith(b"}\n"):
        return None
    if data.count(b":") != len(rows) * len(_Arrival.__struct_fields__):
        return None  # a key that is written twice, or a colon in a text
    return ArrivalColumns(*(list(map(attrgetter(name), rows)) for name in _Arrival.__struct_fields__))


def _arrivals(data: bytes) -> ArrivalColumns:
    columns = ArrivalColumns([], [], [], [], [])
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            row = json.loads(line, object_pairs_hook=_unrepeated)
            at = _typed(row["line"], int)
            monotonic_s = float(_typed(row["monotonic_s"], (int, float)))
            wall_s = float(_typed(row["wall_s"], (int, float)))
            if not isfinite(monotonic_s) or not isfinite(wall_s):
                raise ValueError
            source, digest = _typed(row["source"], str), _typed(row["digest"], str)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            raise Unreadable(f"line {number} is not an arrival") from None
        columns.line.append(at)
        columns.monotonic_s.append(monotonic_s)
        columns.wall_s.append(wall_s)
        columns.source.append(source)
        columns.digest.append(digest)
    return columns


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _typed(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError
    return value


def _validated(kind: type[T], value: dict[str, Any]) -> T:
    try:
        return msgspec.convert(value, kind)  # strict: "5" is not a number
    except msgspec.ValidationError as error:
        raise Unreadable(" ".join(str(error).split())[:200]) from None
