"""Writing and reading files so that no file is left half written: atomic writes, JSON, digests."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write beside the target, sync, then replace: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Atomic, indented, keys in the order given; NaN is refused rather than written."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def sha256(path: Path | str) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def not_utf8(error: UnicodeDecodeError) -> str:
    """Which byte of a whole file is not UTF-8, and in which line."""
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"is not UTF-8: byte {error.object[error.start]:#04x} in line {line}"
