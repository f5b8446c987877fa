"""Feeding: every patch once per epoch, reshuffled, sharded, prefetched, in constant memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from reference_scenes import SMALL, write_scene

import reference.pipeline as module
from reference.patches import training_patches
from reference.pipeline import Batch, PatchStore, Shard, batches, epoch_order, prefetch
from reference.scenes import open_scene


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write_scene(tmp_path / f"S3A_{i}.hdf", seed=i) for i in range(3)]


def store(files: list[Path], **options: int) -> PatchStore:
    return PatchStore(files, training_patches(len(files), SMALL), SMALL, **options)


def fingerprints(items: list[Batch]) -> list[float]:
    """One number for each patch that counts."""
    return [
        float(inputs.sum(dtype=np.float64))
        for batch in items
        for piece in batch.pieces
        for inputs, weight in zip(piece.inputs, piece.weights, strict=True)
        if weight
    ]


def test_each_patch_once_and_the_rest_is_kept(files: list[Path]) -> None:
    patches = store(files)
    every = fingerprints(list(batches(patches, np.arange(18), 18, Shard())))
    made = list(batches(patches, epoch_order(18, 7, 1), 4, Shard()))
    assert [batch.count for batch in made] == [4, 4, 4, 4, 2]
    assert sorted(fingerprints(made)) == sorted(every) and len(set(every)) == 18
    assert {piece.inputs.shape for batch in made for piece in batch.pieces} == {(4, 16, 16, 9)}


def test_epochs_are_shuffled_anew_and_depend_on_the_seed() -> None:
    orders = [tuple(epoch_order(50, seed, epoch)) for seed in (1, 2) for epoch in (1, 2)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert tuple(epoch_order(50, 1, 1)) == orders[0]


def test_workers_share_every_batch(files: list[Path]) -> None:
    order = epoch_order(18, 3, 1)
    whole = list(batches(store(files), order, 8, Shard()))
    workers = [list(batches(store(files), order, 8, Shard(4, first, 2))) for first in (0, 2)]
    for number, batch in enumerate(whole):
        parts = [worker[number] for worker in workers]
        assert all(len(part.pieces) == 2 and part.count == batch.count for part in parts)
        assert sorted(fingerprints(parts)) == sorted(fingerprints([batch]))
        assert {piece.inputs.shape[0] for part in parts for piece in part.pieces} == {2}


def test_filling_has_no_weight(files: list[Path]) -> None:
    piece = store(files).fetch([3, 4], 5)
    assert piece.weights.tolist() == [1, 1, 0, 0, 0]
    assert not piece.inputs[2:].any()


def test_small_sets_are_read_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    original = module.read_patch
    monkeypatch.setattr(module, "read_patch", lambda *a: reads.append(1) or original(*a))
    cached, plain = store(files), store(files, memory_limit_bytes=1000)
    assert cached.cached and not plain.cached
    for patches, expected in ((cached, 18), (plain, 36)):
        reads.clear()
        both = [fingerprints(list(batches(patches, np.arange(18), 4, Shard()))) for _ in range(2)]
        assert both[0] == both[1] and len(reads) == expected
        patches.close()


def test_few_files_are_open_at_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_SCENES", 2)
    patches = store(files, memory_limit_bytes=0)
    list(batches(patches, epoch_order(18, 1, 1), 4, Shard()))
    assert len(patches._open) <= 2
    patches.close()
    assert not patches._open


def test_nan_never_gets_through(tmp_path: Path) -> None:
    refs = np.full((40, 50, 6), np.nan, np.float32)
    bts = np.full((40, 50, 3), 280, np.float32)
    bts[::3] = np.nan
    path = write_scene(tmp_path / "S3A_1.hdf", refs=refs, bts=bts)
    piece = store([path]).fetch(range(6))
    assert np.isfinite(piece.inputs).all() and set(np.unique(piece.labels)) <= {0, 1}


def test_another_size_is_an_error(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf", height=48)
    with pytest.raises(ValueError, match="40 x 50 expected"):
        store([path]).fetch([0])


def test_errors_of_the_thread_reach_the_reader(files: list[Path]) -> None:
    patches = store(files)
    files[1].write_bytes(b"gone")
    with pytest.raises(ValueError, match="not a readable HDF5 file"):
        list(prefetch(batches(patches, np.arange(18), 4, Shard())))


def test_stopping_early_ends_the_thread(files: list[Path]) -> None:
    made = prefetch(batches(store(files), np.arange(18), 1, Shard()), depth=1)
    next(made)
    made.close()
    assert not [t for t in threading.enumerate() if t.name == "patch-reader"]


def test_prefetching_keeps_the_order(files: list[Path]) -> None:
    plain = fingerprints(list(batches(store(files), np.arange(18), 4, Shard())))
    assert fingerprints(list(prefetch(batches(store(files), np.arange(18), 4, Shard())))) == plain


def test_prefetching_is_bounded(files: list[Path]) -> None:
    """The thread runs ahead by no more than the queue and the batch in its hands."""
    made = 0
    reached = threading.Event()

    def count(items: Iterator[Batch]) -> Iterator[Batch]:
        nonlocal made
        for item in items:
            made += 1
            if made == 4:
                reached.set()
            yield item

    ahead = prefetch(count(batches(store(files), np.arange(18), 1, Shard())), depth=2)
    next(ahead)
    assert reached.wait(10)
    assert made <= 1 + 2 + 1
    ahead.close()


def test_files_are_read_as_they_are(files: list[Path]) -> None:
    with open_scene(files[0]) as scene:
        assert scene.read("bayes").max() == 1
