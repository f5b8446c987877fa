"""Prepared shards: the same patches bit by bit, tied to their scenes, refused when anything changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reference.data.dataset import Described, describe
from reference.data.patches import training_patches
from reference.data.pipeline import PatchStore, Shard, batches, epoch_order
from reference.data.shards import INDEX_NAME, SUFFIX, Prepared, open_prepared, prepare, verify_prepared
from tests.support.scenes import SMALL, write_scene, write_set


@pytest.fixture
def described(tmp_path: Path) -> Described:
    refs = np.full((40, 50, 6), np.nan, np.float32)
    write_scene(tmp_path / "data/one-day/S3A_night.hdf", refs=refs)
    return describe(write_set(tmp_path / "data"), "tiny", SMALL)


@pytest.fixture
def prepared(described: Described, tmp_path: Path) -> Prepared:
    return prepare(described, tmp_path / "prepared")


def stores(described: Described, prepared: Prepared) -> list[PatchStore]:
    files = described.data.train_files
    patches = training_patches(len(files), SMALL)
    return [PatchStore(files, patches, SMALL, 0), PatchStore([], patches, SMALL, 0, prepared)]


def test_both_ways_give_the_same_bits(described: Described, prepared: Prepared) -> None:
    scenes, shards = stores(described, prepared)
    order = epoch_order(len(scenes), 1, 1)
    for ours, theirs in zip(
        batches(scenes, order, 5, Shard()), batches(shards, order, 5, Shard()), strict=True
    ):
        for a, b in zip(ours.pieces, theirs.pieces, strict=True):
            assert np.array_equal(a.inputs.view(np.uint32), b.inputs.view(np.uint32))
            assert np.array_equal(a.labels, b.labels) and np.array_equal(a.weights, b.weights)


def test_nothing_is_added(described: Described, prepared: Prepared) -> None:
    """Six patches a scene and nothing else in a shard; one shard for each training scene."""
    assert [path.stat().st_size for path in prepared.files] == [6 * 16 * 16 * 37] * 6
    assert [s.scene for s in prepared.shards] == [f.name for f in described.dataset.train]
    listed = {INDEX_NAME, *(shard.file for shard in prepared.shards)}
    assert {path.name for path in prepared.folder.iterdir()} == listed


def test_sound_shards_are_accepted_and_their_digest_is_stable(
    described: Described, prepared: Prepared
) -> None:
    assert open_prepared(prepared.folder, described.data) == prepared
    assert verify_prepared(prepared.folder, described).digest == prepared.digest
    assert verify_prepared(prepared.folder, described).digest == prepared.digest  # by stamps


def test_repeating_keeps_shards_and_replaces_changed_ones(
    described: Described, prepared: Prepared, tmp_path: Path
) -> None:
    times = [path.stat().st_mtime_ns for path in prepared.files]
    assert prepare(described, prepared.folder) == prepared
    assert [path.stat().st_mtime_ns for path in prepared.files] == times
    damage(prepared.files[1])
    assert prepare(described, prepared.folder) == prepared
    verify_prepared(prepared.folder, described)
    write_scene(Path(described.data.train_files[0]), seed=99)
    changed = describe(tmp_path / "data", "tiny", SMALL)
    prepare(changed, prepared.folder)
    assert len(list(prepared.folder.glob(f"*{SUFFIX}"))) == 6


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def test_a_changed_scene_makes_shards_stale(described: Described, prepared: Prepared, tmp_path: Path) -> None:
    write_scene(Path(described.data.train_files[0]), seed=99)
    changed = describe(tmp_path / "data", "tiny", SMALL)
    with pytest.raises(ValueError, match="made from another data set"):
        open_prepared(prepared.folder, changed.data)


def test_another_geometry_is_refused(described: Described, prepared: Prepared) -> None:
    data = replace(described.data, geometry=replace(SMALL, patch_size=8))
    with pytest.raises(ValueError, match="another data set or geometry"):
        open_prepared(prepared.folder, data)


def test_a_changed_shard_is_refused(described: Described, prepared: Prepared) -> None:
    verify_prepared(prepared.folder, described)
    damage(prepared.files[2])
    with pytest.raises(ValueError, match="changed since it was prepared"):
        verify_prepared(prepared.folder, described)


@pytest.mark.parametrize("trouble", ["missing", "short"])
def test_missing_and_short_shards_are_refused(described: Described, prepared: Prepared, trouble: str) -> None:
    path = prepared.files[0]
    path.unlink() if trouble == "missing" else path.write_bytes(b"short")
    with pytest.raises(ValueError, match="cannot be read" if trouble == "missing" else "5 bytes"):
        open_prepared(prepared.folder, described.data)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 9}', None])
def test_what_is_no_index_is_refused(described: Described, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / INDEX_NAME).write_text(content)
    with pytest.raises(ValueError, match=INDEX_NAME):
        open_prepared(tmp_path, described.data)


def test_an_index_cannot_point_elsewhere(described: Described, prepared: Prepared) -> None:
    path = prepared.folder / INDEX_NAME
    raw = json.loads(path.read_text())
    raw["shards"][0]["file"] = "../elsewhere.patches"
    path.write_text(json.dumps(raw))
    with pytest.raises(ValueError, match="not an index"):
        open_prepared(prepared.folder, described.data)


def test_an_interrupted_call_is_refused_and_continued(
    described: Described, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import reference.data.shards as module

    original, calls = module._one, []

    def stop(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(module, "_one", stop)
    monkeypatch.setattr(module, "WRITERS", 1)
    with pytest.raises(KeyboardInterrupt):
        prepare(described, tmp_path / "prepared")
    with pytest.raises(ValueError, match="3 shards for 6 scenes"):
        open_prepared(tmp_path / "prepared", described.data)
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "prepared").glob(f"*{SUFFIX}")}
    prepare(described, tmp_path / "prepared")
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "prepared").glob(f"*{SUFFIX}")}
    assert sum(after[name] == stamp for name, stamp in before.items()) >= 3
    assert not list((tmp_path / "prepared").glob(".*.patches"))
