"""Telemetry files: what is written is read back, and damaged or hostile files are one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.telemetry.reader.reader import read, series
from harness.telemetry.reader.summary import downsample, summarise
from harness.telemetry.recorder.file import Anchor, SampleWriter, compact
from harness.telemetry.sources.base import Kind, NullSource, QuantitySpec, Source, Unavailable

ANCHOR = Anchor(wall_s=1_000_000.0, monotonic_s=50.0)


class Meter(Source):
    """Names what the rows below are readings of."""

    name = "meter"

    def quantities(self) -> list[QuantitySpec]:
        """A gauge and a counter."""
        return [
            QuantitySpec("power", "W", "gpu0"),
            QuantitySpec("energy", "J", "gpu0", Kind.COUNTER),
        ]

    def read(self) -> list[float | None]:
        """Raises NotImplementedError: rows are written by hand."""
        raise NotImplementedError

    def devices(self) -> dict[str, str]:
        """One card."""
        return {"gpu0": "a card"}


def write(path: Path, rows: list[tuple[float, list[float | None]]], close: bool = True) -> SampleWriter:
    writer = SampleWriter(path, "node_0", "host", 0.1, ANCHOR)
    missing = NullSource(Unavailable("rapl", "what", "why", "fix"))
    writer.begin([Meter(), missing], {"meter": 0.1})
    writer.append("meter", rows)
    writer.event("something happened", 51.0)
    writer.flush()
    if close:
        writer.close()
    return writer


ROWS: list[tuple[float, list[float | None]]] = [
    (50.0, [70.0, 1e9]),
    (51.0, [None, 1e9 + 70]),
    (54.0, [90.0, 1e9 + 310]),
]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "telemetry_node_0.h5"
    write(path, ROWS)
    return path


@pytest.mark.parametrize("compacted", [False, True])
def test_what_is_written_is_read_back(good: Path, compacted: bool) -> None:
    if compacted:
        compact(good)
    file = read(good)
    power, energy = sorted(file.series, key=lambda s: s.kind, reverse=True)
    assert (power.source, power.name, power.unit, power.scope, power.kind) == (
        "meter",
        "power",
        "W",
        "gpu0",
        "gauge",
    )
    assert power.wall_s.tolist() == [1_000_000.0, 1_000_001.0, 1_000_004.0]
    assert np.isnan(power.values[1]) and power.values[2] == 90.0  # failed is absent, never 0
    assert energy.values.tolist() == [1e9, 1e9 + 70, 1e9 + 310]  # a counter keeps its joules
    assert file.node == "node_0" and file.interval_s == 0.1 and file.devices == {"gpu0": "a card"}
    assert file.unavailable == [{"source": "rapl", "what": "what", "why": "why", "fix": "fix"}]
    assert [(e.wall_s, e.message) for e in file.events] == [(1_000_001.0, "something happened")]


def test_file_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "open.h5"
    writer = write(path, ROWS, close=False)
    try:
        assert [s.values.size for s in series(path)] == [3, 3]
        writer.append("meter", [(55.0, [1.0, 2e9])])
        writer.flush()
        assert [s.values.size for s in series(path)] == [4, 4]
    finally:
        writer.close()


def test_an_existing_file_is_never_overwritten(good: Path) -> None:
    before = good.read_bytes()
    with pytest.raises(FileExistsError):
        SampleWriter(good, "node_0", "host", 0.1, ANCHOR)
    assert good.read_bytes() == before


def test_compact_makes_it_smaller_and_leaves_no_litter(good: Path) -> None:
    before = good.stat().st_size
    compact(good)
    assert good.stat().st_size < before
    assert os.listdir(good.parent) == [good.name]


def test_compact_leaves_a_file_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    path.write_bytes(b"no HDF5")
    with pytest.raises(OSError):
        compact(path)
    assert path.read_bytes() == b"no HDF5" and os.listdir(tmp_path) == ["x.h5"]


# ---------------------------------------------------------------- summary


def test_summary_of_the_whole_file(good: Path) -> None:
    found = summarise(good)
    assert (found.path, found.node, found.interval_s) == (good.name, "node_0", 0.1)
    assert (found.start_wall_s, found.stop_wall_s) == (1_000_000.0, 1_000_004.0)
    assert found.achieved_hz == pytest.approx(0.5)
    assert found.longest_gap_s == pytest.approx(3.0)
    power = next(q for q in found.quantities if q.name == "power")
    assert (power.samples, power.mean, power.minimum, power.maximum) == (2, 80.0, 70.0, 90.0)
    energy = next(q for q in found.quantities if q.name == "energy")
    assert (energy.unit, energy.samples, energy.mean) == ("W", 3, pytest.approx(77.5))
    assert energy.minimum is None


def test_summary_of_a_window_shows_what_is_not_covered(good: Path) -> None:
    found = summarise(good, 1_000_001.0, 1_000_014.0)
    assert found.longest_gap_s == pytest.approx(10.0)
    assert (found.start_wall_s, found.stop_wall_s) == (1_000_000.0, 1_000_004.0)
    power = next(q for q in found.quantities if q.name == "power")
    assert (power.samples, power.mean) == (1, 90.0)


def test_summary_of_a_window_without_readings_is_absent_not_zero(good: Path) -> None:
    found = summarise(good, 2_000_000.0, 2_000_010.0)
    assert found.achieved_hz is None and found.longest_gap_s == pytest.approx(10.0)
    assert {(q.samples, q.mean, q.minimum, q.maximum) for q in found.quantities} == {(0, None, None, None)}


def test_summary_of_an_empty_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "x.h5", [])
    with pytest.raises(ValueError, match="holds no samples"):
        summarise(tmp_path / "x.h5")


def test_downsample_keeps_means_and_gaps() -> None:
    times = np.concatenate((np.arange(0.0, 10, 0.1), np.arange(90.0, 100, 0.1))) + 1.8e9
    values = np.where(times < 1.8e9 + 50, 1.0, 3.0)
    values[5] = np.nan
    few, means = downsample(times, values, 10)
    assert few.size == 2 and means.tolist() == [1.0, 3.0]
    assert few[0] == pytest.approx(1.8e9 + 4.95, abs=0.2)
    same, _ = downsample(times[:3], values[:3], 10)
    assert same.size == 3
    assert downsample(np.array([]), np.array([]), 10)[0].size == 0
    assert downsample(np.zeros(50), np.ones(50), 10)[1].tolist() == [1.0]


# ---------------------------------------------------------------- hostile files


def reshaped(name: str, **how: object) -> Callable[[h5py.File], None]:
    def mutate(file: h5py.File) -> None:
        attrs = dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, **how).attrs.update(attrs)

    return mutate


def external_link(file: h5py.File) -> None:
    del file["meter/gpu0.power"]
    file["meter/gpu0.power"] = h5py.ExternalLink("/etc/passwd", "/")


def external_data(file: h5py.File) -> None:
    del file["meter/gpu0.power"]
    file["meter"].create_dataset("gpu0.power", shape=(3,), dtype="u1", external=[("/etc/passwd", 0, 3)])


def virtual_data(file: h5py.File) -> None:
    del file["meter/gpu0.power"]
    layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(3,))
    file["meter"].create_virtual_dataset("gpu0.power", layout)


def many_groups(file: h5py.File) -> None:
    for index in range(100):
        file.create_group(f"g{index}")


def attribute(name: str, value: object) -> Callable[[h5py.File], None]:
    def mutate(file: h5py.File) -> None:
        file.attrs[name] = value

    return mutate


HOSTILE: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "other schema": (attribute("schema", 2), "schema is 2"),
    "schema as text": (attribute("schema", np.bytes_("1")), "schema"),
    "text of variable length": (attribute("node", "x"), "fixed length"),
    "no anchor": (lambda f: f.attrs.__delitem__("anchor_wall_s"), "anchor_wall_s is missing"),
    "anchor not finite": (attribute("anchor_wall_s", np.inf), "anchor_wall_s"),
    "interval as list": (attribute("interval_s", [1, 2]), "interval_s"),
    "no time": (lambda f: f.__delitem__("meter/time_s"), "no time_s"),
    "time runs back": (reshaped("meter/time_s", data=[0.0, 2.0, 1.0]), "does not ascend"),
    "time is NaN": (reshaped("meter/time_s", data=[0.0, np.nan, 1.0]), "does not ascend"),
    "time is text": (reshaped("meter/time_s", data=np.array([b"a", b"b", b"c"])), "expected type"),
    "two dimensions": (reshaped("meter/gpu0.power", data=np.zeros((3, 2))), "expected type"),
    "scalar": (reshaped("meter/gpu0.power", data=1.0), "expected type"),
    "too few values": (reshaped("meter/gpu0.power", data=[1.0]), "1 values for 3 times"),
    "enormous": (reshaped("meter/gpu0.power", shape=(10**12,), dtype="f4", chunks=(1024,)), "more than"),
    "enormous chunk": (
        reshaped("meter/gpu0.power", shape=(3,), maxshape=(None,), dtype="f4", chunks=(10**8,)),
        "chunks of",
    ),
    "external link": (external_link, "link to elsewhere"),
    "soft link": (lambda f: f["meter"].__setitem__("x", h5py.SoftLink("/meter/time_s")), "link to elsewhere"),
    "external data": (external_data, "outside the file"),
    "virtual data": (virtual_data, "outside the file"),
    "many groups": (many_groups, "members"),
    "events without text": (reshaped("events/message", data=[1.0]), "expected type"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_file_is_one_line(good: Path, case: str) -> None:
    mutate, expected = HOSTILE[case]
    compact(good)
    with h5py.File(good, "r+") as file:
        mutate(file)
    for reader in (read, summarise, series):
        with pytest.raises(ValueError) as raised:
            reader(good)
        message = str(raised.value)
        assert expected in message and good.name in message
        assert "\n" not in message and len(message) < 500 and "root:" not in message


def replaced(name: str, **how: object) -> Callable[[h5py.File], None]:
    def mutate(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **how)

    return mutate


SPEC = json.dumps({"name": "power", "unit": "W", "scope": "gpu0", "kind": "gauge"}).encode()
UNFINISHED: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no columns": (lambda f: f.__delitem__("meter/columns"), "no columns"),
    "more columns than values": (replaced("meter/columns", data=np.array([SPEC] * 9)), "3 by 3 values"),
    "columns of nonsense": (replaced("meter/columns", data=np.array([b"[1]", b"{"])), "damaged"),
    "columns without end": (replaced("meter/columns", data=np.array([b"x" * 5000] * 2)), "too long"),
    "columns of numbers": (replaced("meter/columns", data=np.zeros(2)), "expected type"),
    "flat table": (replaced("meter/table", data=np.zeros(3)), "expected type"),
    "table of text": (replaced("meter/table", data=np.array([[b"a"] * 3])), "expected type"),
    "enormous table": (
        replaced("meter/table", shape=(10**12, 3), dtype="f8", chunks=(1024, 3)),
        "more than",
    ),
    "enormous chunk": (
        replaced("meter/table", shape=(3, 3), maxshape=(None, 3), dtype="f8", chunks=(10**7, 3)),
        "chunks of",
    ),
    "time runs back": (
        lambda f: f["meter/table"].__setitem__((slice(None), 0), [0, 2, 1]),
        "does not ascend",
    ),
    "no time": (lambda f: f["meter/table"].__setitem__((1, 0), np.nan), "does not ascend"),
}


@pytest.mark.parametrize("case", UNFINISHED)
def test_hostile_file_of_a_killed_sampler_is_one_line(good: Path, case: str) -> None:
    mutate, expected = UNFINISHED[case]
    with h5py.File(good, "r+") as file:
        mutate(file)
    with pytest.raises(ValueError) as raised:
        read(good)
    assert expected in str(raised.value) and "\n" not in str(raised.value)


def test_rows_that_a_kill_left_without_values_are_not_read(good: Path) -> None:
    with h5py.File(good, "r+") as file:
        file["meter/table"].resize(7, axis=0)
    assert [s.values.size for s in series(good)] == [3, 3]
    compact(good)
    assert [s.values.size for s in series(good)] == [3, 3]


def test_remarks_are_those_within_the_window(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    writer = write(path, ROWS, close=False)
    writer.event("later", 60.0)
    writer.event("ended: asked", 51.5)
    writer.event("paced: less often for a while", 51.5)
    writer.close()
    assert summarise(path, 1_000_000.0, 1_000_004.0).remarks == ["something happened"]


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    for name, content in {"missing.h5": None, "empty.h5": b"", "text.h5": b"hello" * 100}.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read(path)
    with pytest.raises(ValueError):
        read(tmp_path)


def test_truncated_file_never_does_more_than_say_so(good: Path) -> None:
    whole = good.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 50)):
        good.write_bytes(whole[:size])
        with pytest.raises(ValueError) as raised:
            read(good)
        assert "\n" not in str(raised.value)


def test_untrusted_labels_are_short_and_printable(good: Path) -> None:
    compact(good)
    with h5py.File(good, "r+") as file:
        file["meter/gpu0.power"].attrs["scope"] = np.bytes_("\x1b[31m" + "x" * 10_000)
        file["meter/gpu0.power"].attrs["kind"] = np.bytes_("invented")
        file.attrs["unavailable"] = np.bytes_(json.dumps([1, {"a": {"b": 1}}, "x"]))
        file["meter"].attrs["devices"] = np.bytes_("[" * 10_000)
    power = next(s for s in series(good) if s.name == "power")
    assert len(power.scope) <= 400 and power.scope.isprintable()
    assert power.kind == "gauge"
    assert len(read(good).unavailable) == 1
