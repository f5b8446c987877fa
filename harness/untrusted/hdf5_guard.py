"""Reading untrusted HDF5 files without opening them here: a process of its own does (hdf5_worker.py).

HDF5 can loop for ever, take all memory or crash on a damaged file. That ends the other process, which is
started anew for the next file, and becomes one line about this one. A Reader stops after a few such files,
so that a package made of them takes a limited time to check.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from harness.core.own_code import start_module
from rules.model.evidence import Pictured, Telemetry

if TYPE_CHECKING:
    import numpy as np

    from harness.telemetry.reader.reader import TelemetryFile
    from harness.untrusted.gallery import Scenes

ROOT = Path(__file__).resolve().parents[2]  # where the packages harness, reference and rules lie
COMMAND = start_module("harness.untrusted.hdf5_worker")
FILE_S = 60.0  # for one file, the reader's start included
TOTAL_S = 1800.0  # for all files of one check
MAX_FAILURES = 3  # files that ended the reader
MAX_HEADER_BYTES = 16 << 20
MAX_ARRAY_BYTES = 1 << 30
MAX_VALUES = 100_000_000  # of one telemetry file
TYPES = ("<f8", "<f4", "|u1")


class _Lost(Exception):
    """Why the reader gave no answer."""


class Reader:
    """Reads files for one check. Every method raises ValueError, in one line, for a bad file."""

    def __init__(
        self, file_s: float = FILE_S, total_s: float = TOTAL_S, process: Process | None = None
    ) -> None:
        self._file_s, self._left_s = file_s, total_s
        self._failures = 0
        self._process = process or _shared()

    def begin(self) -> None:
        """Start the process now, so that it is ready when the first file is asked for."""
        with contextlib.suppress(_Lost):
            self._process.start()

    def summary(
        self,
        path: Path,
        start_wall_s: float | None,
        stop_wall_s: float | None,
        init_wall_s: float | None = None,
    ) -> Telemetry:
        """As harness.telemetry.reader.summary.summarise."""
        value = self._read("summary", path, start_wall_s, stop_wall_s, init_wall_s)
        try:
            return msgspec.convert(value, Telemetry)
        except msgspec.ValidationError:
            raise ValueError(f"{path.name} cannot be read: its summary has another form") from None

    def telemetry(self, path: Path, max_values: int = MAX_VALUES) -> TelemetryFile:
        """As harness.telemetry.reader.reader.read."""
        from harness.telemetry.reader.reader import Event, Series, TelemetryFile

        value = self._read("telemetry", path, max_values)
        with _shaped(path):
            value["series"] = [Series(**one) for one in value["series"]]
            value["events"] = [Event(**one) for one in value["events"]]
            return TelemetryFile(**value)

    def gallery(self, path: Path) -> Scenes:
        """As harness.untrusted.gallery.read_scenes."""
        from harness.untrusted.gallery import Scene, Scenes

        value = self._read("gallery", path)
        with _shaped(path):
            return Scenes([Scene(**one) for one in value["scenes"]], value["notes"])

    def gallery_counts(self, path: Path) -> list[Pictured]:
        """As harness.untrusted.gallery.count_scenes."""
        value = self._read("gallery_counts", path)
        try:
            return msgspec.convert(value, list[Pictured])
        except msgspec.ValidationError:
            raise ValueError(f"{path.name} cannot be read: its counts have another form") from None

    def weights(self, path: Path) -> np.ndarray:
        """The arrays of reference.tensorflow.weights.read_weights, one after the other, float32."""
        found: np.ndarray = self._read("weights", path)
        return found

    def answer_head(self, path: Path) -> dict[str, Any]:
        """As harness.untrusted.states.read_head."""
        found: dict[str, Any] = self._read("answer_head", path)
        return found

    def answer_states(self, path: Path, number: int) -> dict[str, dict[str, np.ndarray]]:
        """As harness.untrusted.states.read_states."""
        found: dict[str, dict[str, np.ndarray]] = self._read("answer_states", path, number)
        return found

    def _read(self, what: str, path: Path, *arguments: Any) -> Any:
        if self._failures >= MAX_FAILURES or self._left_s <= 0:
            raise ValueError(f"{path.name} was not read: other files crashed the reader, or took its time")
        started = time.monotonic()
        request = {"read": what, "path": str(path.absolute()), "arguments": arguments}
        try:
            return _decoded(*self._process.ask(request, min(self._file_s, self._left_s)))
        except _Lost as reason:
            self._failures += 1
            self._process.end()
            raise ValueError(f"{path.name} cannot be read: {reason}") from None
        finally:
            self._left_s -= time.monotonic() - started


@contextlib.contextmanager
def _shaped(path: Path) -> Iterator[None]:
    """Turn what an answer of the wrong form causes into a ValueError."""
    try:
        yield
    except (TypeError, KeyError, AttributeError):
        raise ValueError(f"{path.name} cannot be read: the answer has another form") from None


def _decoded(header: bytes, data: bytearray) -> Any:
    """The value of an answer, with its arrays in place. Raises ValueError, _Lost."""
    import numpy as np

    try:
        said = json.loads(header)
        if "problem" in said:
            raise ValueError(str(said["problem"]))
        arrays, at = [], 0
        for kind, shape in said["arrays"]:
            array = np.frombuffer(data, kind, int(np.prod(shape)), at).reshape(shape)
            at += array.nbytes
            arrays.append(array)
        return _placed(said["value"], arrays)
    except (KeyError, TypeError, IndexError, RecursionError):
        raise _Lost("its reader gave an answer that cannot be understood") from None


def _placed(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_placed(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array"} and type(value["array"]) is int:
        return arrays[value["array"]]
    return {k: _placed(v, arrays) for k, v in value.items()}


class Process:
    """The reader's process: started when first asked, and again after it was lost."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any], limit_s: float) -> tuple[bytes, bytearray]:
        """Header and array bytes of the answer. Raises _Lost."""
        deadline = time.monotonic() + limit_s
        process = self.start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            length = int.from_bytes(self._bytes(8, deadline), "big")
            if length > MAX_HEADER_BYTES:
                raise _Lost("too much is in it")
            header = bytes(self._bytes(length, deadline))
            listed = json.loads(header).get("arrays", ())
            size = sum(_size(kind, shape) for kind, shape in listed)
            if size > MAX_ARRAY_BYTES:
                raise _Lost("too much is in it")
            return header, self._bytes(size, deadline)
        except OSError:
            raise _Lost("its reader ended") from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise _Lost("its reader gave an answer that cannot be understood") from None

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started unless it runs. Raises _Lost."""
        if self._process is None or self._process.poll() is not None:
            self.end()
            try:
                self._process = subprocess.Popen(
                    self._command,
                    cwd=ROOT,  # -m looks for modules there first, and not where the user stands
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                raise _Lost(f"its reader does not start ({error.strerror})") from None
        return self._process

    def _bytes(self, count: int, deadline: float) -> bytearray:
        """The next `count` bytes of the answer. Raises _Lost."""
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        data = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while len(data) < count:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise _Lost("it takes too long")
                piece = os.read(descriptor, min(count - len(data), 1 << 20))
                if not piece:
                    raise _Lost("its reader crashed, or went beyond its processor time")
                data += piece
        return data

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _size(kind: str, shape: list[int]) -> int:
    """Bytes of an array. Raises ValueError for a type that no reader gives."""
    if kind not in TYPES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(kind)
    size = int(kind[2])
    for n in shape:
        size *= n
    return size


_process: Process | None = None


def _shared() -> Process:
    """One process serves all Readers of this program; it ends with it."""
    global _process
    if _process is None:
        _process = Process(COMMAND)
        atexit.register(_process.end)
    return _process
