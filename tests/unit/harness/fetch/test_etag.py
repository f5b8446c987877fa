"""What an ETag says of a file: MD5, MD5 of parts, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.fetch.etag import MIB, Match, compare, part_sizes

CONTENT = bytes(range(256)) * (11 * MIB // 256) + b"tail"


def etag_of_parts(content: bytes, part: int) -> str:
    parts = [hashlib.md5(content[at : at + part]).digest() for at in range(0, len(content), part)]
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "x").write_bytes(CONTENT)
    return tmp_path / "x"


@pytest.mark.parametrize("part", [5 * MIB, 8 * MIB, 3 * MIB, 16 * MIB])
def test_parts_are_derived(path: Path, part: int) -> None:
    assert compare(path, etag_of_parts(CONTENT, part)) is Match.EQUAL


def test_md5(path: Path) -> None:
    assert compare(path, hashlib.md5(CONTENT).hexdigest()) is Match.EQUAL
    assert compare(path, hashlib.md5(CONTENT[:-1]).hexdigest()) is Match.DIFFERENT


@pytest.mark.parametrize(
    "etag", ["", "opaque", "0" * 31, "0" * 32 + "-0", etag_of_parts(CONTENT, 5 * MIB + 1)]
)
def test_other_etags_say_nothing(path: Path, etag: str) -> None:
    assert compare(path, etag) is Match.SIZE_ONLY


@pytest.mark.parametrize(("size", "count"), [(168 * MIB - 5, 21), (168 * MIB, 21), (5, 1), (12 * MIB, 2)])
def test_sizes_of_parts_give_the_number(size: int, count: int) -> None:
    sizes = part_sizes(size, count)
    assert sizes and all(-(-size // part) == count for part in sizes)


def test_impossible_numbers_of_parts() -> None:
    assert part_sizes(5, 1000) == []
