"""Inputs by the statistics of their scene, and changed training patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.data.augmentation import Radiometric
from reference.data.patches import CHANNELS, normalise, training_patches
from reference.data.per_scene import standardised, statistics
from reference.data.pipeline import PatchStore
from reference.data.scenes import load_scene
from tests.support.scenes import SMALL, write_scene

SIZE = SMALL.patch_size


def image(seed: int = 0, gain: float = 1.0, offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made: np.ndarray = (gain * rng.normal(0, 1, (30, 40, CHANNELS)) + offset).astype(np.float32)
    return made


def test_another_gain_and_offset_make_no_difference() -> None:
    plain, bright = standardised(image()), standardised(image(gain=3.0, offset=5.0))
    assert np.abs(plain - bright).max() < 1e-4
    assert np.abs(plain.mean(axis=(0, 1))).max() < 1e-5 and np.abs(plain.std(axis=(0, 1)) - 1).max() < 1e-4


def test_a_channel_without_content_stays_without_content() -> None:
    scene = image()
    scene[..., 3] = 0.25
    assert np.abs(standardised(scene)[..., 3]).max() < 1e-6
    assert statistics(scene)[1][3] == 1


def test_training_and_inference_see_the_same_numbers(tmp_path: Path) -> None:
    files = [write_scene(tmp_path / f"S3A_{n}.hdf", seed=n) for n in range(2)]
    patches = training_patches(2, SMALL)
    store = PatchStore(files, patches, SMALL, normalisation="per-scene")
    piece = store.fetch(range(len(patches)))
    for number, patch in enumerate(patches):
        scene = load_scene(files[patch.file], SMALL)
        whole = standardised(normalise(scene.refs, scene.bts))
        expected = whole[patch.row : patch.row + SIZE, patch.column : patch.column + SIZE]
        assert np.abs(piece.inputs[number] - expected).max() < 1e-5
    store.close()


def test_changes_are_the_same_when_repeated_and_others_in_the_next_epoch() -> None:
    def changed(seed: int, epoch: int, number: int) -> np.ndarray:
        inputs, labels = image()[:16, :16].copy(), np.zeros((16, 16, 1), np.uint8)
        Radiometric(seed, epoch)(number, inputs, labels)
        return inputs

    first = changed(5, 1, 3)
    assert (first == changed(5, 1, 3)).all()
    for other in ((6, 1, 3), (5, 2, 3), (5, 1, 4)):
        assert np.abs(first - changed(*other)).max() > 0.01


def test_labels_turn_with_their_inputs() -> None:
    mask = np.random.default_rng(1).integers(0, 2, (16, 16, 1)).astype(np.uint8)
    for number in range(12):
        inputs, labels = np.repeat(mask, CHANNELS, axis=2).astype(np.float32), mask.copy()
        Radiometric(9, 1)(number, inputs, labels)
        for channel in range(CHANNELS):  # still one value for cloud and one for clear
            seen = inputs[..., channel]
            assert np.ptp(seen[labels[..., 0] == 1]) < 1e-5 and np.ptp(seen[labels[..., 0] == 0]) < 1e-5
        assert labels.sum() == mask.sum()


def test_only_training_patches_change(tmp_path: Path) -> None:
    file = write_scene(tmp_path / "S3A_1.hdf")
    store = PatchStore([file], training_patches(1, SMALL), SMALL)
    before = store.fetch([0]).inputs.copy()
    store.change = Radiometric(1, 1)
    after = store.fetch([0, -1])
    assert np.abs(after.inputs[0] - before[0]).max() > 0.01 and (after.inputs[1] == 0).all()
    store.change = None
    assert (store.fetch([0]).inputs == before).all(), "what is kept in memory is not changed"
    store.close()


def test_a_scene_of_another_size_is_refused(tmp_path: Path) -> None:
    file = write_scene(tmp_path / "S3A_1.hdf", height=48)
    store = PatchStore([file], training_patches(1, SMALL), SMALL, normalisation="per-scene")
    with pytest.raises(ValueError, match="40 x 50 expected"):
        store.fetch([0])
