"""Eviction from the page cache, verified by mincore."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.machine import page_cache
from harness.machine.page_cache import evict, resident_bytes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the page cache is Linux' own")
SIZE = 3 * 2**20 + 123


@pytest.fixture
def scenes(tmp_path: Path) -> list[Path]:
    """Freshly written files: in the cache, and dirty."""
    paths = [tmp_path / f"S3A_{i}.hdf" for i in range(3)]
    for path in paths:
        path.write_bytes(os.urandom(SIZE))
    if resident_bytes(paths[0]) != SIZE:
        pytest.skip("the temporary folder's file system does not show its pages")
    evict(paths)
    if resident_bytes(paths[0]) != 0:
        pytest.skip("the temporary folder is kept in memory")
    for path in paths:
        path.read_bytes()
    return paths


def test_files_leave_the_cache_and_it_is_verified(scenes: list[Path]) -> None:
    assert sum(resident_bytes(p) or 0 for p in scenes) == 3 * SIZE
    result = evict(scenes)
    assert result.cleared and result.resident_bytes_after == 0
    assert (result.method, result.files, result.bytes) == ("posix_fadvise", 3, 3 * SIZE)
    assert result.note is None
    assert [resident_bytes(p) for p in scenes] == [0, 0, 0]


def test_dirty_pages_are_written_first(scenes: list[Path]) -> None:
    scenes[0].write_bytes(os.urandom(SIZE))
    assert evict(scenes).resident_bytes_after == 0


def test_reading_a_part_makes_a_part_resident(scenes: list[Path]) -> None:
    evict(scenes)
    with scenes[0].open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # no read-ahead
        file.read(4096)
    assert 0 < (resident_bytes(scenes[0]) or 0) < SIZE


def test_counting_window_by_window_gives_the_same(
    scenes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "WINDOW_BYTES", 1 << 20)
    assert resident_bytes(scenes[0]) == SIZE


def test_what_stays_resident_is_not_called_cleared(
    scenes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "_advise", lambda path: None)
    monkeypatch.setattr(page_cache, "may_drop_caches", lambda: False)
    result = evict(scenes)
    assert not result.cleared and result.resident_bytes_after == 3 * SIZE
    assert result.method == "posix_fadvise" and "stay in memory" in (result.note or "")


def test_drop_caches_only_after_advice_did_not_do(
    scenes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, dropped = page_cache._advise, []

    def drop() -> None:
        dropped.append(True)
        for path in scenes:
            real(path)

    monkeypatch.setattr(page_cache, "_drop_caches", drop)
    monkeypatch.setattr(page_cache, "may_drop_caches", lambda: True)
    assert evict(scenes).method == "posix_fadvise" and not dropped
    for path in scenes:
        path.read_bytes()
    monkeypatch.setattr(page_cache, "_advise", lambda path: None)
    result = evict(scenes)
    assert dropped and result.method == "posix_fadvise+drop_caches" and result.cleared


def test_drop_caches_that_fails_is_said(
    scenes: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page_cache, "DROP_CACHES", tmp_path / "no" / "drop_caches")
    monkeypatch.setattr(page_cache, "may_drop_caches", lambda: True)
    monkeypatch.setattr(page_cache, "_advise", lambda path: None)
    result = evict(scenes)
    assert not result.cleared and result.method == "posix_fadvise"
    assert "drop_caches: No such file" in (result.note or "")


def test_not_verifiable_is_none_and_said(scenes: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "_libc", lambda: None)
    result = evict(scenes)
    assert result.resident_bytes_after is None and result.cleared
    assert "not verified" in (result.note or "")


def test_kernel_does_not_tell_other_users(scenes: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Since Linux 5.2 mincore says "resident" for every page of a file one may only read."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert resident_bytes(scenes[0]) is None


def test_missing_file_is_said_and_not_cleared(scenes: list[Path], tmp_path: Path) -> None:
    result = evict([*scenes, tmp_path / "gone.hdf"])
    assert not result.cleared and result.files == 4
    assert "gone.hdf: No such file" in (result.note or "")
    assert [resident_bytes(p) for p in scenes] == [0, 0, 0]  # the others are evicted all the same


def test_nothing_to_evict_is_not_cleared() -> None:
    result = evict([])
    assert not result.cleared and result.method == "none" and result.resident_bytes_after is None


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert resident_bytes(tmp_path / "empty") == 0
    assert evict([tmp_path / "empty"]).cleared


def test_other_systems_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "posix_fadvise")
    (tmp_path / "x").write_bytes(b"123")
    result = evict([tmp_path / "x"])
    assert (result.method, result.bytes, result.cleared) == ("none", 3, False)
    assert result.resident_bytes_after is None and "no way to evict" in (result.note or "")
