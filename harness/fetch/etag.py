"""Comparing a file with an S3 ETag: its MD5, or the MD5 of the MD5s of its parts (`...-N`)."""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from pathlib import Path

MIB = 1 << 20
SINGLE = re.compile(r"[0-9a-f]{32}")
PARTS = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,4})")
MAX_GUESSES = 64  # sizes of parts that are tried


class Match(str, Enum):
    """What an ETag says of a file."""

    EQUAL = "content"
    DIFFERENT = "different"
    SIZE_ONLY = "size only"  # the ETag is no checksum, or of parts of unknown size


def compare(path: Path, etag: str) -> Match:
    """Read the file and compare. Raises OSError.

    The size of parts is not stated: whole MiB that give the stated number of parts are tried. Where none
    fits, the parts may have been cut otherwise, and nothing follows.
    """
    if SINGLE.fullmatch(etag):
        return Match.EQUAL if _md5(path) == etag else Match.DIFFERENT
    parts = PARTS.fullmatch(etag)
    if not parts:
        return Match.SIZE_ONLY
    size, count = path.stat().st_size, int(parts[2])
    for part_bytes in part_sizes(size, count):
        if _md5_of_parts(path, part_bytes) == parts[1]:
            return Match.EQUAL
    return Match.SIZE_ONLY


def part_sizes(size: int, count: int) -> list[int]:
    """Sizes of parts, in whole MiB, that cut `size` bytes into `count` parts, the usual ones first."""
    if count == 1:
        return [max(size, 1)]
    smallest = -(-size // count)
    largest = -(-size // (count - 1)) - 1
    fitting = [n for n in range(-(-smallest // MIB), largest // MIB + 1) if n >= 1]
    usual = sorted(fitting, key=lambda n: (n not in (8, 5, 15, 16, 32, 50, 64, 100), n))
    return [n * MIB for n in usual[:MAX_GUESSES]]


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb", buffering=0) as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def _md5_of_parts(path: Path, part_bytes: int) -> str:
    whole = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        left = path.stat().st_size
        while left > 0:
            digest, of_part = hashlib.md5(usedforsecurity=False), min(part_bytes, left)
            left -= of_part
            while of_part and (piece := file.read(min(MIB, of_part))):
                digest.update(piece)
                of_part -= len(piece)
            whole.update(digest.digest())
    return whole.hexdigest()
