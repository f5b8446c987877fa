"""Reading training patches, by any number of threads at once, each directly into its place in a batch.

Arrays that are stored plainly (contiguous, uncompressed) are read without the HDF5 library, which admits
only one thread at a time: one vectored read per array puts the window's rows into a buffer and the bytes
between them into a scratch area. All others are read through HDF5. Both give the same bits (tested).
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from reference.data.buffers import aligned
from reference.data.patches import CHANNELS, Patch, normalise_window, read_patch
from reference.data.scenes import CHANNELS as ARRAYS
from reference.data.scenes import Scene, close_scene, label, open_scene, open_scene_unmanaged
from reference.protocol.spec import Geometry

OPEN_SCENES = 16  # those read through HDF5
FOR_THE_MOMENT = (
    errno.ESTALE,
    errno.EIO,
    errno.ETIMEDOUT,
    errno.EAGAIN,
)  # a server that restarts or fails over
PAUSE_S = 1.0
T = TypeVar("T")
MAX_ROWS = 512  # a vectored read takes at most 1024 pieces (IOV_MAX): a row and a gap each


def read_patiently(path: Path, read: Callable[[int], T]) -> T:
    """What `read` makes of the open file; once more, opened anew, where a network file system fails for the moment.

    Raises OSError, and what `read` raises.
    """
    for attempt in (1, 2):
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                return read(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if attempt == 2 or error.errno not in FOR_THE_MOMENT:
                raise
            time.sleep(PAUSE_S)
    raise AssertionError


class PatchReader(Protocol):
    """Patches by number. Any thread may read any patch at any time."""

    def __len__(self) -> int:
        """Number of patches."""

    def read_into(self, number: int, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Fill inputs (P, P, 9) float32 and labels (P, P, 1) uint8.

        Raises ValueError, with a message of one line, when they cannot be read.
        """

    def close(self) -> None:
        """Close the files that are kept open."""


@dataclass(frozen=True)
class PlainArray:
    """Where an array lies in a file: its offset in bytes, and its element type."""

    offset: int
    dtype: np.dtype


Layout = dict[str, PlainArray]


class SceneReader:
    """Training patches cut from scene files. A file is opened for each patch, so any number of files will do."""

    def __init__(self, files: Sequence[Path | str], patches: Sequence[Patch], geometry: Geometry) -> None:
        self._files = [Path(file) for file in files]
        self._patches = list(patches)
        self._geometry = geometry
        self._layouts: dict[int, Layout | None] = {}
        self._open: OrderedDict[int, Scene] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()

    def __len__(self) -> int:
        return len(self._patches)

    def read_into(self, number: int, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Read a patch from its scene (see PatchReader)."""
        patch = self._patches[number]
        layout = self._layout(patch.file)
        if layout is None:
            with self._lock:
                scene = self._scene(patch.file)
                inputs[...], labels[...] = read_patch(scene, patch, self._geometry.patch_size)
            return
        windows = self._windows()
        path = self._files[patch.file]
        try:
            found = read_patiently(
                path,
                lambda descriptor: [
                    windows.read(descriptor, name, array, patch.row, patch.column)
                    for name, array in layout.items()
                ],
            )
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
        except EOFError:
            raise ValueError(f"{path}: shorter than its arrays (truncated?)") from None
        normalise_window(found[0], found[1], inputs)
        labels[...] = label(found[2])

    def close(self) -> None:
        """Close the scenes that are read through HDF5."""
        with self._lock:
            while self._open:
                close_scene(self._open.popitem()[1])

    def _windows(self) -> Windows:
        """This thread's buffers."""
        if not hasattr(self._local, "windows"):
            self._local.windows = Windows(self._geometry)
        found: Windows = self._local.windows
        return found

    def _layout(self, file: int) -> Layout | None:
        with self._lock:
            if file not in self._layouts:
                with open_scene(self._files[file]) as scene:
                    scene.require(self._geometry.scene_height, self._geometry.scene_width)
                    self._layouts[file] = plain_layout(scene, self._geometry)
            return self._layouts[file]

    def _scene(self, file: int) -> Scene:
        scene = self._open.get(file)
        if scene is None:
            if len(self._open) >= OPEN_SCENES:
                close_scene(self._open.popitem(last=False)[1])
            scene = self._open[file] = open_scene_unmanaged(self._files[file])
        self._open.move_to_end(file)
        return scene


def plain_layout(scene: Scene, geometry: Geometry) -> Layout | None:
    """Where the scene's arrays lie, or None when they must be read through HDF5."""
    if not hasattr(os, "preadv") or geometry.patch_size > MAX_ROWS:
        return None
    layout: Layout = {}
    for name in ARRAYS:
        found = scene.stored_at(name)
        if found is None or (name != "bayes" and found[1] != np.dtype("<f4")):
            return None
        layout[name] = PlainArray(*found)
    return layout


class Windows:
    """One thread's buffers for the windows of a scene's arrays: P x P pixels, rows packed."""

    def __init__(self, geometry: Geometry) -> None:
        self._width, self._size = geometry.scene_width, geometry.patch_size
        self._buffers: dict[tuple[str, np.dtype], tuple[np.ndarray, list[memoryview], int]] = {}

    def read(self, descriptor: int, name: str, array: PlainArray, row: int, column: int) -> np.ndarray:
        """The window (P, P, channels) at (row, column), valid until the next one of this array is read.

        Raises OSError, and EOFError when the file is too short.
        """
        key = (name, array.dtype)
        if key not in self._buffers:
            self._buffers[key] = self._buffer(array.dtype, ARRAYS[name])
        window, pieces, wanted = self._buffers[key]
        pixel_bytes = window.shape[2] * window.itemsize
        start = array.offset + (row * self._width + column) * pixel_bytes
        # Signals and some network file systems cut reads short: the rest is then read row by row.
        got = os.preadv(descriptor, pieces, start)
        if got < wanted:
            _read_rest(descriptor, pieces, start, got)
        return window

    def _buffer(self, dtype: np.dtype, channels: int) -> tuple[np.ndarray, list[memoryview], int]:
        shape = (self._size, self._size, channels)
        window = aligned(self._size**2 * channels * dtype.itemsize).view(dtype).reshape(shape)
        row_bytes = self._size * channels * dtype.itemsize
        scratch = aligned((self._width - self._size) * channels * dtype.itemsize).data
        flat = window.data.cast("B")
        pieces: list[memoryview] = []
        for row in range(self._size):
            pieces += [flat[row * row_bytes : (row + 1) * row_bytes], scratch]
        pieces = [piece for piece in pieces[:-1] if len(piece)]
        return window, pieces, sum(len(piece) for piece in pieces)


def _read_rest(descriptor: int, pieces: list[memoryview], start: int, got: int) -> None:
    """Continue a vectored read that stopped after `got` bytes. Raises EOFError at the end of the file."""
    for piece in pieces:
        at = min(got, len(piece))
        got -= at
        start += at
        while at < len(piece):
            count = os.preadv(descriptor, [piece[at:]], start)
            if not count:
                raise EOFError
            at += count
            start += count


def read_exactly(descriptor: int, buffers: list[np.ndarray], start: int) -> None:
    """Fill contiguous arrays, one after the other, from byte `start` on. Raises OSError and EOFError."""
    pieces = [buffer.data.cast("B") for buffer in buffers]
    got = os.preadv(descriptor, pieces, start)
    if got < sum(len(piece) for piece in pieces):
        _read_rest(descriptor, pieces, start, got)


class KeptReader:
    """Patches of another reader, kept decoded once they have been read, so that later epochs read nothing."""

    def __init__(self, reader: PatchReader, patch_size: int) -> None:
        self._reader = reader
        self._inputs = np.empty((len(reader), patch_size, patch_size, CHANNELS), np.float32)
        self._labels = np.empty((len(reader), patch_size, patch_size, 1), np.uint8)
        self._known = np.zeros(len(reader), bool)

    def __len__(self) -> int:
        return len(self._reader)

    def read_into(self, number: int, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Copy a patch, read by the other reader the first time (see PatchReader)."""
        if not self._known[number]:
            self._reader.read_into(number, self._inputs[number], self._labels[number])
            self._known[number] = True
        inputs[...], labels[...] = self._inputs[number], self._labels[number]

    def close(self) -> None:
        """Close the other reader."""
        self._reader.close()
