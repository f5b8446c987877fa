"""Answers to challenges: states of training in an .npz that somebody else made.

Stored arrays of known names, types and shapes only: nothing compressed, no pickle. To be called in the process
that reads untrusted files (harness.untrusted.hdf5_worker) only.

`head` is a JSON object as uint8; `<n>_before_<part>` and `<n>_after_<part>` belong to the n-th epoch that was asked
for, part being weights, momentum, velocity ((PARAMETERS,) float32) or scalars ((3,) float64: Adam's step, loss
scale and its counter).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reference.tensorflow.model import PARAMETERS

MAX_EPOCHS = 16
MAX_HEAD_BYTES = 1 << 16
MAX_FILE_BYTES = 1 << 30
PARTS = {
    "weights": ("<f4", PARAMETERS),
    "momentum": ("<f4", PARAMETERS),
    "velocity": ("<f4", PARAMETERS),
    "scalars": ("<f8", 3),
}
HEADER_BYTES = 1024  # of an array in the file: magic, type and shape


def read_head(path: Path) -> dict[str, Any]:
    """What the answer says about itself. Raises ValueError in one line."""
    with _opened(path) as archive:
        text = _array(archive, "head", "|u1", None).tobytes()
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("its head is not JSON") from None
    if not isinstance(head, dict):
        raise ValueError("its head is not an object")
    return head


def read_states(path: Path, number: int) -> dict[str, dict[str, np.ndarray]]:
    """The states before and after the epoch of this number, by part; without those that are not there.

    Raises ValueError in one line for anything of another form, and for values that are not finite.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    with _opened(path) as archive:
        names = set(archive.namelist())
        for side in ("before", "after"):
            if f"{number}_{side}_weights.npy" in names:
                found[side] = {
                    part: _array(archive, f"{number}_{side}_{part}", kind, count)
                    for part, (kind, count) in PARTS.items()
                }
    for side, state in found.items():
        if not all(np.isfinite(values).all() for values in state.values()):
            raise ValueError(f"the state {side} epoch {number} has values that are not finite")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, with zipfile's own exceptions as ValueError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"it is not an .npz ({' '.join(str(error).split())[:100]})") from None
    with archive:
        if len(archive.infolist()) > 1 + 2 * MAX_EPOCHS * len(PARTS):
            raise ValueError("too many arrays are in it")
        try:
            yield archive
        except (zipfile.BadZipFile, NotImplementedError, EOFError, KeyError, OSError, RuntimeError) as error:
            raise ValueError(f"it cannot be read ({' '.join(str(error).split())[:100]})") from None


def _array(archive: zipfile.ZipFile, name: str, kind: str, count: int | None) -> np.ndarray:
    """One array of this type with so many values; without a count at most MAX_HEAD_BYTES. Raises ValueError."""
    info = archive.getinfo(f"{name}.npy")
    size = MAX_HEAD_BYTES if count is None else count * np.dtype(kind).itemsize
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > size + HEADER_BYTES:
        raise ValueError(f"{name} is compressed, or too large")
    with archive.open(info) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is not a plain array")
        shape, order, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=HEADER_BYTES)
        wrong = (
            dtype != np.dtype(kind) or order or len(shape) != 1 or (count is not None and shape != (count,))
        )
        if wrong:
            raise ValueError(f"{name} has the type {dtype} and the shape {shape}")
        data = file.read(size + 1)
    if len(data) != shape[0] * dtype.itemsize:
        raise ValueError(f"{name} is cut off")
    return np.frombuffer(data, kind)
