"""The numbers of the benchmark: crop, patches, split, inference windows, stitching, normalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.data.patches import (
    crop_offsets,
    inference_grid,
    inference_patches,
    normalise,
    read_patch,
    stitch,
    training_patches,
)
from reference.data.profiles import PROFILES
from reference.data.scenes import label, open_scene
from reference.data.split import split_digest, split_indices, split_patches
from reference.protocol.spec import Geometry, Split
from tests.support.scenes import SMALL, write_scene

OFFICIAL = Geometry()


def test_official_training_patches() -> None:
    assert crop_offsets(OFFICIAL) == (88, 110)
    patches = training_patches(970, OFFICIAL)
    assert len(patches) == 19_400
    first, last = patches[0], patches[19]
    assert (first.row, first.column) == (88, 110)
    assert (last.row + 256, last.column + 256) == (88 + 1024, 110 + 1280)
    assert len({(p.file, p.row, p.column) for p in patches}) == 19_400


def test_official_split_is_by_whole_files() -> None:
    split = split_patches(970, OFFICIAL, Split())
    assert (split.train_scenes, split.validation_scenes) == (776, 194)
    assert (len(split.train), len(split.validation)) == (15_520, 3_880)
    assert not {p.file for p in split.train} & {p.file for p in split.validation}


def test_split_follows_train_test_split() -> None:
    """scikit-learn 1.x: train_test_split(range(10), train_size=0.8, random_state=42)."""
    train, validation = split_indices(10, Split())
    assert train.tolist() == [5, 0, 7, 2, 9, 4, 3, 6]
    assert validation.tolist() == [8, 1]
    permutation = np.random.RandomState(42).permutation(33)
    train, validation = split_indices(33, Split())
    assert validation.tolist() == permutation[:7].tolist()
    assert train.tolist() == permutation[7:].tolist()


def test_split_by_patch_for_few_scenes() -> None:
    geometry = Geometry(512, 512, 128)
    split = split_patches(2, geometry, Split(unit="patch"))
    assert (len(split.train), len(split.validation)) == (25, 7)
    assert not set(split.train) & set(split.validation)


@pytest.mark.parametrize(
    ("files", "split", "word"),
    [
        (1, Split(), "at least one each"),
        (5, Split(train_fraction=0.1), "at least one each"),
        (5, Split(unit="pixel"), "'file' or 'patch' expected"),
    ],
)
def test_impossible_splits_are_errors(files: int, split: Split, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        split_patches(files, SMALL, split)


def test_scenes_smaller_than_a_patch_are_errors() -> None:
    with pytest.raises(ValueError, match="too small for patches of 256"):
        split_patches(5, Geometry(100, 300, 256), Split())


def test_split_digest_depends_on_names_and_patches() -> None:
    names = [f"S3A_{i}.hdf" for i in range(5)]
    split = split_patches(5, SMALL, Split())
    digest = split_digest(names, split)
    assert len(digest) == 64
    assert digest == split_digest(names, split_patches(5, SMALL, Split()))
    assert digest != split_digest(names[::-1], split)
    assert digest != split_digest(names, split_patches(5, SMALL, Split(random_state=1)))


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_has_the_official_counts(name: str) -> None:
    geometry = PROFILES[name].geometry
    assert geometry.patches_per_scene == 20
    assert inference_grid(geometry) == (7, 9)


def test_official_inference() -> None:
    assert (OFFICIAL.margin, OFFICIAL.stride) == (40, 176)
    rows = np.arange(1, 1201, dtype=np.float32)[:, None]
    image = np.broadcast_to(rows + 10_000 * np.arange(1, 1501, dtype=np.float32), (1200, 1500))[..., None]
    patches = np.stack(inference_patches(image, OFFICIAL))
    assert patches.shape == (63, 256, 256, 1)
    # SAME padding: (7 - 1) * 176 + 256 - 1200 = 112 rows and (9 - 1) * 176 + 256 - 1500 = 164 columns.
    assert not patches[0, :56].any() and patches[0, 56, 82, 0] == image[0, 0, 0]
    assert not patches[62, 256 - 56 :].any() and patches[62, 199, 173, 0] == image[-1, -1, 0]
    # 7 * 176 x 9 * 176 = 1232 x 1584, centre-cropped.
    np.testing.assert_array_equal(stitch(patches, OFFICIAL), image[..., 0])


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(32, 200),
    width=st.integers(32, 200),
    patch=st.sampled_from([16, 32, 64]),
    seed=st.integers(0, 9),
)
def test_stitching_undoes_cutting(height: int, width: int, patch: int, seed: int) -> None:
    geometry = Geometry(height, width, patch)
    image = np.random.default_rng(seed).random((height, width, 2), dtype=np.float32)
    patches = np.stack(inference_patches(image, geometry))
    np.testing.assert_array_equal(stitch(patches[..., :1], geometry), image[..., 0])


def test_stitching_wants_all_patches() -> None:
    with pytest.raises(ValueError, match="stitching needs 63 patches"):
        stitch(np.zeros((62, 256, 256)), OFFICIAL)


def test_tensorflow_cuts_the_same_patches() -> None:
    tf = pytest.importorskip("tensorflow")
    geometry = PROFILES["smoke"].geometry
    image = np.random.default_rng(0).random(
        (geometry.scene_height, geometry.scene_width, 3), dtype=np.float32
    )
    size, stride = geometry.patch_size, geometry.stride
    cut = tf.image.extract_patches(
        image[None], [1, size, size, 1], [1, stride, stride, 1], [1, 1, 1, 1], padding="SAME"
    ).numpy()
    np.testing.assert_array_equal(inference_patches(image, geometry), cut.reshape(63, size, size, 3))


def test_normalisation_and_channel_order() -> None:
    refs = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    bts = np.array([[[270.0, 292.0, 248.0]]], np.float32)
    np.testing.assert_allclose(normalise(refs, bts)[0, 0], [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 0.0, 1.0, -1.0])


def test_what_is_not_finite_becomes_zero() -> None:
    refs = np.array([[[np.nan, np.inf, -np.inf, 0.5, 0.5, 0.5]]])
    inputs = normalise(refs, np.full((1, 1, 3), np.nan))
    assert inputs.dtype == np.float32
    assert not inputs.any()


def test_label_is_one_for_cloud() -> None:
    assert label(np.array([-1.0, 0.0, 0.01, 7.0, np.nan])).tolist() == [0, 0, 1, 1, 0]
    assert label(np.array([0, 1, 200], np.uint8)).tolist() == [0, 1, 1]


def test_reading_a_patch(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf")
    with open_scene(path) as scene:
        whole = normalise(scene.read("refs"), scene.read("bts"))
        patch = training_patches(1, SMALL)[4]
        inputs, labels = read_patch(scene, patch, 16)
        rows, columns = slice(patch.row, patch.row + 16), slice(patch.column, patch.column + 16)
        np.testing.assert_array_equal(inputs, whole[rows, columns])
        np.testing.assert_array_equal(labels, scene.read("bayes")[rows, columns])
