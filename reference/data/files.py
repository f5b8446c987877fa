"""Digests of files, and JSON files that are either whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

BLOCK_BYTES = 8 << 20


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises ValueError when the file cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically: the file appears whole or not at all. Raises OSError; ValueError for NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            json.dump(value, file, indent=1, allow_nan=False)
            file.write("\n")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
