"""The process that opens untrusted HDF5 files: `python -m harness.untrusted.hdf5_worker`.

Started by hdf5_guard.py.

One JSON request per line on standard input; for each an answer on standard output: the length of a
JSON header (8 bytes, big-endian), the header, and the bytes of the arrays that it lists. No pickle.
HDF5 may loop for ever, take all memory or crash on a damaged file: this process has limits on
processor time and memory, cannot write files, and its end becomes a finding about the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from harness.telemetry.reader.reader import read
from harness.telemetry.reader.summary import summarise
from harness.untrusted.gallery import count_scenes, read_scenes
from harness.untrusted.states import read_head, read_states
from reference.tensorflow.weights import read_weights

MEMORY_BYTES = 4 << 30  # of addresses: a telemetry file of MAX_VALUES readings takes 2 GiB
CPU_S = 30  # of one file


def _weights(path: Path) -> np.ndarray:
    return np.concatenate([array.ravel() for array in read_weights(path)])


READERS: dict[str, Callable[..., Any]] = {
    "summary": summarise,
    "telemetry": read,
    "gallery": read_scenes,
    "gallery_counts": count_scenes,
    "weights": _weights,
    "answer_head": read_head,
    "answer_states": read_states,
}


def main() -> None:
    """Answer requests until standard input ends, within limits on memory and processor time."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get among the answers
    limit(resource.RLIMIT_AS, MEMORY_BYTES)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + CPU_S)
        send(answers, *answer(request))


def limit(which: int, value: int) -> None:
    """Lower a limit of this process; one that is lower already stays."""
    _, hard = resource.getrlimit(which)
    with contextlib.suppress(ValueError, OSError):  # not every system has every limit
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def answer(request: dict[str, Any]) -> tuple[bytes, list[np.ndarray]]:
    """Header and arrays: {"value", "arrays": [[type, shape], ...]}, or {"problem": one line}."""
    arrays: list[np.ndarray] = []
    places: dict[int, int] = {}  # series of one source share their times: sent once

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if id(value) not in places:
                places[id(value)] = len(arrays)
                arrays.append(np.ascontiguousarray(value))
            return {"array": places[id(value)]}
        if isinstance(value, msgspec.Struct):
            return msgspec.structs.asdict(value)
        if is_dataclass(value):
            return vars(value)
        return value.item() if isinstance(value, np.generic) else str(value)

    try:
        value = READERS[request["read"]](Path(request["path"]), *request["arguments"])
        header = json.dumps({"value": value}, default=plain)
        listed = json.dumps([[a.dtype.str, a.shape] for a in arrays])
        return f'{header[:-1]}, "arrays": {listed}}}'.encode(), arrays
    except ValueError as error:
        return _problem(error), []
    except MemoryError:
        return _problem("it takes more memory than a file of its kind may"), []


def _problem(reason: object) -> bytes:
    return json.dumps({"problem": " ".join(str(reason).split())[:300]}).encode()


def send(stream: BinaryIO, header: bytes, arrays: list[np.ndarray]) -> None:
    """Write an answer: length, header, array bytes."""
    stream.write(len(header).to_bytes(8, "big") + header)
    for array in arrays:
        stream.write(array.data.cast("B") if array.size else b"")
    stream.flush()


if __name__ == "__main__":
    main()
