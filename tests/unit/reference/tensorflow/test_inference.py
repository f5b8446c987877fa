"""Whole scenes through the model: overlapped and batched across scenes, the masks are what they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.data.patches import inference_patches, normalise, stitch
from reference.data.per_scene import standardised
from reference.data.scenes import LoadedScene, load_scene
from reference.tensorflow.inference import Predictor
from tests.support.scenes import SMALL, write_scene

pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def model() -> Any:
    import keras

    from reference.tensorflow.model import build_unet

    keras.utils.set_random_seed(3)
    return build_unet(SMALL.patch_size)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[LoadedScene]:
    folder = tmp_path_factory.mktemp("scenes")
    return [load_scene(write_scene(folder / f"S3A_{i}.hdf", seed=i), SMALL) for i in range(3)]


@pytest.fixture(params=[1, 4, 7, 1000])
def predictor(model: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Predictor:
    """Batches that divide the 35 patches of a scene, that do not, and that hold all scenes at once."""
    pixels = request.param * SMALL.patch_size**2
    monkeypatch.setattr("reference.tensorflow.inference.PIXELS_PER_BATCH", {"cpu": pixels, "gpu": pixels})
    return Predictor(model, SMALL)


def plainly(model: Any, scene: LoadedScene) -> np.ndarray:
    """One scene, all its patches at once."""
    patches = inference_patches(normalise(scene.refs, scene.bts), SMALL)
    return stitch(np.asarray(model(np.stack(patches), training=False)), SMALL)


def test_masks_equal_those_of_plain_prediction(
    model: Any, scenes: list[LoadedScene], predictor: Predictor
) -> None:
    found = list(predictor.predict_all(iter(scenes)))
    assert [scene.facts.name for scene, _ in found] == [scene.facts.name for scene in scenes]
    for scene, probability in found:
        expected = plainly(model, scene)
        assert probability.shape == (40, 50)
        np.testing.assert_allclose(probability, expected, atol=2e-6)
        sure = np.abs(expected - 0.5) > 2e-6
        assert np.array_equal((probability > 0.5)[sure], (expected > 0.5)[sure]) and sure.mean() > 0.99


def test_one_scene_alone_is_predicted_alike(scenes: list[LoadedScene], predictor: Predictor) -> None:
    together = dict(enumerate(p for _, p in predictor.predict_all(iter(scenes))))
    np.testing.assert_allclose(predictor.predict(scenes[1]), together[1], atol=2e-6)


def test_by_its_own_statistics_a_scene_of_another_gain_gets_the_same_mask(
    model: Any, scenes: list[LoadedScene]
) -> None:
    predictor = Predictor(model, SMALL, "per-scene")
    one = scenes[0]
    bright = replace(one, refs=1.4 * one.refs + 0.1, bts=0.8 * one.bts)
    patches = inference_patches(standardised(normalise(one.refs, one.bts)), SMALL)
    expected = stitch(np.asarray(model(np.stack(patches), training=False)), SMALL)
    np.testing.assert_allclose(predictor.predict(one), expected, atol=2e-6)
    np.testing.assert_allclose(predictor.predict(bright), expected, atol=1e-3)
    assert np.abs(Predictor(model, SMALL).predict(bright) - plainly(model, one)).max() > 1e-2


def test_a_scene_that_cannot_be_read_ends_it(model: Any, scenes: list[LoadedScene]) -> None:
    def broken() -> Iterator[LoadedScene]:
        yield scenes[0]
        raise ValueError("S3A_1.hdf: not a readable HDF5 file")

    with pytest.raises(ValueError, match="S3A_1.hdf"):
        list(Predictor(model, SMALL).predict_all(broken()))


def test_stopping_early_ends_the_threads(model: Any, scenes: list[LoadedScene]) -> None:
    going = Predictor(model, SMALL).predict_all(iter(scenes * 20))
    next(going)
    going.close()
    assert not [t for t in threading.enumerate() if t.name == "prefetcher"]


def test_normalising_whole_scenes_gives_the_same_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    refs = rng.random((40, 50, 6), np.float32)
    refs[3] = np.nan
    bts = (rng.random((40, 50, 3), np.float32) * 300).astype(np.float32)
    bts[7, 7] = np.inf
    before = refs.copy()
    channels = np.concatenate(
        [refs - np.float32(0.5), (bts - np.float32(270)) / np.float32(22)], axis=-1, dtype=np.float32
    )
    channels[~np.isfinite(channels)] = 0
    assert np.array_equal(normalise(refs, bts).view(np.uint32), channels.view(np.uint32))
    assert np.array_equal(refs, before, equal_nan=True)
