"""Leave-one-out: which scenes are left out, what the runs are told, and what is made of their results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli.generalise import generalise
from harness.core.errors import UserError
from harness.generalise import folds as module
from harness.generalise.folds import Fold, folds, run_fold
from harness.generalise.groups import group_scenes
from harness.generalise.result import Generalisation, best_accuracy, fold_run, in_words, table
from harness.science.counts import scene_counts
from reference.tensorflow.run import check
from tests.support.scene_counts import generalise_settings, measured
from tests.support.scenes import write_scene

SETTINGS = generalise_settings(epochs=3)


def scenes(root: Path, names: list[str], **attributes: list[Any]) -> Path:
    for number, name in enumerate(names):
        path = write_scene(root / f"{name}.hdf", seed=number)
        with h5py.File(path, "a") as file:
            for key, values in attributes.items():
                if values[number] is not None:
                    file.attrs[key] = values[number]
    return root


def test_groups_by_scene_sensor_region_and_daylight(tmp_path: Path) -> None:
    names = ["S3A_1", "S3A_2", "S3A_3"]
    root = scenes(tmp_path, names, latitude=[-5.0, 50.0, -80.0], daylight=[True, False, True])
    assert group_scenes(root, "scene").groups == ("S3A_1.hdf", "S3A_2.hdf", "S3A_3.hdf")
    assert group_scenes(root, "region").groups == ("tropics", "middle latitudes", "polar")
    assert group_scenes(root, "daylight").groups == ("day", "night", "day")
    with pytest.raises(UserError, match="one group by sensor, S3A"):
        group_scenes(root, "sensor")


def test_a_table_names_the_group_of_every_scene(tmp_path: Path) -> None:
    root = scenes(tmp_path / "data", ["S3A_1", "S3A_2", "S3A_3"])
    listed = tmp_path / "groups.csv"
    listed.write_text("scene,group\nS3A_1.hdf,Landsat 5\nS3A_2.hdf,Landsat 7\nS3A_3.hdf,Landsat 5\n")
    found = group_scenes(root, "scene", listed)
    assert found.groups == ("Landsat 5", "Landsat 7", "Landsat 5") and found.names == [
        "Landsat 5",
        "Landsat 7",
    ]
    assert (found.height, found.width) == (40, 50)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scene,group\nS3A_1.hdf,a\n", "does not name S3A_2.hdf"),
        ("scene;group\nS3A_1.hdf;a\n", "not a table of groups"),
        ("scene,group\nS3A_1.hdf,\nS3A_2.hdf,b\n", "not a table of groups"),
        ("", "not a table of groups"),
        ("\xff", "not a table of groups"),
        (None, "Cannot read"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str | None, said: str) -> None:
    root = scenes(tmp_path / "data", ["S3A_1", "S3A_2"])
    if text is not None:
        (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        group_scenes(root, "scene", tmp_path / "groups.csv")


def test_scenes_of_two_sizes_or_without_a_place_are_refused(tmp_path: Path) -> None:
    root = scenes(tmp_path, ["S3A_1", "S3A_2"], latitude=[1.0, None])
    with pytest.raises(UserError, match="does not state its latitude"):
        group_scenes(root, "region")
    write_scene(root / "S3A_3.hdf", height=48)
    with pytest.raises(UserError, match="different sizes"):
        group_scenes(root, "scene")
    with pytest.raises(UserError, match="no such folder"):
        group_scenes(tmp_path / "missing", "scene")


def test_every_group_is_left_out_once_by_every_seed_and_never_seen(tmp_path: Path) -> None:
    found = group_scenes(scenes(tmp_path / "data", ["S3A_1", "S3A_2", "S3A_3"]), "scene")
    planned = folds(found, SETTINGS, tmp_path / "out")
    assert [(one.group, one.seed) for one in planned] == [(g, s) for g in found.groups for s in (1, 2)]
    for one in planned:
        check(one.spec)  # as the reference does before it starts
        assert not set(one.spec.data.train_files) & set(one.spec.data.test_files)
        assert [Path(f).name for f in one.spec.data.test_files] == [one.group]
        assert one.spec.data.normalisation == "per-scene" and one.spec.data.split.unit == "patch"
        h = one.spec.hyperparameters
        assert h.max_epochs == 3 and h.early_stopping_patience > 3 and h.target_accuracy == 1.0
    assert len({one.folder for one in planned}) == 6


def finished(fold: Fold, say: Any) -> None:
    """Instead of training: the file that a run leaves."""
    content = measured(2, (60, 75))
    fold.spec.science_path.write_text(json.dumps(content))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Fold]:
    made: list[Fold] = []

    def train(fold: Fold, say: Any) -> None:
        made.append(fold)
        finished(fold, say)

    monkeypatch.setattr(module, "_train", train)
    return made


def test_a_finished_run_is_not_repeated_and_another_one_is(tmp_path: Path, trained: list[Fold]) -> None:
    found = group_scenes(scenes(tmp_path / "data", ["S3A_1", "S3A_2"]), "scene")
    fold = folds(found, SETTINGS, tmp_path / "out")[0]
    first = run_fold(fold, print)
    assert run_fold(fold, print) == first and len(trained) == 1
    longer = folds(found, SETTINGS.model_copy(update={"epochs": 4}), tmp_path / "out")[0]
    run_fold(longer, print)
    assert len(trained) == 2
    shutil.rmtree(fold.folder)
    run_fold(fold, print)
    assert len(trained) == 3


def test_what_a_run_leaves_has_to_have_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(fold: Fold, say: Any) -> None:
        fold.spec.science_path.write_text('{"schema": 1}')

    monkeypatch.setattr(module, "_train", train)
    found = group_scenes(scenes(tmp_path / "data", ["S3A_1", "S3A_2"]), "scene")
    with pytest.raises(UserError, match="no counts"):
        run_fold(folds(found, SETTINGS, tmp_path / "out")[0], print)


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    found = group_scenes(scenes(tmp_path / "data", ["S3A_1", "S3A_2"]), "scene")
    fold = folds(found, SETTINGS.model_copy(update={"patch_size": 512}), tmp_path / "out")[0]
    with pytest.raises(UserError, match=r"without S3A_1.hdf, seed 1 failed: .*too small"):
        run_fold(fold, lambda *_: None)


def test_the_best_threshold_is_at_least_as_good_as_one_half() -> None:
    science = measured(3, (60, 75))
    counts = scene_counts(science)
    assert counts is not None
    run = fold_run("a", 1, science, 2, 3.0)
    assert run.best_accuracy is not None and run.accuracy is not None and run.best_accuracy >= run.accuracy
    ranked = replace(counts, clear=np.array([[5.0, 3, 0, 0]]), cloud=np.array([[0.0, 0, 1, 7]]))
    late = replace(counts, clear=np.array([[0.0, 8, 0, 0]]), cloud=np.array([[0.0, 0, 4, 4]]))
    assert best_accuracy(ranked) == best_accuracy(late) == 1.0
    mixed = replace(counts, clear=np.array([[4.0, 4, 0, 0]]), cloud=np.array([[0.0, 4, 0, 0]]))
    assert best_accuracy(mixed) == pytest.approx(8 / 12)


def result(groups: int = 3, change: Callable[[int], float] = lambda n: 0.9 + 0.01 * n) -> Generalisation:
    science = measured(2, (60, 75))
    runs = [
        fold_run(f"group {n}", seed, science, 4, 1.0).model_copy(update={"accuracy": change(n)})
        for n in range(groups)
        for seed in (1, 2)
    ]
    return Generalisation(tool="test", settings=SETTINGS, scenes={"S3A_1.hdf": "group 0"}, runs=runs)


def test_words_name_the_worst_value_and_what_was_not_done() -> None:
    said = " ".join(in_words(result()))
    assert "Worst of 6 runs: 0.900 (group 0, seed 1)" in said and "3 groups are too few" in said
    assert "neither threshold nor epoch" in said and "unlabelled test scene" in said
    assert "too few" not in " ".join(in_words(result(9)))


def test_the_file_can_be_read_back_and_the_table_has_every_value() -> None:
    made = result()
    again = Generalisation.model_validate(json.loads(made.model_dump_json(by_alias=True)))
    assert again == made and len(table(made).splitlines()) == 1 + 6


def test_the_command_prints_every_value(tmp_path: Path, trained: list[Fold]) -> None:
    root = tmp_path / "data"
    for number in range(2):
        write_scene(root / f"S3A_{number}.hdf", height=128, width=130, seed=number)
    words = ["--data", str(root), "--seeds", "2", "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(generalise, words, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert said.output.count("S3A_0.hdf") >= 2 and "best threshold" in said.output and len(trained) == 4
    content = json.loads((tmp_path / "out/generalisation.json").read_text())
    assert content["schema"] == 1 and len(content["runs"]) == 4 and content["settings"]["patch_size"] == 32
    assert len((tmp_path / "out/generalisation.csv").read_text().splitlines()) == 5
