"""Reading an untrusted weights file of the reference model.

Only plain float32 arrays of the expected number, shapes and order are accepted, and read with h5py: no
external or linked storage, no filters, nothing that could be executed. TensorFlow is not needed.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from reference.data.patches import CHANNELS
from reference.tensorflow.model import BOTTLENECK, FILTERS, PARAMETERS

MAX_FILE_BYTES = 64 << 20  # a file of the reference has 8 MB
MAX_OBJECTS = 2000
_ARRAY = re.compile(r"layers/conv2d(?:_([1-9][0-9]{0,2}))?/vars/([01])\Z")


def expected_shapes() -> list[tuple[int, ...]]:
    """Shapes of kernels and biases of the reference model's convolutions, in the model's order."""
    channels, kernels = CHANNELS, []
    for filters in (*FILTERS, BOTTLENECK):
        kernels += [(3, 3, channels, filters), (3, 3, filters, filters)]
        channels = filters
    for filters in reversed(FILTERS):
        kernels += [(3, 3, channels + filters, filters), (3, 3, filters, filters)]
        channels = filters
    kernels.append((1, 1, channels, 1))
    return [shape for kernel in kernels for shape in (kernel, kernel[-1:])]


def read_weights(path: Path) -> list[np.ndarray]:
    """The model's weights in the order of `model.get_weights()`, float32.

    Raises ValueError, with a message of one line, unless the file has all weights of the reference model,
    and all are finite.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        with h5py.File(path, "r", locking=False) as file:
            found = _arrays(file)
            return _ordered(found)
    except (OSError, RuntimeError, KeyError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"cannot be read as HDF5 ({' '.join(str(error).split())[:120]})") from None


def as_layers(numbers: np.ndarray) -> list[np.ndarray]:
    """The arrays that `model.set_weights` takes, from all weights (n,) of the model one after the other.

    Raises ValueError for more or fewer weights.
    """
    shapes = expected_shapes()
    sizes = [int(np.prod(shape)) for shape in shapes]
    if numbers.shape != (sum(sizes),):
        raise ValueError(f"{numbers.size} weights, the reference model has {sum(sizes)}")
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _arrays(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Every data set by its path. Only hard links are followed; others raise ValueError."""
    found: dict[str, h5py.Dataset] = {}
    waiting, seen = [("", file)], 0
    while waiting:
        above, group = waiting.pop()
        for name in group:
            seen += 1
            if seen > MAX_OBJECTS:
                raise ValueError(f"more than {MAX_OBJECTS} objects")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{_shown(above + name)} is a link")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((f"{above}{name}/", item))
            elif isinstance(item, h5py.Dataset):
                found[above + name] = item
            else:
                raise ValueError(f"{_shown(above + name)} is neither a group nor an array")
    return found


def _ordered(found: dict[str, h5py.Dataset]) -> list[np.ndarray]:
    shapes = expected_shapes()
    places: dict[int, h5py.Dataset] = {}
    for name, item in found.items():
        match = _ARRAY.match(name)
        if match is None:
            raise ValueError(f"{_shown(name)} is not part of the reference model")
        places[2 * int(match[1] or 0) + int(match[2])] = item
    if sorted(places) != list(range(len(shapes))):
        raise ValueError(f"{len(places)} arrays, the reference model has {len(shapes)}")
    values = []
    for at, shape in enumerate(shapes):
        item = places[at]
        if item.shape != shape:
            raise ValueError(f"array {at} has shape {item.shape}, the reference model's {shape}")
        if item.dtype != np.dtype("<f4"):
            raise ValueError(f"array {at} contains {item.dtype}, float32 expected")
        if item.external or item.is_virtual or item.compression or item.chunks:
            raise ValueError(f"array {at} is not stored plainly")
        value = item[...]
        if not np.isfinite(value).all():
            raise ValueError(f"array {at} contains values that are not finite")
        values.append(value)
    assert sum(v.size for v in values) == PARAMETERS
    return values


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:80])
