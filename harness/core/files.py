"""Writing and reading files so that no file is left half written: atomic writes, JSON, digests."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write beside the target, sync, then replace: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = new_beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def new_beside(path: Path) -> tuple[int, Path]:
    """A new file in the same folder, open for writing, and its path. Its mode is what the user's umask (or the
    folder's default ACL) makes it, unlike that of tempfile."""
    for _ in range(100):
        name = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with contextlib.suppress(FileExistsError):
            return os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666), name
    raise FileExistsError(errno.EEXIST, "no free name for a temporary file", str(path.parent))


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
