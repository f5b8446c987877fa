"""Untrusted weights files: the reference model's arrays, or one line that says why not."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from reference.tensorflow.model import PARAMETERS
from reference.tensorflow.weights import expected_shapes, read_weights


def write(path: Path, change: Callable[[h5py.File], None] | None = None) -> Path:
    """A file laid out as Keras saves the model's weights; `change` spoils it."""
    with h5py.File(path, "w") as file:
        for at, shape in enumerate(expected_shapes()):
            layer = f"layers/conv2d_{at // 2}" if at > 1 else "layers/conv2d"
            file[f"{layer}/vars/{at % 2}"] = np.full(shape, at, np.float32)
        file.create_group("layers/max_pooling2d/vars")
        if change is not None:
            change(file)
    return path


def test_shapes_give_the_parameter_count():
    assert sum(math.prod(s) for s in expected_shapes()) == PARAMETERS
    assert len(expected_shapes()) == 30


def test_arrays_come_in_the_models_order(tmp_path):
    values = read_weights(write(tmp_path / "w.h5"))
    assert [v.shape for v in values] == expected_shapes()
    assert [float(v.flat[0]) for v in values] == list(range(30))
    assert all(v.dtype == np.float32 for v in values)


def _replace(name: str, value: object, **options: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=value, **options)

    return change


def _external_storage(file: h5py.File) -> None:
    del file["layers/conv2d/vars/1"]
    file.create_dataset("layers/conv2d/vars/1", (32,), "<f4", external=[("/etc/hostname", 0, 128)])


def _virtual(file: h5py.File) -> None:
    del file["layers/conv2d/vars/1"]
    layout = h5py.VirtualLayout((32,), "<f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (32,))
    file.create_virtual_dataset("layers/conv2d/vars/1", layout)


def _soft_link(file: h5py.File) -> None:
    file["layers/conv2d_99"] = h5py.SoftLink("/layers/conv2d")


def _external_link(file: h5py.File) -> None:
    del file["layers/conv2d/vars/1"]
    file["layers/conv2d/vars/1"] = h5py.ExternalLink("/etc/passwd", "/")


def _loop(file: h5py.File) -> None:
    file["layers/conv2d/vars/again"] = file["layers"]


def _crowd(file: h5py.File) -> None:
    for number in range(2500):
        file.create_group(f"g{number}")


SPOILT: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "other shape": (_replace("layers/conv2d/vars/0", np.zeros((3, 3, 9, 64), np.float32)), "shape"),
    "doubled filters": (_replace("layers/conv2d/vars/1", np.zeros(64, np.float32)), "shape"),
    "other type": (_replace("layers/conv2d/vars/1", np.zeros(32, np.float64)), "float64"),
    "text": (_replace("layers/conv2d/vars/1", ["x"] * 32), "float32"),
    "not finite": (_replace("layers/conv2d/vars/1", np.full(32, np.nan, np.float32)), "not finite"),
    "compressed": (
        _replace("layers/conv2d/vars/1", np.zeros(32, np.float32), compression="gzip"),
        "not stored plainly",
    ),
    "missing": (lambda file: file.__delitem__("layers/conv2d_7/vars/1"), "29 arrays"),
    "decoy": (lambda file: file.copy("layers/conv2d_7", "layers/conv2d_07"), "not part"),
    "extra": (lambda file: file.__setitem__("optimizer/vars/0", np.zeros(3)), "not part"),
    "external storage": (_external_storage, "not stored plainly"),
    "virtual": (_virtual, "not stored plainly"),
    "soft link": (_soft_link, "is a link"),
    "external link": (_external_link, "is a link"),
    "loop": (_loop, "more than"),
    "crowd": (_crowd, "more than"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_files_are_refused(tmp_path, name):
    change, words = SPOILT[name]
    with pytest.raises(ValueError, match=words) as error:
        read_weights(write(tmp_path / "w.h5", change))
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + b"\xff" * 500])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "w.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        read_weights(path)


def test_cut_and_huge_files_are_refused(tmp_path):
    path = write(tmp_path / "w.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        read_weights(path)
    with path.open("r+b") as file:
        file.truncate(65 << 20)
    with pytest.raises(ValueError, match="larger than"):
        read_weights(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_weights(tmp_path / "nowhere.h5")
