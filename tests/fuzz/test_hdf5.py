"""Untrusted HDF5, through the guarded reader: a value or one line, whatever the file does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from harness.report.panels.gallery.builder import read_gallery
from harness.untrusted.hdf5_guard import Reader
from reference.tensorflow.weights import as_layers, expected_shapes
from rules.model.evidence import Telemetry
from tests.fuzz.mutate import byte_changes
from tests.fuzz.profile import cases
from tests.support.report_builders import make_picture, write_gallery

LIMIT_S = 10.0
SIGNATURES = (
    b"\x89HDF",
    b"OHDR",
    b"TREE",
    b"SNOD",
    b"HEAP",
    b"GCOL",
    b"FRHP",
    b"FADB",
    b"FAHD",
    b"EAHD",
    b"BTHD",
)


def make_weights(path: Path) -> None:
    """A weights file as Keras writes one."""
    with h5py.File(path, "w") as file:
        for number, shape in enumerate(expected_shapes()):
            name = "conv2d" if number < 2 else f"conv2d_{number // 2}"
            file.create_dataset(f"layers/{name}/vars/{number % 2}", data=np.full(shape, number, np.float32))
        file.attrs["kind"] = "weights"


@pytest.fixture(scope="module")
def sound(closed, tmp_path_factory) -> dict[str, bytes]:
    """The bytes of a small real file of each kind."""
    folder = tmp_path_factory.mktemp("sound")
    write_gallery(folder / "gallery", [make_picture(n, (20, 24)) for n in range(2)])
    make_weights(folder / "weights")
    found = {name: (folder / name).read_bytes() for name in ("gallery", "weights")}
    return {"summary": closed.run_files(0).telemetry().read_bytes(), **found}


def near_metadata(data: bytes) -> list[int]:
    """Offsets of HDF5's own structures, where a changed byte means most."""
    found = []
    for signature in SIGNATURES:
        at = data.find(signature)
        while at >= 0:
            found.append(at)
            at = data.find(signature, at + 1)
    return found


def read(kind: str, path: Path) -> Any:
    """What the reader says of a file, or the line it refuses it with."""
    reader = Reader(file_s=LIMIT_S)
    try:
        if kind == "summary":
            return reader.summary(path, None, None)
        if kind == "gallery":
            reader.gallery(path)
            return read_gallery(path, 0)
        return as_layers(reader.weights(path))
    except ValueError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 1000
        return str(error)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hdf5") / "gallery.h5"


def test_sound_files(sound, place):
    for kind, data in sound.items():
        place.write_bytes(data)
        assert not isinstance(read(kind, place), str)


@cases(15)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["summary", "gallery", "weights"])
def test_changed_files(sound, place, kind, data):
    spoilt = bytearray(sound[kind])
    if data.draw(st.booleans(), label="metadata"):
        structures = near_metadata(sound[kind])
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.sampled_from(structures)) + data.draw(st.integers(0, 200))
            if at < len(spoilt):
                spoilt[at] = data.draw(
                    st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 128, 254, 255]))
                )
    else:
        spoilt = bytearray(data.draw(byte_changes(bytes(spoilt)))(bytes(spoilt)))
    place.write_bytes(spoilt)
    said = read(kind, place)
    lost = isinstance(said, str) and "gallery.h5 cannot be read: " in said
    event("the reader was lost" if lost else "refused" if isinstance(said, str) else "read")


# ---------------------------------------------------------------- files made to mislead


def _replace(name: str, **how: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **how)

    return change


def _link(name: str, link: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return change


def _virtual(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource("/etc/hostname", "x", shape)
        file.create_virtual_dataset(name, layout)

    return change


def _cycle(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = file["/"]

    return change


def _group(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_group(name)

    return change


PLACES = {
    "summary": "machine/time_s",
    "gallery": "scene_000/bayes",
    "weights": "layers/conv2d/vars/0",
}


def traps(name: str) -> dict[str, Callable[[h5py.File], None]]:
    """One way each to mislead who reads the data set `name`."""
    text = h5py.string_dtype()
    outside = [("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
    return {
        "soft link": _link(name, h5py.SoftLink("/nowhere")),
        "soft link to itself": _link(name, h5py.SoftLink(f"/{name}")),
        "external link": _link(name, h5py.ExternalLink("/etc/hostname", "/")),
        "cycle": _cycle(name),
        "virtual": _virtual(name),
        "external storage": _replace(name, shape=(4,), dtype="u1", external=outside),
        "text of any length": _replace(name, data=["a" * 100] * 10, dtype=text),
        "arrays of any length": _replace(name, shape=(3,), dtype=h5py.vlen_dtype(np.float64)),
        "references": _replace(name, shape=(3,), dtype=h5py.ref_dtype),
        "records": _replace(name, data=np.zeros(3, [("a", "f4"), ("b", "S9")])),
        "complex numbers": _replace(name, data=np.zeros(3, "c16")),
        "no shape": _replace(name, data=h5py.Empty("f4")),
        "a number": _replace(name, data=1.0),
        "huge": _replace(name, shape=(2**40,), dtype="f8", chunks=(1024,)),
        "huge chunks": _replace(name, shape=(2**28,), dtype="f8", chunks=(2**28,), compression="gzip"),
        "many sides": _replace(name, shape=(2,) * 20, dtype="f4"),
        "a group": _group(name),
    }


@pytest.mark.parametrize("trap", sorted(traps("x")))
@pytest.mark.parametrize("kind", sorted(PLACES))
def test_traps(sound, tmp_path, kind, trap):
    path = tmp_path / "gallery.h5"
    path.write_bytes(sound[kind])
    with h5py.File(path, "r+") as file:
        traps(PLACES[kind])[trap](file)
    said = read(kind, path)
    if kind == "gallery":
        assert len(said.card.scenes) == 1 and len(said.card.notes) == 1
    else:
        assert isinstance(said, str) and "crashed" not in said and "too long" not in said


def test_attributes_that_mislead(sound, tmp_path):
    path = tmp_path / "telemetry_node_0.h5"
    for value in ("x" * 60_000, [1, 2], np.zeros((3, 3)), h5py.Empty("f4"), np.nan, 2**63, b"\xff"):
        for name in ("schema", "anchor_wall_s", "interval_s", "node", "unavailable"):
            path.write_bytes(sound["summary"])
            with h5py.File(path, "r+") as file:
                file.attrs[name] = value
            said = read("summary", path)
            assert isinstance(said, (str, Telemetry))
