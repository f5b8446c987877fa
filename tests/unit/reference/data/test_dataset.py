"""Data sets: locating, hashing with a cache, digest, verification."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import reference.data.dataset as module
from reference.data.dataset import describe, locate, locate_files, locate_folders, verify
from reference.protocol.spec import Geometry, Split
from tests.support.scenes import SMALL, write_scene, write_set


def test_description_of_a_folder(tmp_path: Path) -> None:
    found = describe(write_set(tmp_path), "mine", SMALL)
    dataset, data = found.dataset, found.data
    assert [f.name for f in dataset.test] == ["ssts/S3A_100.hdf", "ssts/S3A_101.hdf"]
    assert (dataset.train_samples, dataset.eval_samples) == (4 * 6, 1 * 6)
    assert not dataset.synthetic and len(dataset.digest) == 64
    assert dataset.train[0].size_bytes == (tmp_path / "one-day/S3A_000.hdf").stat().st_size
    assert data.digest == dataset.digest and data.train_files == sorted(data.train_files)
    assert all(Path(file).is_absolute() for file in data.train_files + data.test_files)


def test_digest_is_of_content_not_of_place(tmp_path: Path) -> None:
    here = describe(write_set(tmp_path / "a"), "mine", SMALL).dataset
    there = describe(write_set(tmp_path / "b"), "other", SMALL).dataset
    assert here.digest == there.digest


def test_digest_changes_with_content_split_geometry_and_role(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    digests = {
        describe(root, "mine", SMALL).dataset.digest,
        describe(root, "mine", Geometry(40, 50, 8)).dataset.digest,
        describe(root, "mine", SMALL, Split(unit="patch")).dataset.digest,
        describe(root, "mine", SMALL, Split(random_state=7)).dataset.digest,
    }
    write_scene(root / "one-day/S3A_001.hdf", seed=77)
    digests.add(describe(root, "mine", SMALL).dataset.digest)
    (root / "ssts/S3A_101.hdf").rename(root / "one-day/S3A_101.hdf")
    digests.add(describe(root, "mine", SMALL).dataset.digest)
    assert len(digests) == 6


def test_each_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, hashed = write_set(tmp_path), []
    original = module.file_sha256
    monkeypatch.setattr(module, "file_sha256", lambda path: hashed.append(path.name) or original(path))
    first = describe(root, "mine", SMALL).dataset
    assert len(hashed) == 7
    assert describe(root, "mine", SMALL).dataset == first and len(hashed) == 7
    os.utime(root / "one-day/S3A_002.hdf", ns=(1, 1))
    assert describe(root, "mine", SMALL).dataset == first
    assert hashed[7:] == ["S3A_002.hdf"]


def test_a_spoilt_cache_is_ignored(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    first = describe(root, "mine", SMALL).dataset
    cache = root / module.CACHE_NAME
    files = json.loads(cache.read_text())["files"]
    for content in ("{", "[]", '{"schema": 9}', json.dumps({"schema": 1, "files": dict.fromkeys(files, 5)})):
        cache.write_text(content)
        assert describe(root, "mine", SMALL).dataset == first


def test_the_cache_may_lie_elsewhere(tmp_path: Path) -> None:
    root = write_set(tmp_path / "data")
    describe(root, "mine", SMALL, cache=tmp_path / "cache.json")
    assert (tmp_path / "cache.json").is_file() and not (root / module.CACHE_NAME).exists()


def test_bad_scenes_stop_the_description(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    write_scene(root / "one-day/S3A_003.hdf", drop="bayes")
    with pytest.raises(ValueError, match=r"S3A_003.hdf: data set 'bayes' is missing"):
        describe(root, "mine", SMALL)
    with pytest.raises(ValueError, match="48 x 50 expected"):
        describe(root, "mine", replace(SMALL, scene_height=48))


def test_missing_folders_and_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such data folder"):
        locate(tmp_path / "absent")
    with pytest.raises(ValueError, match="has no folder training/ or one-day/"):
        locate(tmp_path)
    write_set(tmp_path, test=0)
    with pytest.raises(ValueError, match="has no folder inference/ or ssts/"):
        locate(tmp_path)
    (tmp_path / "ssts").mkdir()
    with pytest.raises(ValueError, match="no scene files"):
        locate(tmp_path)
    with pytest.raises(ValueError, match="no such scene file"):
        locate_files([tmp_path / "S3A_x.hdf"], [tmp_path / "S3A_y.hdf"])
    with pytest.raises(ValueError, match="no test scenes given"):
        locate_files([tmp_path / "one-day/S3A_000.hdf"], [])


def test_a_scene_cannot_be_both_training_and_test(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    write_scene(root / "ssts/S3A_000.hdf", seed=5)
    with pytest.raises(ValueError, match="both a training and a test scene"):
        locate(root)


def test_lists_of_files_and_split_by_patch(tmp_path: Path) -> None:
    """As the three real scenes are used: two to train on, one to test."""
    paths = [write_scene(tmp_path / f"S3A_{i}.hdf", seed=i) for i in range(3)]
    found = describe(locate_files(paths[:2][::-1], paths[2:]), "proxy", SMALL, Split(unit="patch"))
    assert [Path(f).name for f in found.data.train_files] == ["S3A_0.hdf", "S3A_1.hdf"]
    assert (found.dataset.train_samples, found.dataset.eval_samples) == (9, 3)
    assert verify(locate_files(paths[:2], paths[2:]), found.dataset) == []


def test_folders_elsewhere(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    (tmp_path / "x").mkdir()
    (root / "ssts").rename(tmp_path / "x/ssts")
    there = locate_folders(root / "one-day", tmp_path / "x/ssts")
    assert there.test_names == ["ssts/S3A_100.hdf", "ssts/S3A_101.hdf"]


def test_verify_says_each_difference(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    expected = describe(root, "mine", SMALL).dataset
    assert verify(locate(root), expected) == []
    path = root / "one-day/S3A_001.hdf"
    content = bytearray(path.read_bytes())
    stamp = path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # the cache would not notice
    (root / "one-day/S3A_002.hdf").unlink()
    write_scene(root / "ssts/S3A_555.hdf")
    with (root / "ssts/S3A_100.hdf").open("ab") as file:
        file.write(b"x")
    problems = "\n".join(verify(locate(root), expected))
    assert "one-day/S3A_001.hdf: its content differs" in problems
    assert "one-day/S3A_002.hdf: listed, but missing" in problems
    assert "ssts/S3A_555.hdf: present, but not listed" in problems
    assert "ssts/S3A_100.hdf" in problems and len(problems.splitlines()) == 4
    assert (
        "digest does not follow"
        in verify(locate(write_set(tmp_path / "b")), replace(expected, digest="0" * 64))[-1]
    )


def test_copies_and_files_that_are_not_used_are_said(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    (root / "ssts/S3A_101.hdf").write_bytes((root / "one-day/S3A_000.hdf").read_bytes())
    (root / "one-day/S3A_001.hdf").rename(root / "one-day/S3A_001.HDF")
    copy, unused = describe(root, "mine", SMALL).remarks
    assert copy == "ssts/S3A_101.hdf has the same content as one-day/S3A_000.hdf"
    assert unused.startswith("files that are not used, since ") and unused.endswith("S3A_001.HDF")
    for name in ("000", "002", "003"):
        (root / f"one-day/S3A_{name}.hdf").unlink()
    with pytest.raises(ValueError, match="leaves a part empty.*S3A_001.HDF"):
        describe(root, "mine", SMALL)
