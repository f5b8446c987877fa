"""The telemetry file: HDF5, written while sampling, readable at any moment and after a kill -9.

    /                attrs schema, node, host, anchor_wall_s, anchor_monotonic_s, interval_s,
                     harness_version, unavailable (JSON list of {source, what, why, fix})
    /events          time_s, message: lost devices, failed readings, how the sampling ended
    /<source>        attrs interval_s, devices (JSON); time_s: seconds since the anchor (monotonic)
    /<source>/<scope>.<name>   one value per time_s; attrs name, unit, scope, kind, source.
                     NaN: that reading failed. Counters in float64, the rest in float32.

That is the finished file. While it is written each source has, instead of its columns, one table
(readings x [time_s, values...], float64) and the JSON of its columns' attributes: every call of HDF5
costs about as much as a reading, so there is one per source and flush, whatever the source measures.

HDF5's single-writer mode orders its writes so that a reader, or what a kill leaves behind, is always
a whole file; everything flushed is in it. That mode allows no new objects once it is on, hence the
events are a data set from the start; nor does it compress well, hence compact() when all is over.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from harness import __version__
from harness.core.files import new_beside
from harness.telemetry.reader.recover import open_any
from harness.telemetry.sources.base import Kind, Source

SCHEMA = 1
EVENTS = "events"
ENDED = "ended:"  # begins the event that says why the sampling ended
PACED = "paced:"  # begins the events that say how often is read: the sampler keeps to its budget, nothing is wrong
TIME = "time_s"
MESSAGE_BYTES = 400
TABLE, COLUMNS = "table", "columns"
# short runs stay small, and an hour at 10 Hz is 140 chunks
CHUNK_ROWS, CHUNK_BYTES = 256, 1 << 16


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
        """This moment."""
        before = time.monotonic()
        wall = time.time()
        return Anchor(wall, (before + time.monotonic()) / 2)


class SampleWriter:
    """Writes one telemetry file. Not thread-safe: one thread owns it.

    Raises FileExistsError when the file is there already, OSError when it cannot be written.
    """

    def __init__(self, path: Path, node: str, host: str, interval_s: float, anchor: Anchor) -> None:
        # a file of this process only: a lock is not needed, and file systems of clusters may have none
        self._file = h5py.File(path, "x", libver="latest", locking=False)
        self._anchor = anchor
        self._file.attrs.update(
            schema=SCHEMA,
            anchor_wall_s=anchor.wall_s,
            anchor_monotonic_s=anchor.monotonic_s,
            interval_s=interval_s,
        )
        _label(self._file, node=node, host=host, harness_version=__version__)
        self._tables: dict[str, _Table] = {}
        self._events: list[h5py.Dataset] = []
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
        for name, dtype in ((TIME, np.float64), ("message", np.dtype(f"S{MESSAGE_BYTES}"))):
            self._events.append(
                events.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(CHUNK_ROWS,), dtype=dtype)
            )
        self._file.swmr_mode = True
        self._file.flush()

    def _add(self, source: Source, interval_s: float) -> None:
        group = self._file.create_group(source.name)
        group.attrs["interval_s"] = interval_s
        _label(group, devices=json.dumps(source.devices()))
        specs = [
            json.dumps({"name": q.name, "unit": q.unit, "scope": q.scope, "kind": q.kind.value}).encode()
            for q in source.quantities()
        ]
        if specs:
            group.create_dataset(COLUMNS, data=np.array(specs))
            self._tables[source.name] = _Table(group, len(specs))

    def append(self, source: str, rows: Sequence[tuple[float, Sequence[float | None]]]) -> None:
        """Add readings: (monotonic time in s, one value per quantity or None)."""
        if rows and source in self._tables:
            self._tables[source].append(rows, self._anchor.monotonic_s)
            self._dirty = True

    def event(self, message: str, monotonic_s: float | None = None) -> None:
        """Add a remark, of now unless a time is given; MESSAGE_BYTES of it are kept."""
        times, messages = self._events
        count = times.shape[0]
        when = time.monotonic() if monotonic_s is None else monotonic_s
        encoded = message.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode()
        for column, value in ((messages, encoded), (times, when - self._anchor.monotonic_s)):
            column.resize(count + 1, axis=0)
            column[count] = value
        self._dirty = True

    def flush(self) -> None:
        """Write what was added: it survives a kill from here on."""
        if self._dirty:
            self._file.flush()
            self._dirty = False

    def close(self) -> None:
        """Flush, and mark the file as closed."""
        self._file.close()


class _Table:
    """Readings of one source. HDF5 is called below h5py's slicing, which costs several times more."""

    def __init__(self, group: h5py.Group, quantities: int) -> None:
        self._width = quantities + 1
        rows = max(1, min(CHUNK_ROWS, CHUNK_BYTES // (8 * self._width)))
        dataset = group.create_dataset(
            TABLE,
            shape=(0, self._width),
            maxshape=(None, self._width),
            chunks=(rows, self._width),
            dtype=np.float64,
            fillvalue=np.nan,  # of a row that a kill left without its values
        )
        self._id, self._count = dataset.id, 0

    def append(self, rows: Sequence[tuple[float, Sequence[float | None]]], origin_s: float) -> None:
        block = np.empty((len(rows), self._width), np.float64)
        for index, (at_s, values) in enumerate(rows):
            block[index, 0] = at_s - origin_s
            block[index, 1:] = values  # numpy turns None into NaN
        self._id.set_extent((self._count + len(rows), self._width))
        target = self._id.get_space()
        target.select_hyperslab((self._count, 0), block.shape)
        self._id.write(h5py.h5s.create_simple(block.shape), target, block)
        self._count += len(rows)


def columns_of(group: h5py.Group) -> Iterator[tuple[str, np.ndarray, dict[str, str]]]:
    """(name, values, attributes) of each column of an unfinished source, time_s first."""
    table = group[TABLE][:]
    table = table[: _whole_rows(table[:, 0])]
    yield TIME, table[:, 0], {"unit": "s"}
    source = group.name.rpartition("/")[2]
    for index, raw in enumerate(group[COLUMNS][:], 1):
        attributes = json.loads(raw)
        yield (
            f"{attributes['scope']}.{attributes['name']}",
            table[:, index],
            {**attributes, "source": source},
        )


def _whole_rows(times: np.ndarray) -> int:
    known = np.flatnonzero(np.isfinite(times))
    return int(known[-1]) + 1 if known.size else 0


def compact(path: Path) -> None:
    """Rewrite a finished file in place: compressed, and in the form that every HDF5 tool opens, also
    after a kill. Only for files this harness wrote itself. Raises OSError; the file is then as it was."""
    handle, name = new_beside(path)
    os.close(handle)
    try:
        with open_any(path) as old, h5py.File(name, "w", libver=("v110", "v110"), locking=False) as new:
            _copy_attributes(old, new)
            for source, group in old.items():
                target = new.create_group(source)
                _copy_attributes(group, target)
                if TABLE in group:
                    _unfold(group, target)
                    continue
                for column, data in group.items():
                    _copy_attributes(data, _packed(target, column, data[:]))
        os.replace(name, path)
    except BaseException as error:
        name.unlink(missing_ok=True)
        if isinstance(error, (RuntimeError, KeyError, ValueError)):
            raise OSError(f"{path.name} cannot be read back: {error}") from error
        raise


def _unfold(group: h5py.Group, target: h5py.Group) -> None:
    for name, values, attributes in columns_of(group):
        # float32 cannot count: a step of 1 J is lost above 16.8 MJ
        wide = name == TIME or attributes["kind"] == Kind.COUNTER.value
        _label(_packed(target, name, values if wide else values.astype(np.float32)), **attributes)


def _packed(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    packing = {"compression": "gzip", "shuffle": True} if values.size else {}
    return group.create_dataset(name, data=values, **packing)


def _copy_attributes(old: h5py.HLObject, new: h5py.HLObject) -> None:
    for name in old.attrs:
        new.attrs.create(name, old.attrs[name], dtype=old.attrs.get_id(name).dtype)
