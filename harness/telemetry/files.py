"""The telemetry file: HDF5, written while sampling, readable at any moment and after a kill -9.

    /                attrs schema, node, host, anchor_wall_s, anchor_monotonic_s, interval_s,
                     harness_version, unavailable (JSON list of {source, what, why, fix})
    /events          time_s, message: lost devices, failed readings, how the sampling ended
    /<source>        attrs interval_s, devices (JSON); time_s: seconds since the anchor (monotonic)
    /<source>/<scope>.<name>   one value per time_s; attrs name, unit, scope, kind, source.
                     NaN: that reading failed. Counters in float64, the rest in float32.

HDF5's single-writer mode orders its writes so that a reader, or what a kill leaves behind, is always
a whole file; everything flushed is in it. That mode allows no new objects once it is on, hence the
events are a data set from the start; nor does it compress well, hence compact() when all is over.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from harness import __version__
from harness.telemetry.recover import open_any
from harness.telemetry.source import Kind, QuantitySpec, Source

SCHEMA = 1
EVENTS = "events"
TIME = "time_s"
MESSAGE_BYTES = 400
# 256 samples of 4 bytes: short runs stay small, and an hour at 10 Hz is 140 chunks
CHUNK = 256


def _label(target: h5py.HLObject, **texts: str) -> None:
    """Text attributes of fixed length. HDF5 keeps the usual kind, of variable length, on a heap that
    it can read forever when the file is damaged, so the reader refuses it."""
    for name, text in texts.items():
        data = text.encode() or b" "
        target.attrs.create(name, data, dtype=h5py.string_dtype("utf-8", len(data)))


@dataclass(frozen=True)
class Anchor:
    """One moment on both clocks. Wall time of a sample = wall_s + its time_s."""

    wall_s: float
    monotonic_s: float

    @staticmethod
    def now() -> Anchor:
        before = time.monotonic()
        wall = time.time()
        return Anchor(wall, (before + time.monotonic()) / 2)


class SampleWriter:
    """Writes one telemetry file. Not thread-safe: one thread owns it.

    Raises FileExistsError when the file is there already, OSError when it cannot be written.
    """

    def __init__(self, path: Path, node: str, host: str, interval_s: float, anchor: Anchor) -> None:
        # best-effort: file systems without locks are common on clusters, and there is one writer only
        self._file = h5py.File(path, "x", libver="latest", locking="best-effort")
        self._anchor = anchor
        self._file.attrs.update(
            schema=SCHEMA,
            anchor_wall_s=anchor.wall_s,
            anchor_monotonic_s=anchor.monotonic_s,
            interval_s=interval_s,
        )
        _label(self._file, node=node, host=host, harness_version=__version__)
        self._columns: dict[str, list[h5py.Dataset]] = {}
        self._dirty = False

    def begin(self, sources: Iterable[Source], intervals_s: dict[str, float]) -> None:
        """Create every data set and switch to single-writer mode: from here on a kill does no harm."""
        unavailable = []
        for source in sources:
            if source.unavailable is not None:
                unavailable.append(asdict(source.unavailable))
            else:
                self._add(source, intervals_s[source.name])
        _label(self._file, unavailable=json.dumps(unavailable))
        events = self._file.create_group(EVENTS)
        self._columns[EVENTS] = [
            self._dataset(events, TIME, np.float64),
            self._dataset(events, "message", np.dtype(f"S{MESSAGE_BYTES}")),
        ]
        self._file.swmr_mode = True
        self._file.flush()

    def _add(self, source: Source, interval_s: float) -> None:
        group = self._file.create_group(source.name)
        group.attrs["interval_s"] = interval_s
        _label(group, devices=json.dumps(source.devices()))
        columns = [self._dataset(group, TIME, np.float64)]
        _label(columns[0], unit="s")
        for spec in source.quantities():
            columns.append(self._quantity(group, source.name, spec))
        self._columns[source.name] = columns

    def _quantity(self, group: h5py.Group, source: str, spec: QuantitySpec) -> h5py.Dataset:
        # float32 cannot count: a step of 1 J is lost above 16.8 MJ
        column = self._dataset(group, spec.key, np.float64 if spec.kind is Kind.COUNTER else np.float32)
        _label(column, name=spec.name, unit=spec.unit, scope=spec.scope, kind=spec.kind.value, source=source)
        return column

    @staticmethod
    def _dataset(group: h5py.Group, name: str, dtype: object) -> h5py.Dataset:
        return group.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(CHUNK,), dtype=dtype)

    def append(self, source: str, rows: Sequence[tuple[float, Sequence[float | None]]]) -> None:
        """Add readings: (monotonic time in s, one value per quantity or None)."""
        if not rows:
            return
        times, *columns = self._columns[source]
        count, more = times.shape[0], len(rows)
        table = np.array([[np.nan if v is None else v for v in values] for _, values in rows], np.float64)
        # values before times: a reader goes by the length of time_s
        for index, column in enumerate(columns):
            column.resize(count + more, axis=0)
            column[count:] = table[:, index]
        times.resize(count + more, axis=0)
        times[count:] = np.array([t for t, _ in rows]) - self._anchor.monotonic_s
        self._dirty = True

    def event(self, message: str, monotonic_s: float | None = None) -> None:
        times, messages = self._columns[EVENTS]
        count = times.shape[0]
        when = time.monotonic() if monotonic_s is None else monotonic_s
        encoded = message.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode()
        for column, value in ((messages, encoded), (times, when - self._anchor.monotonic_s)):
            column.resize(count + 1, axis=0)
            column[count] = value
        self._dirty = True

    def flush(self) -> None:
        if self._dirty:
            self._file.flush()
            self._dirty = False

    def close(self) -> None:
        self._file.close()


def compact(path: Path) -> None:
    """Rewrite a finished file in place: compressed, and in the form that every HDF5 tool opens, also
    after a kill. Only for files this harness wrote itself. Raises OSError; the file is then as it was."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        with open_any(path) as old, h5py.File(name, "w", libver=("v110", "v110")) as new:
            _copy_attributes(old, new)
            for source, group in old.items():
                target = new.create_group(source)
                _copy_attributes(group, target)
                for column, data in group.items():
                    values = data[:]
                    packing = {"compression": "gzip", "shuffle": True} if values.size else {}
                    _copy_attributes(data, target.create_dataset(column, data=values, **packing))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, (RuntimeError, KeyError, ValueError)):
            raise OSError(f"{path.name} cannot be read back: {error}") from error
        raise


def _copy_attributes(old: h5py.HLObject, new: h5py.HLObject) -> None:
    for name in old.attrs:
        new.attrs.create(name, old.attrs[name], dtype=old.attrs.get_id(name).dtype)
