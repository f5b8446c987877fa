"""One data set, whatever its folders are called: one digest, one split, the same shards."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from reference.data.dataset import Described, describe, locate, locate_files, stated_digest, verify
from reference.data.shards import prepare, verify_prepared
from reference.data.split import samples, split_patches
from reference.protocol.official import official_test_scenes
from reference.protocol.spec import Split
from tests.support import SHARED
from tests.support.scenes import SMALL, write_set

LAYOUTS = {
    "older": ("one-day", "ssts"),
    "newer": ("training", "inference"),
    "mixed": ("training", "ssts"),
    "nested": ("training/2019/z", "inference/a"),
}


def laid_out(root: Path, layout: str) -> Path:
    """The same scenes in folders of other names."""
    scenes = write_set(root / "as made")
    for source, target in zip(("one-day", "ssts"), LAYOUTS[layout], strict=True):
        shutil.copytree(scenes / source, root / layout / target)
    return root / layout


def split_of(described: Described) -> str:
    data = described.data
    return samples(data, split_patches(len(data.train_files), data.geometry, data.split)).split_digest


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_digest_and_one_split(tmp_path: Path, layout: str) -> None:
    first = describe(write_set(tmp_path / "first"), "mine", SMALL)
    other = describe(laid_out(tmp_path, layout), "mine", SMALL)
    assert other.dataset.digest == first.dataset.digest and split_of(other) == split_of(first)
    assert verify(locate(tmp_path / layout), first.dataset) == []
    assert verify(locate(tmp_path / "first"), other.dataset) == []


def test_folders_do_not_decide_the_order(tmp_path: Path) -> None:
    """S3A_000 in the last sub-folder is still the first scene."""
    root = laid_out(tmp_path, "newer")
    (root / "training/zz").mkdir()
    (root / "training/S3A_000.hdf").rename(root / "training/zz/S3A_000.hdf")
    found = describe(root, "mine", SMALL)
    assert [Path(name).name for name in found.data.train_files] == [f"S3A_{n:03d}.hdf" for n in range(5)]
    assert split_of(found) == split_of(describe(write_set(tmp_path / "flat"), "mine", SMALL))


@pytest.mark.parametrize("layout", ["newer", "nested"])
def test_shards_serve_either_layout(tmp_path: Path, layout: str) -> None:
    first = describe(write_set(tmp_path / "first"), "mine", SMALL)
    other = describe(laid_out(tmp_path, layout), "mine", SMALL)
    made = prepare(first, tmp_path / "prepared")
    assert verify_prepared(tmp_path / "prepared", other).digest == made.digest
    assert prepare(other, tmp_path / "again").digest == made.digest


def test_a_list_of_files_is_the_same_data_set(tmp_path: Path) -> None:
    root = write_set(tmp_path / "a")
    listed = locate_files((root / "one-day").iterdir(), (root / "ssts").iterdir())
    assert describe(listed, "mine", SMALL).dataset.digest == describe(root, "mine", SMALL).dataset.digest


def test_two_names_of_one_folder(tmp_path: Path) -> None:
    """A link or an empty folder is fine; two full folders are not."""
    root = laid_out(tmp_path, "newer")
    (root / "one-day").symlink_to("training")
    (root / "ssts").mkdir()
    assert locate(root).train_names[0] == "training/S3A_000.hdf"
    (root / "one-day").unlink()
    shutil.copytree(root / "training", root / "one-day")
    with pytest.raises(ValueError, match="two names of one folder"):
        locate(root)


def test_the_same_file_name_twice(tmp_path: Path) -> None:
    root = write_set(tmp_path)
    (root / "one-day/b").mkdir()
    shutil.copy(root / "one-day/S3A_001.hdf", root / "one-day/b/S3A_001.hdf")
    with pytest.raises(ValueError, match="the same name, S3A_001.hdf"):
        locate(root)


def test_digests_of_older_descriptions_still_hold(tmp_path: Path) -> None:
    """Version 0.1.0 put names into the digest as they were listed; for folders that is what we do today."""
    root = write_set(tmp_path)
    described = describe(root, "mine", SMALL).dataset
    as_named = {
        "geometry": asdict(SMALL),
        "split": asdict(Split()),
        "test": [[f.name, f.sha256] for f in described.test],
        "train": [[f.name, f.sha256] for f in described.train],
    }

    def older() -> str:
        text = json.dumps(as_named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    assert described.digest == older()
    bare = [replace(f, name=f.name.split("/")[1]) for f in described.train]
    as_named["train"] = [[f.name, f.sha256] for f in bare]
    kept = replace(described, train=bare, digest=older())
    assert kept.digest != described.digest and stated_digest(kept) == kept.digest
    assert verify(locate(root), kept) == []
    assert stated_digest(replace(kept, digest="0" * 64)) == described.digest


def test_the_known_test_scenes() -> None:
    names = official_test_scenes()
    assert len(names) == 100 and all(n.startswith("S3A_SL_1_RBT____201910") for n in names)


def test_the_known_test_scenes_are_those_of_the_paper() -> None:
    table = SHARED / "data/inference-scenes.csv"
    if not table.is_file():
        pytest.skip(f"{table} is not in this checkout")
    rows = table.read_text().splitlines()[1:]
    assert official_test_scenes() == {row.rsplit(",", 1)[1] for row in rows if row}
