"""The reader's process: whatever a file does to it is one line, and the next file is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.telemetry.reader.reader import read
from harness.telemetry.reader.summary import summarise
from harness.untrusted.hdf5_guard import MAX_FAILURES, Process, Reader
from tests.support.builders import build_package
from tests.support.report_builders import make_picture, write_gallery

# a reader that does on demand what HDF5 does to damaged files
WILD = """
import ctypes, sys, time
from harness.untrusted import hdf5_worker as h5child
h5child.CPU_S = 1

def act(path, *rest):
    what = path.name
    if what == "loop":
        while True: pass
    if what == "sleep": time.sleep(600)
    if what == "crash": ctypes.string_at(0)
    if what == "hoard": bytearray(h5child.MEMORY_BYTES)
    if what == "write":
        with open(sys.argv[1], "w") as file: file.write("x" * 10)
    if what == "babble": print("not an answer", flush=True)
    if what == "exit": sys.exit(0)
    if what == "lie": sys.stdout = None; return {"array": 7}
    return h5child.np.arange(3.0)

h5child.READERS["weights"] = act
h5child.main()
"""


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory) -> Path:
    built = build_package(tmp_path_factory.mktemp("built"), runs=1, telemetry=True)
    return built.run_files(0).telemetry()


@pytest.fixture
def wild(tmp_path):
    process = Process([sys.executable, "-c", WILD, str(tmp_path / "written")])
    yield process
    process.end()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("loop", "processor time"),
        ("sleep", "too long"),
        ("crash", "crashed"),
        ("hoard", "memory"),
        ("write", "crashed"),
        ("exit", "crashed"),
        ("lie", "cannot be understood"),
    ],
)
def test_what_a_file_does_is_one_line(wild, tmp_path, act, said):
    reader = Reader(file_s=2.0 if act == "sleep" else 60.0, process=wild)
    with pytest.raises(ValueError, match=said) as told:
        reader.weights(Path(act))
    assert "\n" not in str(told.value)
    assert Reader(process=wild).weights(Path("fine")).tolist() == [0, 1, 2]
    written = tmp_path / "written"
    assert not written.exists() or written.read_bytes() == b""


def test_prints_do_not_get_among_the_answers(wild):
    assert Reader(process=wild).weights(Path("babble")).tolist() == [0, 1, 2]


def test_it_gives_up_after_some_files(wild):
    reader = Reader(process=wild)
    for _ in range(MAX_FAILURES):
        with pytest.raises(ValueError, match="crashed"):
            reader.weights(Path("exit"))
    with pytest.raises(ValueError, match="was not read"):
        reader.weights(Path("fine"))
    with pytest.raises(ValueError, match="was not read"):
        Reader(total_s=0, process=wild).weights(Path("fine"))


def test_a_reader_that_does_not_start():
    with pytest.raises(ValueError, match="does not start"):
        Reader(process=Process(["/nonexistent"])).weights(Path("fine"))


def test_the_same_as_reading_it_here(telemetry):
    reader = Reader()
    assert reader.summary(telemetry, None, None) == summarise(telemetry)
    there, here = reader.telemetry(telemetry), read(telemetry)
    assert [s.name for s in there.series] == [s.name for s in here.series] != []
    for one, other in zip(there.series, here.series, strict=True):
        assert np.array_equal(one.values, other.values) and np.array_equal(one.wall_s, other.wall_s)
    assert there.events == here.events and there.devices == here.devices
    with pytest.raises(ValueError, match="more values than are read"):
        reader.telemetry(telemetry, 10)


def test_a_file_that_is_none(tmp_path):
    for text in (b"", b"PK", b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
        (tmp_path / "x.h5").write_bytes(text)
        for read_it in (Reader().telemetry, Reader().gallery, Reader().weights):
            with pytest.raises(ValueError, match=r"\S"):
                read_it(tmp_path / "x.h5")


def test_bombs(tmp_path):
    """Sizes that only the header claims, and zeros packed a thousandfold."""
    path = tmp_path / "gallery.h5"
    write_gallery(path, [make_picture(0, (40, 50))])
    with h5py.File(path, "a") as file:
        del file["scene_000/bayes"]
        file.create_dataset("scene_000/bayes", (10**9, 10**9), np.uint8, chunks=(64, 64))
    assert "has the shape" in Reader().gallery(path).notes[0]
    path = tmp_path / "telemetry_node_0.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("psutil")
        file.attrs.update(schema=1, anchor_wall_s=1.0, anchor_monotonic_s=1.0, interval_s=0.1)
        for name in ("time_s", *(f"q{n}" for n in range(20))):
            group.create_dataset(name, (15_000_000,), np.float64, chunks=(1 << 20,), compression="gzip")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match="more values"):
        Reader().summary(path, None, None)


def test_modules_beside_the_package_are_not_imported(telemetry, tmp_path, monkeypatch):
    """A reviewer may stand in the package: its files must not become the reader's modules."""
    for name in ("json.py", "numpy.py", "h5py.py", "harness/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    process = Process([sys.executable, "-m", "harness.untrusted.hdf5_worker"])
    try:
        assert Reader(process=process).telemetry(telemetry).series
    finally:
        process.end()
    assert not (tmp_path / "ran").exists()


def test_it_ends_with_its_owner():
    """Its input closes when the owner is killed; nothing is left behind."""
    process = Process([sys.executable, "-m", "harness.untrusted.hdf5_worker"])
    child = process.start()
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(200) == 0
    process.end()
    assert not os.path.exists(f"/proc/{child.pid}")
