"""Synthetic scenes: deterministic, in the schema, physically plausible, resumable."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import reference.data.synthetic.writer as writer
from reference.data.dataset import describe
from reference.data.profiles import PROFILES, Profile
from reference.data.scenes import check_scene, named_as_synthetic, open_scene
from reference.data.synthetic import is_complete, planned_files, synthesize, synthesize_command
from reference.data.synthetic.scene import make_scene
from reference.data.synthetic.style import CONTEXT, SIMPLE, Style, style_of
from reference.protocol.official import official_test_scenes
from reference.protocol.spec import Geometry
from rules.ruleset import load_ruleset

TINY = Profile("tiny", Geometry(75, 94, 16), 6, 2, True, "for tests")


def contents(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("**/SYN_*.hdf")}


def test_the_set_is_in_the_schema(tmp_path: Path) -> None:
    folder = synthesize(TINY, tmp_path)
    assert len(list((folder / "one-day").iterdir())) == 6 and len(list((folder / "ssts").iterdir())) == 2
    for path in folder.glob("**/SYN_*.hdf"):
        check_scene(path, 75, 94)
        with open_scene(path) as scene:
            assert scene.facts().synthetic and scene.facts().latitude is not None
            assert set(np.unique(scene.surface())) <= {0, 1, 2}
    dataset = describe(folder, "tiny", TINY.geometry).dataset
    assert dataset.synthetic and len(dataset.train) == 6
    description = json.loads((folder / "dataset.json").read_text())
    assert description["complete"] and description["synthetic"] and description["seed"] == 1


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    first = contents(synthesize(TINY, tmp_path / "a", seed=3))
    assert contents(synthesize(TINY, tmp_path / "b", seed=3)) == first
    assert not set(contents(synthesize(TINY, tmp_path / "c", seed=4)).values()) & set(first.values())


def test_an_interrupted_call_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = contents(synthesize(TINY, tmp_path / "whole"))
    made: list[int] = []
    original = make_scene

    def interrupted(rng: np.random.Generator, shape: tuple[int, int], number: int, style: Style):  # noqa: ANN202
        made.append(number)
        if len(made) == 4:
            raise KeyboardInterrupt
        return original(rng, shape, number, style)

    monkeypatch.setattr(writer, "make_scene", interrupted)
    with pytest.raises(KeyboardInterrupt):
        synthesize(TINY, tmp_path / "part")
    assert json.loads((tmp_path / "part/tiny/dataset.json").read_text())["complete"] is False
    assert len(contents(tmp_path / "part/tiny")) == 3
    assert contents(synthesize(TINY, tmp_path / "part")) == whole
    assert len(made) == 4 + 5
    assert not list((tmp_path / "part").glob("**/*.part"))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_another_seed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["seed"] = 9


def without_a_channel(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["bts"]


@pytest.mark.parametrize("damage", [cut, empty, of_another_seed, without_a_channel])
def test_a_damaged_scene_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = synthesize(TINY, tmp_path)
    whole = contents(folder)
    damage(next(folder.glob("**/SYN_*.hdf")))
    assert contents(folder) != whole
    assert contents(synthesize(TINY, tmp_path)) == whole


@pytest.mark.parametrize("options", [{}, {"seed": 4}, {"scenes": 3}, {"seed": 4, "scenes": 3}])
def test_the_command_for_a_set_makes_the_same_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, int]
) -> None:
    from harness.cli import cli

    monkeypatch.chdir(tmp_path)
    folder = synthesize("smoke", tmp_path / "my data", **{"scenes": 2, **options})
    next(folder.glob("one-day/*.hdf")).unlink()
    words = shlex.split(synthesize_command(folder, "smoke"))
    cli.main(words[1:], standalone_mode=False)
    assert len(list(folder.glob("one-day/*.hdf"))) == options.get("scenes", 2)


def test_another_set_is_never_mixed_in(tmp_path: Path) -> None:
    synthesize(TINY, tmp_path, seed=1)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"another synthetic set \(seed 1, not 2\)"):
        synthesize(TINY, tmp_path, seed=2)
    with pytest.raises(ValueError, match="train_scenes 6, not 3"):
        synthesize(TINY, tmp_path, seed=1, scenes=3)
    assert contents(tmp_path) == before


def test_scenes_of_an_earlier_version_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "style_of", lambda profile: replace(style_of(profile), version=0))
    folder = synthesize(TINY, tmp_path, scenes=3)
    assert is_complete(folder)
    monkeypatch.undo()
    assert not is_complete(folder)
    with pytest.raises(ValueError, match="seed 1, not 2"):
        synthesize(TINY, tmp_path, seed=2)
    assert len(contents(folder)) == 5
    assert contents(synthesize(TINY, tmp_path)) == contents(synthesize(TINY, tmp_path / "fresh"))
    assert is_complete(folder)


def test_scenes_of_others_are_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "tiny/one-day/S3A_mine.hdf"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    with pytest.raises(ValueError, match="not synthesized"):
        synthesize(TINY, tmp_path)
    assert mine.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("profile", "options", "word"),
    [
        ("official", {}, "not synthetic"),
        ("huge", {}, "unknown profile 'huge': known are official, quick"),
        ("smoke", {"scenes": 1}, "at least 2"),
        ("smoke", {"seed": -1}, "0 or more"),
    ],
)
def test_bad_wishes_are_errors(tmp_path: Path, profile: str, options: dict[str, int], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        synthesize(profile, tmp_path, **options)


@pytest.mark.parametrize("name", [name for name, p in PROFILES.items() if p.synthetic])
def test_names_are_unique_sorted_and_not_those_of_the_mission(name: str) -> None:
    files = [Path(file.path).name for file in planned_files(PROFILES[name], 1)]
    assert sorted(set(files)) == files
    assert all(file.startswith("SYN_") and named_as_synthetic(file) for file in files)
    assert named_as_synthetic("S3A_SL_1_RBT____20191001T203037_20191001T203337_0180_SYN_O_NT_001.hdf")
    assert not any(map(named_as_synthetic, official_test_scenes()))


@pytest.mark.parametrize("style", [SIMPLE, CONTEXT], ids=["simple", "context"])
def test_scenes_are_varied_and_plausible(style: Style) -> None:
    scenes = [make_scene(np.random.default_rng([5, n]), (150, 187), n, style) for n in range(9)]
    assert {scene.place.daylight for scene in scenes} == {True, False}
    assert len({scene.weather for scene in scenes}) >= 5
    colder_k: list[float] = []
    for scene in scenes:
        cloud = scene.bayes[..., 0] > 0
        seen = np.nan_to_num(scene.bts[..., 1]) > 0
        clear = seen & ~cloud
        assert style is CONTEXT or 0.1 < cloud[seen].mean() < 0.95
        assert (~seen).any() and not scene.refs[~seen & (scene.bts[..., 1] == 0)].any()
        assert np.nanmin(scene.bts[seen]) > 180 and np.nanmax(scene.bts[seen]) < 345
        mixed = 0.1 < cloud[seen].mean() < 0.95
        if mixed:
            colder_k.append(np.nanmean(scene.bts[clear][:, 1]) - np.nanmean(scene.bts[cloud & seen][:, 1]))
        if scene.place.daylight:
            assert not mixed or np.nanmean(scene.refs[cloud & seen][:, 0]) > 0.2
            assert np.nanmax(scene.refs) < 1.6
        else:
            assert np.nanmax(scene.refs) < 0.01
    # of the one kind every scene's clouds are colder than its ground, of the other most are
    assert (min(colder_k) if style is SIMPLE else np.median(colder_k)) > 1


@pytest.mark.parametrize("style", [SIMPLE, CONTEXT], ids=["simple", "context"])
def test_cirrus_shows_at_1375_nm(style: Style) -> None:
    """S4 sees high cloud and hardly anything of low cloud or ground."""
    signal = {}
    for number in range(9):
        scene = make_scene(np.random.default_rng([5, number]), (150, 187), number, style)
        if scene.place.daylight:
            cold = scene.bts[..., 1] < 240
            warm_cloud = (scene.bayes[..., 0] > 0) & (scene.bts[..., 1] > 272)
            for name, at in (("cold", cold & (scene.bts[..., 1] > 0)), ("warm", warm_cloud)):
                signal.setdefault(name, []).append(scene.refs[at][:, 3])
    assert np.nanmedian(np.concatenate(signal["cold"])) > 10 * np.nanmedian(np.concatenate(signal["warm"]))


def test_files_need_no_extras_to_train(tmp_path: Path) -> None:
    path = next((synthesize(TINY, tmp_path) / "one-day").iterdir())
    with h5py.File(path, "a") as file:
        del file["surface"]
        for name in list(file.attrs):
            del file.attrs[name]
    check_scene(path, 75, 94)


def test_training_patches_show_the_zero_border() -> None:
    """A model that never saw the border calls it cloud (cold and dark), and loses it on test scenes."""
    shape = (150, 187)
    cut = 14  # columns that the training crop leaves out at each side (110 of 1500, scaled)
    scenes = [make_scene(np.random.default_rng([7, n]), shape, n) for n in range(6)]
    empty = [~np.isnan(scene.bts[..., 1]) & (scene.bts[..., 1] == 0) for scene in scenes]
    reached = [e[:, cut:-cut].mean() for e in empty]
    assert sum(share > 0.001 for share in reached) >= 3
    assert all(share < 0.12 for share in reached)


def test_the_ruleset_knows_the_set_of_this_version(tmp_path: Path) -> None:
    """A package that calls a synthetic set real is found by its digest (DAT010)."""
    known = load_ruleset("cloudmask-1.1").of("cloudmask").data.synthetic.digests
    profile = PROFILES["smoke"]
    made = describe(synthesize(profile, tmp_path), "smoke", profile.geometry).dataset
    assert known[made.digest] == "smoke"


def test_every_synthetic_profile_has_a_kind_of_scenes() -> None:
    assert style_of("quick") is CONTEXT
    assert {style_of(name) for name in ("smoke", "full-size")} == {SIMPLE}
