"""Which objects are scenes, under either names of the folders, and what a sample is."""

from __future__ import annotations

import pytest

from harness.fetch.bucket import RemoteObject
from harness.fetch.listing import doubts, sample, scenes_of
from reference.protocol.official import official_test_scenes

PREFIX = "es/set"


def objects(*paths: str, size: int = 10) -> list[RemoteObject]:
    return [RemoteObject(f"{PREFIX}/{path}", size, "e" * 32) for path in paths]


@pytest.mark.parametrize(("train", "test"), [("training", "inference"), ("one-day", "ssts")])
def test_either_layout(train: str, test: str) -> None:
    found = scenes_of(
        objects(
            f"{train}/S3A_b.hdf", f"{train}/x/S3A_a.hdf", f"{test}/S3A_c.hdf", f"{train}/README", "S3A_d.hdf"
        ),
        f"/{PREFIX}/",
    )
    assert [(s.role, s.folder, s.name) for s in found] == [
        ("train", train, "S3A_a.hdf"),
        ("train", train, "S3A_b.hdf"),
        ("test", test, "S3A_c.hdf"),
    ]


def test_both_layouts_at_once_are_one_data_set() -> None:
    twice = objects("one-day/S3A_a.hdf", "training/S3A_a.hdf", "ssts/S3A_c.hdf", "inference/S3A_c.hdf")
    assert [s.folder for s in scenes_of(twice, PREFIX)] == ["training", "inference"]
    with pytest.raises(ValueError, match="twice, in two sizes"):
        scenes_of(twice + objects("training/y/S3A_a.hdf", size=11), PREFIX)


def test_synthetic_scenes_that_are_served_like_the_bucket() -> None:
    served = objects(
        "training/SYN_seed1_scene000000.hdf", "inference/SYN_seed1_scene100000.hdf", "training/SYN.txt"
    )
    assert [s.name for s in scenes_of(served, PREFIX)] == [
        "SYN_seed1_scene000000.hdf",
        "SYN_seed1_scene100000.hdf",
    ]


@pytest.mark.parametrize("paths", [(), ("training/S3A_a.hdf",), ("other/S3A_a.hdf", "ssts/notes.txt")])
def test_no_scenes(paths: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"no scenes \(S3A\*.hdf\) in .*one-day"):
        scenes_of(objects(*paths), PREFIX)


def test_names_cannot_leave_the_folder() -> None:
    assert all(
        "/" not in s.name and ".." not in s.folder
        for s in scenes_of(
            objects("training/../../S3A_x.hdf", "training/S3A_\n.hdf", "ssts/S3A_c.hdf"), PREFIX
        )
    )


def test_a_larger_sample_includes_a_smaller_one() -> None:
    names = [f"training/S3A_{n:03d}.hdf" for n in range(97)] + [f"ssts/S3A_t{n}.hdf" for n in range(10)]
    scenes = scenes_of(objects(*names), PREFIX)
    small, large = sample(scenes, 10), sample(scenes, 30)
    assert [sum(s.role == r for s in small) for r in ("train", "test")] == [10, 1]
    assert len(large) == 33 and set(small) < set(large)
    assert sample(scenes, 1000) == scenes
    assert max(s.name for s in small if s.role == "train") > "S3A_050"


def test_doubts_name_what_differs() -> None:
    known = sorted(official_test_scenes())
    paths = [f"training/S3A_{n}.hdf" for n in range(970)] + [f"inference/{name}" for name in known]
    assert doubts(scenes_of(objects(*paths), PREFIX), 970, 100) == []
    lines = doubts(scenes_of(objects(*paths[1:-1], "inference/S3A_x.hdf"), PREFIX), 970, 100)
    assert lines == [
        "969 train scenes listed, 970 known",
        "test scenes not among the official ones: 1, e.g. 'S3A_x.hdf'",
        f"test scenes missing: 1, e.g. '{known[-1]}'",
    ]
