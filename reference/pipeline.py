"""Feeding patches: every epoch a new global shuffle, each patch once, the last batch possibly smaller.

Memory stays constant: patches are read as windows by a background thread, a few batches ahead.
Only sets that fit below a limit keep their decoded patches, so that later epochs read nothing.
"""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reference.patches import CHANNELS, Patch, read_patch
from reference.scenes import Scene, close_scene, open_scene_unmanaged
from reference.spec import Geometry

MEMORY_LIMIT_BYTES = 512 << 20
OPEN_SCENES = 64
PREFETCHED_BATCHES = 4


@dataclass(frozen=True)
class Piece:
    """One replica's part of a global batch. `weights` (n,) is 0 for filling, else 1."""

    inputs: np.ndarray  # (n, P, P, 9) float32
    labels: np.ndarray  # (n, P, P, 1) uint8
    weights: np.ndarray  # (n,) float32


@dataclass(frozen=True)
class Batch:
    pieces: list[Piece]  # one per local replica
    count: int  # patches of the whole global batch, over all workers


@dataclass(frozen=True)
class Shard:
    """Which replicas, of how many, this process feeds."""

    replicas: int = 1
    first: int = 0
    local: int = 1


class PatchStore:
    """Patches by number: read once and kept when all fit into the limit, else read each time.

    Used by one thread at a time.
    """

    def __init__(
        self,
        files: Sequence[Path | str],
        patches: Sequence[Patch],
        geometry: Geometry,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        self._files = [Path(file) for file in files]
        self._patches = list(patches)
        self._geometry = geometry
        self._open: OrderedDict[int, Scene] = OrderedDict()
        size, count = geometry.patch_size, len(self._patches)
        self._inputs_shape = (size, size, CHANNELS)
        self._labels_shape = (size, size, 1)
        bytes_each = size * size * (CHANNELS * 4 + 1)
        self.cached = count * bytes_each <= memory_limit_bytes
        kept = count if self.cached else 0
        self._inputs = np.empty((kept, *self._inputs_shape), np.float32)
        self._labels = np.empty((kept, *self._labels_shape), np.uint8)
        self._known = np.zeros(kept, bool)

    def __len__(self) -> int:
        return len(self._patches)

    def fetch(self, numbers: Sequence[int] | np.ndarray, size: int | None = None) -> Piece:
        """The patches of these numbers, filled up with zero-weight patches to `size`."""
        size = max(size or 0, len(numbers))
        inputs = np.zeros((size, *self._inputs_shape), np.float32)
        labels = np.zeros((size, *self._labels_shape), np.uint8)
        weights = np.zeros(size, np.float32)
        for at, number in enumerate(numbers):
            inputs[at], labels[at] = self._one(int(number))
            weights[at] = 1.0
        return Piece(inputs, labels, weights)

    def close(self) -> None:
        while self._open:
            close_scene(self._open.popitem()[1])

    def _one(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if self.cached and self._known[number]:
            return self._inputs[number], self._labels[number]
        patch = self._patches[number]
        inputs, labels = read_patch(self._scene(patch.file), patch, self._geometry.patch_size)
        if self.cached:
            self._inputs[number], self._labels[number] = inputs, labels
            self._known[number] = True
        return inputs, labels

    def _scene(self, file: int) -> Scene:
        scene = self._open.get(file)
        if scene is None:
            if len(self._open) >= OPEN_SCENES:
                close_scene(self._open.popitem(last=False)[1])
            scene = open_scene_unmanaged(self._files[file])
            self._open[file] = scene
            scene.require(self._geometry.scene_height, self._geometry.scene_width)
        self._open.move_to_end(file)
        return scene


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's patches: a permutation drawn from seed and epoch, equal on all workers."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def batches(store: PatchStore, order: np.ndarray, batch_size: int, shard: Shard) -> Iterator[Batch]:
    """Global batches in that order, cut evenly over all replicas; this process' pieces of each.

    The last batch keeps what is left and is filled up with weight 0: every patch counts once, every
    replica takes part in every step, and all steps have one shape (so the graph is traced once).
    """
    each = -(-batch_size // shard.replicas)
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size]
        parts = [
            numbers[replica * each : (replica + 1) * each]
            for replica in range(shard.first, shard.first + shard.local)
        ]
        yield Batch([store.fetch(part, each) for part in parts], len(numbers))


def prefetch(items: Iterator[Batch], depth: int = PREFETCHED_BATCHES) -> Iterator[Batch]:
    """The same items, prepared ahead by a background thread; its errors are raised here.

    Closing the generator early ends the thread.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(None)
        except BaseException as error:  # handed to the consumer
            put(error)

    thread = threading.Thread(target=work, name="patch-reader", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
