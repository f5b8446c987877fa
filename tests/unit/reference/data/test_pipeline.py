"""Feeding: every patch once per epoch, reshuffled, sharded, prefetched, in constant memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

import reference.data.readers as module
from reference.data.patches import read_patch, training_patches
from reference.data.pipeline import Batch, PatchStore, Shard, batches, epoch_order, prefetch
from reference.data.scenes import open_scene
from tests.support.scenes import SMALL, write_scene


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
    original = module.SceneReader.read_into
    monkeypatch.setattr(
        module.SceneReader, "read_into", lambda self, *a: reads.append(1) or original(self, *a)
    )
    cached, plain = store(files), store(files, memory_limit_bytes=1000)
    assert cached.cached and not plain.cached
    for patches, expected in ((cached, 18), (plain, 36)):
        reads.clear()
        both = [fingerprints(list(batches(patches, np.arange(18), 4, Shard()))) for _ in range(2)]
        assert both[0] == both[1] and len(reads) == expected
        patches.close()


def compress(path: Path) -> Path:
    """The same scene, stored in compressed chunks."""
    with h5py.File(path) as file:
        arrays = {name: file[name][...] for name in ("refs", "bts", "bayes")}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=(16, 16, array.shape[2]), compression="gzip")
    return path


def test_plain_files_are_read_past_hdf5_and_give_the_same_bits(files: list[Path]) -> None:
    patches = training_patches(3, SMALL)
    plain = store(files, memory_limit_bytes=0)
    for number, patch in enumerate(patches):
        with open_scene(files[patch.file]) as scene:
            assert module.plain_layout(scene, SMALL) is not None
            inputs, labels = read_patch(scene, patch, SMALL.patch_size)
        piece = plain.fetch([number])
        assert np.array_equal(piece.inputs[0].view(np.uint32), inputs.view(np.uint32))
        assert np.array_equal(piece.labels[0], labels)


def test_compressed_scenes_give_the_same_and_few_are_open(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = store(files).fetch(range(18))
    monkeypatch.setattr(module, "OPEN_SCENES", 2)
    reader = module.SceneReader([compress(f) for f in files], training_patches(3, SMALL), SMALL)
    patches = PatchStore(files, training_patches(3, SMALL), SMALL, memory_limit_bytes=0)
    again = patches.fetch(range(18))
    assert np.array_equal(again.inputs.view(np.uint32), plain.inputs.view(np.uint32))
    for number in range(18):
        reader.read_into(number, again.inputs[0], again.labels[0])
        assert len(reader._open) <= 2
    reader.close()
    assert not reader._open


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i2"])
def test_other_number_types_take_the_slow_way(tmp_path: Path, dtype: str) -> None:
    bts = (np.arange(40 * 50 * 3).reshape(40, 50, 3) % 300).astype(dtype)
    path = write_scene(tmp_path / "S3A_1.hdf", bts=bts)
    piece = store([path]).fetch([5])
    with open_scene(path) as scene:
        inputs, _ = read_patch(scene, training_patches(1, SMALL)[5], 16)
    assert np.array_equal(piece.inputs[0], inputs)


def test_reads_cut_short_are_continued(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = store(files).fetch(range(18))
    original = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, pieces, at: original(fd, [pieces[0][:7]], at))
    again = store(files, memory_limit_bytes=0).fetch(range(18))
    assert np.array_equal(whole.inputs.view(np.uint32), again.inputs.view(np.uint32))
    assert np.array_equal(whole.labels, again.labels)


def test_a_file_cut_off_while_in_use_is_named(files: list[Path]) -> None:
    patches = store(files, memory_limit_bytes=0)
    patches.fetch([0])
    os.truncate(files[0], 9000)
    with pytest.raises(ValueError, match=r"S3A_0.hdf: shorter than its arrays"):
        patches.fetch([5])


def test_many_threads_read_what_one_does(files: list[Path]) -> None:
    order = epoch_order(18, 5, 1)
    one, many = (
        list(batches(store(files, memory_limit_bytes=0), order, 5, Shard(), readers=n)) for n in (1, 8)
    )
    assert fingerprints(one) == fingerprints(many)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_steps_bundled_into_calls_are_the_same_steps(files: list[Path], steps: int) -> None:
    order, shard = epoch_order(18, 3, 1), Shard(2, 0, 2)
    single = list(batches(store(files), order, 4, shard))
    calls = list(batches(store(files), order, 4, shard, steps))
    assert [count for call in calls for count in call.counts] == [4, 4, 4, 4, 2]
    found = []
    for call in calls:
        for step in range(len(call.counts)):
            mine = slice(step * 2, step * 2 + 2)
            found.append([(piece.inputs[mine], piece.weights[mine]) for piece in call.pieces])
        assert all(not piece.weights[len(call.counts) * 2 :].any() for piece in call.pieces)
        assert {piece.inputs.shape for piece in call.pieces} == {(2 * steps, 16, 16, 9)}
    assert len(found) == len(single)
    for batch, parts in zip(single, found, strict=True):
        for piece, (inputs, weights) in zip(batch.pieces, parts, strict=True):
            assert np.array_equal(piece.inputs, inputs) and np.array_equal(piece.weights, weights)


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
        list(prefetch(batches(patches, np.arange(18), 4, Shard()), 2))


def test_stopping_early_ends_the_thread(files: list[Path]) -> None:
    made = prefetch(batches(store(files), np.arange(18), 1, Shard()), depth=1)
    next(made)
    made.close()
    assert not [t for t in threading.enumerate() if t.name.startswith(("prefetcher", "patch-reader"))]


def test_prefetching_keeps_the_order(files: list[Path]) -> None:
    plain = fingerprints(list(batches(store(files), np.arange(18), 4, Shard())))
    assert fingerprints(list(prefetch(batches(store(files), np.arange(18), 4, Shard()), 2))) == plain


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
