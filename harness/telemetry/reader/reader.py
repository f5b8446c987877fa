"""Reads telemetry files, also untrusted ones: bounded, checked, with one line for what is wrong.

A file left behind by a kill -9 reads up to the last flush. Files may be damaged or hostile: only
plain numeric columns stored in the file itself are read, never links, external or virtual data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from harness.telemetry.reader.pace import pace
from harness.telemetry.reader.recover import open_any
from harness.telemetry.recorder.file import COLUMNS, EVENTS, SCHEMA, TABLE, TIME, columns_of
from harness.telemetry.sources.base import Kind

MAX_FILE_BYTES = 1 << 30
MAX_SOURCES = 64
MAX_QUANTITIES = 4096
MAX_SAMPLES = 20_000_000  # of one column: 23 days at 10 Hz
MAX_VALUES = 100_000_000  # of all columns together
MAX_CHUNK = 1 << 20
MAX_EVENTS = 10_000
MAX_TEXT = 200
MAX_JSON = 1 << 20
MAX_SPEC = 1024


@dataclass(frozen=True)
class Series:
    """One quantity over time. `wall_s` is Unix time of the node's clock, ascending; NaN in `values`
    is a reading that failed."""

    source: str
    name: str
    unit: str
    scope: str
    kind: str  # gauge, rate, counter
    wall_s: np.ndarray  # float64 [n]
    values: np.ndarray  # float64 [n]


@dataclass(frozen=True)
class Event:
    """A remark of the sampler, and when it was made (Unix time of the node's clock)."""

    wall_s: float
    message: str


@dataclass(frozen=True)
class TelemetryFile:
    """Everything in one telemetry file. `times` has the wall times of each source."""

    path: str
    node: str
    host: str
    interval_s: float
    anchor_wall_s: float
    anchor_monotonic_s: float
    series: list[Series]
    times: dict[str, np.ndarray]
    devices: dict[str, str]
    unavailable: list[dict[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    pace: list[int] = field(default_factory=list)  # fingerprint of the steps between samples (pace.py)


def read(path: Path, max_values: int = MAX_VALUES) -> TelemetryFile:
    """Read a telemetry file of at most `max_values` readings, times included.

    Raises ValueError, in one line, when it is another kind of file, or damaged. For own files only:
    untrusted ones are read through harness.untrusted.hdf5_guard.
    """
    try:
        if not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"it is larger than {MAX_FILE_BYTES} bytes")
        with open_any(path) as file:
            return _read(path, file, max_values)
    except ValueError as error:
        raise ValueError(f"{path.name} is not a telemetry file: {_line(error)}") from None
    # h5py reports damage as OSError, RuntimeError, KeyError, TypeError or worse, whichever layer noticed
    except Exception as error:
        raise ValueError(
            f"{path.name} is not a telemetry file, or damaged: {type(error).__name__}: {_line(error)}"
        ) from None


def series(path: Path) -> list[Series]:
    """All series of a file, for charts. Raises ValueError."""
    return read(path).series


def _line(error: object) -> str:
    return " ".join(str(error).split())[:MAX_TEXT]


def _read(path: Path, file: h5py.File, max_values: int) -> TelemetryFile:
    attrs = file.attrs
    schema = _attribute(attrs, "schema")
    if not isinstance(schema, (int, np.integer)) or schema != SCHEMA:
        raise ValueError(f"its schema is {_line(schema)}, not {SCHEMA}")
    anchor_wall_s = _number(attrs, "anchor_wall_s")
    budget = [max_values]
    found: list[Series] = []
    times: dict[str, np.ndarray] = {}
    relative: dict[str, np.ndarray] = {}  # seconds since the anchor
    devices: dict[str, str] = {}
    for source, group in _members(file, h5py.Group, MAX_SOURCES):
        if source == EVENTS:
            continue
        devices.update(_texts(_json(group.attrs, "devices", {})))
        if TABLE in group:
            relative[source], columns = _unfinished(group, budget)
            wall_s = anchor_wall_s + relative[source]
            found += [_unfolded(source, name, values, texts, wall_s) for name, values, texts in columns]
        else:
            relative[source] = _times(group, budget)
            wall_s = anchor_wall_s + relative[source]
            found += [_series(source, name, column, wall_s, budget) for name, column in _columns(group)]
        times[source] = wall_s
    unavailable = _json(attrs, "unavailable", [])
    return TelemetryFile(
        path=path.name,
        node=_text(attrs, "node"),
        host=_text(attrs, "host"),
        interval_s=_number(attrs, "interval_s"),
        anchor_wall_s=anchor_wall_s,
        anchor_monotonic_s=_number(attrs, "anchor_monotonic_s"),
        series=found,
        times=times,
        devices=devices,
        unavailable=[_texts(u) for u in unavailable if isinstance(u, dict)][:MAX_SOURCES],
        events=_events(file, anchor_wall_s),
        pace=pace(relative.values()),
    )


def _members(group: h5py.Group, kind: type, limit: int) -> Iterator[tuple[str, Any]]:
    if len(group) > limit:
        raise ValueError(f"{group.name} has {len(group)} members, more than {limit}")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{_line(name)} is a link to elsewhere")
        member = group[name]
        if isinstance(member, kind):
            yield name, member


def _columns(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    return ((n, d) for n, d in _members(group, h5py.Dataset, MAX_QUANTITIES) if n != TIME)


def _checked(column: h5py.Dataset, kinds: str, limit: int, dimensions: int = 1) -> h5py.Dataset:
    """The data set itself, when reading it is safe and bounded."""
    if column.ndim != dimensions or column.dtype.kind not in kinds:
        raise ValueError(f"{column.name} is not a column of the expected type")
    if column.shape[0] > limit:
        raise ValueError(f"{column.name} has {column.shape[0]} values, more than {limit}")
    if column.is_virtual or column.external:
        raise ValueError(f"{column.name} is stored outside the file")
    if column.chunks and math.prod(column.chunks) > MAX_CHUNK:
        raise ValueError(f"{column.name} has chunks of {math.prod(column.chunks)} values")
    return column


def _numbers(column: h5py.Dataset, budget: list[int]) -> np.ndarray:
    checked = _checked(column, "fiu", MAX_SAMPLES)
    budget[0] -= checked.shape[0]
    if budget[0] < 0:
        raise ValueError("it has more values than are read")
    return np.asarray(checked[:], np.float64)


def _unfinished(
    group: h5py.Group, budget: list[int]
) -> tuple[np.ndarray, list[tuple[str, np.ndarray, dict[str, str]]]]:
    """Times and columns of a source whose readings are still one table: the sampler was killed, or goes on."""
    columns = dict(_members(group, h5py.Dataset, 2))
    if set(columns) != {TABLE, COLUMNS}:
        raise ValueError(f"{group.name} has a table and no {COLUMNS}")
    names, table = columns[COLUMNS], columns[TABLE]
    _checked(names, "S", MAX_QUANTITIES)
    if names.dtype.itemsize > MAX_SPEC:
        raise ValueError(f"{names.name} has texts that are too long")
    _checked(table, "f", MAX_SAMPLES, dimensions=2)
    budget[0] -= table.shape[0] * table.shape[1]
    if budget[0] < 0:
        raise ValueError("it has more values than are read")
    if table.shape[1] != names.shape[0] + 1:
        raise ValueError(f"{table.name} is {table.shape[0]} by {table.shape[1]} values")
    (_, relative_s, _), *rest = columns_of(group)
    return _ascending(group, relative_s), rest


def _unfolded(
    source: str, name: str, values: np.ndarray, attributes: dict[str, str], wall_s: np.ndarray
) -> Series:
    values = np.where(np.isfinite(values), values, np.nan)
    texts = _texts(attributes)
    return Series(
        _clean(source),
        texts.get("name") or _clean(name),
        texts.get("unit", ""),
        texts.get("scope", ""),
        _kind(texts.get("kind", "")),
        wall_s,
        values,
    )


def _kind(text: str) -> str:
    return text if text in {k.value for k in Kind} else Kind.GAUGE.value


def _times(group: h5py.Group, budget: list[int]) -> np.ndarray:
    if not isinstance(group.get(TIME), h5py.Dataset):
        raise ValueError(f"{group.name} has no {TIME}")
    return _ascending(group, _numbers(group[TIME], budget))


def _ascending(group: h5py.Group, times: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) < 0):
        raise ValueError(f"{group.name}/{TIME} does not ascend")
    return times


def _series(source: str, name: str, column: h5py.Dataset, wall_s: np.ndarray, budget: list[int]) -> Series:
    values = _numbers(column, budget)
    # a kill can leave a value without its time, which is written last
    if values.size < wall_s.size:
        raise ValueError(f"{column.name} has {values.size} values for {wall_s.size} times")
    values = values[: wall_s.size]
    values[~np.isfinite(values)] = np.nan
    attrs = column.attrs
    return Series(
        source=_clean(source),
        name=_text(attrs, "name") or _clean(name),
        unit=_text(attrs, "unit"),
        scope=_text(attrs, "scope"),
        kind=_kind(_text(attrs, "kind")),
        wall_s=wall_s,
        values=values,
    )


def _events(file: h5py.File, anchor_wall_s: float) -> list[Event]:
    group = file.get(EVENTS)
    if not isinstance(group, h5py.Group):
        return []
    columns = dict(_members(group, h5py.Dataset, 2))
    if set(columns) != {TIME, "message"}:
        raise ValueError("its events have no time or message")
    times = np.asarray(_checked(columns[TIME], "f", MAX_EVENTS)[:], np.float64)
    messages = _checked(columns["message"], "S", MAX_EVENTS)[:]
    return [
        Event(anchor_wall_s + float(when), _clean(bytes(message)))
        for when, message in zip(times, messages, strict=False)
        if np.isfinite(when)
    ]


def _attribute(attrs: h5py.AttributeManager, name: str) -> Any:
    """A single number or text of fixed length; None when it is absent. Raises ValueError for others:
    text of variable length lies on a heap on which HDF5 can loop forever in a damaged file."""
    if name not in attrs:
        return None
    attribute = attrs.get_id(name)
    if attribute.shape != () or attribute.dtype.kind not in "Siuf":
        raise ValueError(f"its attribute {name} is neither a number nor a text of fixed length")
    if attribute.get_storage_size() > MAX_JSON:
        raise ValueError(f"its attribute {name} is too long")
    return attrs[name]


def _number(attrs: h5py.AttributeManager, name: str) -> float:
    value = _attribute(attrs, name)
    if not isinstance(value, (int, float, np.integer, np.floating)) or not np.isfinite(value):
        raise ValueError(f"{name} is missing or not a number")
    return float(value)


def _text(attrs: h5py.AttributeManager, name: str) -> str:
    value = _attribute(attrs, name)
    return _clean("" if value is None else value)


def _clean(value: Any) -> str:
    """Anything as short printable text."""
    raw = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return "".join(c if c.isprintable() else " " for c in raw[: 2 * MAX_TEXT]).strip()


def _json(attrs: h5py.AttributeManager, name: str, otherwise: Any) -> Any:
    raw = _attribute(attrs, name)
    try:
        value = json.loads(raw) if isinstance(raw, (bytes, str)) else None
    except (ValueError, RecursionError):
        return otherwise
    return value if isinstance(value, type(otherwise)) else otherwise


def _texts(value: dict[str, Any]) -> dict[str, str]:
    return {_clean(k): _clean(v) for k, v in list(value.items())[:MAX_QUANTITIES]}
