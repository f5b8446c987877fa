"""Scores of simple methods on a small data set, and the files they are kept in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reference.baselines import records
from reference.baselines.evaluate import all_baselines, evaluate, is_current, training_sample
from reference.baselines.records import Record, find, read, write
from reference.data.dataset import Described, describe
from reference.data.split import split_patches
from tests.support.scenes import SMALL, write_set


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    return describe(write_set(tmp_path_factory.mktemp("set")), "small", SMALL)


@pytest.fixture(scope="module")
def record(described: Described) -> Record:
    return evaluate(described.data, synthetic=True)


def test_bright_clouds_are_found_by_all_that_learn(record: Record) -> None:
    scores = {one.name: one for one in record.methods}
    assert list(scores) == ["majority", "thresholds", "bayes", "logistic"]
    for name in ("bayes", "logistic"):
        assert (scores[name].validation["accuracy"] or 0) > 0.95 and (
            scores[name].test["accuracy"] or 0
        ) > 0.95
    assert scores["majority"].test["balanced_accuracy"] == 0.5


def test_pixels_are_counted_as_for_a_run(record: Record, described: Described) -> None:
    size = SMALL.patch_size**2
    for method in record.methods:
        assert method.validation["pixels"] == described.dataset.eval_samples * size
        assert method.test["pixels"] == 2 * 40 * 50
        counted = [(s.true_cloud + s.true_clear, s.false_cloud + s.false_clear) for s in method.scenes]
        right, wrong = (sum(part) for part in zip(*counted, strict=True))
        assert right / (right + wrong) == pytest.approx(method.test["accuracy"], abs=1e-6)


def test_only_training_patches_are_fitted_to(described: Described) -> None:
    data = described.data
    split = split_patches(len(data.train_files), data.geometry, data.split)
    sample = training_sample([Path(f) for f in data.train_files], split.train, data.geometry)
    assert len(sample.truth) == len(split.train) * SMALL.patch_size**2
    unread = [
        Path(f) if n in {p.file for p in split.train} else Path("absent")
        for n, f in enumerate(data.train_files)
    ]
    assert (training_sample(unread, split.train, data.geometry).values == sample.values).all()


def test_of_large_sets_every_patch_gives_equally_many_pixels(
    described: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reference.baselines.evaluate.TRAINING_PIXELS", 240)
    assert evaluate(described.data, synthetic=True).training_pixels == 240  # 24 patches of 10


def test_the_same_scenes_give_the_same_record(record: Record, described: Described) -> None:
    assert evaluate(described.data, synthetic=True) == record


def test_a_record_is_found_by_the_digest_of_its_data(record: Record, tmp_path: Path) -> None:
    path = write(record, tmp_path)
    assert read(path) == record and find(record.dataset_digest, (tmp_path,)) == record
    assert find("0" * 64, (tmp_path,)) is None
    path.rename(tmp_path / records.file_name("0" * 64))  # of another data set than it is called after
    assert find("0" * 64, (tmp_path,)) is None


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_digest_that_is_none_names_no_file(digest: str) -> None:
    assert find(digest) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "methods": 3}', "\\xff"])
def test_what_is_not_a_record_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / records.file_name("0" * 64)).write_text(content)
    assert find("0" * 64, (tmp_path,)) is None


def test_shipped_records_are_whole_and_of_these_methods() -> None:
    shipped = sorted(records.SHIPPED.glob("*.json"))
    profiles = {read(path).profile for path in shipped}
    assert {"quick", "smoke"} <= profiles
    for path in shipped:
        record = read(path)
        assert path.name == records.file_name(record.dataset_digest) and is_current(record)
        assert json.loads(path.read_text())["schema"] == records.SCHEMA


def test_a_record_of_other_versions_is_not_current(record: Record) -> None:
    assert is_current(record) and len(all_baselines()) == 4
    older = replace(record.methods[0], version=0)
    assert not is_current(replace(record, methods=(older, *record.methods[1:])))
