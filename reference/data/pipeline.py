"""The input pipeline: each epoch has a new global order, each patch once, and maybe a smaller last batch.

Memory use is constant: several threads read a few batches ahead, each patch directly into its place in a
batch. Only sets below a size limit are kept decoded, so that later epochs read nothing.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from reference.data.buffers import Buffers
from reference.data.patches import CHANNELS, Patch
from reference.data.per_scene import PerSceneReader
from reference.data.readers import KeptReader, PatchReader, SceneReader
from reference.data.shards import Prepared, ShardReader
from reference.protocol.spec import Geometry

T = TypeVar("T")
Change = Callable[[int, np.ndarray, np.ndarray], None]  # number, inputs, labels: changed in place

MEMORY_LIMIT_BYTES = 192 << 20  # for each of training and validation
AHEAD_BYTES = 320 << 20  # of batches being read, not counting those that wait to be used
MAX_READERS = 16
BUFFERS = Buffers()  # training and validation take turns, with batches of one size


@dataclass(frozen=True)
class Piece:
    """One replica's part of one or several global batches, one after the other.

    `weights` is 1 for patches and 0 for padding.
    """

    inputs: np.ndarray  # (n, P, P, 9) float32
    labels: np.ndarray  # (n, P, P, 1) uint8
    weights: np.ndarray  # (n,) float32


@dataclass(frozen=True)
class Batch:
    """The data of one call of the training function, for one or several steps."""

    pieces: list[Piece]  # one per local replica
    counts: tuple[int, ...]  # patches of each step's whole global batch, over all workers

    @property
    def count(self) -> int:
        """Patches of all steps, over all workers."""
        return sum(self.counts)


@dataclass(frozen=True)
class Shard:
    """Which of all replicas this process feeds: `local` ones, from number `first` on."""

    replicas: int = 1
    first: int = 0
    local: int = 1


class PatchStore:
    """Patches by number, from scene files or prepared shards; kept in memory when all fit into the limit.

    It may be used by any number of threads.
    """

    def __init__(
        self,
        files: Sequence[Path | str],
        patches: Sequence[Patch],
        geometry: Geometry,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        prepared: Prepared | None = None,
        normalisation: str = "fixed",
    ) -> None:
        size = self._size = geometry.patch_size
        self._reader: PatchReader = (
            ShardReader(prepared, patches) if prepared else SceneReader(files, patches, geometry)
        )
        if normalisation == "per-scene":
            self._reader = PerSceneReader(self._reader, files, patches, geometry)
        self.change: Change | None = None  # of every patch that is read, from now on
        self.patch_bytes = size * size * (CHANNELS * 4 + 1)
        self.cached = len(patches) * self.patch_bytes <= memory_limit_bytes
        if self.cached:
            self._reader = KeptReader(self._reader, size)

    def __len__(self) -> int:
        return len(self._reader)

    def empty(self, size: int) -> Piece:
        """A piece for this many patches, whose content has yet to be read."""
        shape = (size, self._size, self._size)
        values = size * self._size**2 * CHANNELS
        block = BUFFERS.block(size * self.patch_bytes)
        return Piece(
            block[: 4 * values].view(np.float32).reshape(*shape, CHANNELS),
            block[4 * values :].reshape(*shape, 1),
            np.empty(size, np.float32),
        )

    def read(self, number: int, piece: Piece, at: int) -> None:
        """Read patch `number` (-1: padding) into place `at` of a piece. Raises ValueError as readers do."""
        piece.weights[at] = number >= 0
        if number < 0:
            piece.inputs[at], piece.labels[at] = 0, 0
            return
        self._reader.read_into(number, piece.inputs[at], piece.labels[at])
        if self.change is not None:
            self.change(number, piece.inputs[at], piece.labels[at])

    def fetch(self, numbers: Sequence[int] | np.ndarray, size: int | None = None) -> Piece:
        """The patches of these numbers, padded with patches of weight 0 to `size`."""
        piece = self.empty(max(size or 0, len(numbers)))
        for at in range(len(piece.weights)):
            self.read(int(numbers[at]) if at < len(numbers) else -1, piece, at)
        return piece

    def close(self) -> None:
        """Close the files, and release the memory that was kept for further batches."""
        self._reader.close()
        BUFFERS.clear()


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's patches: a permutation drawn from seed and epoch, the same on all workers."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def piece_size(batch_size: int, shard: Shard) -> int:
    """Places for each replica in each step. Those that a last, smaller batch leaves empty have weight 0.

    So every patch counts once, every replica takes part in every step, and all steps have the same shape.
    """
    return -(-batch_size // shard.replicas)


def shares(
    order: np.ndarray, batch_size: int, shard: Shard, steps: int = 1
) -> Iterator[tuple[list[np.ndarray], tuple[int, ...]]]:
    """Global batches in that order, cut evenly over all replicas, `steps` of them at a time.

    Yields the patch numbers of this process' pieces, (steps * piece_size,) each with -1 for padding, and
    the number of patches in each global batch.
    """
    each = piece_size(batch_size, shard)
    for first in range(0, len(order), batch_size * steps):
        starts = range(first, min(first + batch_size * steps, len(order)), batch_size)
        filled = np.full((steps, shard.replicas * each), -1, np.int64)
        counts = []
        for step, start in enumerate(starts):
            numbers = order[start : start + batch_size]
            filled[step, : len(numbers)] = numbers
            counts.append(len(numbers))
        by_replica = filled.reshape(steps, shard.replicas, each)
        local = range(shard.first, shard.first + shard.local)
        yield [by_replica[:, replica].reshape(-1) for replica in local], tuple(counts)


def batches(
    store: PatchStore,
    order: np.ndarray,
    batch_size: int,
    shard: Shard,
    steps: int = 1,
    readers: int | None = None,
) -> Iterator[Batch]:
    """This process' pieces of the global batches, `steps` at a time, read ahead by `readers` threads.

    Yields them in order. Raises ValueError for a scene that cannot be read. Closing the generator early ends
    the threads.
    """
    size = steps * piece_size(batch_size, shard)
    ahead = max(2, min(8, AHEAD_BYTES // (size * shard.local * store.patch_bytes)))
    waiting: deque[tuple[Batch, list[Future[None]]]] = deque()
    pool = ThreadPoolExecutor(readers or default_readers(), thread_name_prefix="patch-reader")
    try:
        for numbers, counts in shares(order, batch_size, shard, steps):
            batch = Batch([store.empty(size) for _ in numbers], counts)
            waiting.append((batch, _submit(pool, store, batch, numbers)))
            if len(waiting) >= ahead:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_readers() -> int:
    """One reader for each core that this process may use, up to 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_READERS, cores))


def _submit(
    pool: ThreadPoolExecutor, store: PatchStore, batch: Batch, numbers: list[np.ndarray]
) -> list[Future[None]]:
    return [
        pool.submit(store.read, int(number), piece, at)
        for piece, mine in zip(batch.pieces, numbers, strict=True)
        for at, number in enumerate(mine)
    ]


def _finished(batch: Batch, jobs: list[Future[None]]) -> Batch:
    wait(jobs)
    for job in jobs:
        job.result()
    return batch


def prefetch(items: Iterator[T], depth: int) -> Iterator[T]:
    """The same items, fetched ahead by a background thread, whose errors are raised here.

    Closing the generator early ends the thread.
    """
    ready: queue.Queue[tuple[list[T], BaseException | None]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: list[T], error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put([item]):
                    break
            else:
                put([])
        except BaseException as error:  # raised by the consumer
            put([], error)
        finally:
            _close(items)

    thread = threading.Thread(target=work, name="prefetcher", daemon=True)
    thread.start()
    try:
        while True:
            one, error = ready.get()
            if error is not None:
                raise error
            if not one:
                return
            yield one[0]
    finally:
        stopped.set()
        thread.join()


def _close(items: Iterator[object]) -> None:
    """End a generator's own threads too."""
    close: Callable[[], None] | None = getattr(items, "close", None)
    if close:
        close()
