"""Full-size scenes to training patches, from page cache, cold, and from prepared shards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.machine.page_cache import evict
from reference.data.dataset import describe, locate_files
from reference.data.patches import read_patch, training_patches
from reference.data.pipeline import PatchStore, Shard, batches, epoch_order
from reference.data.scenes import close_scene, open_scene_unmanaged
from reference.data.shards import Prepared, prepare, record_bytes
from reference.protocol.spec import Geometry
from tests.bench import record
from tests.bench.conftest import warm
from tests.bench.record import free_rates, in_turns, measurement, rates, ratios, spent

pytestmark = pytest.mark.bench

ROUNDS = 5
BATCH = 32


@pytest.fixture(scope="module")
def prepared(scenes: list[Path], geometry) -> Prepared:
    """Shards of all scenes, in page cache."""
    described = describe(locate_files(scenes[:-1], scenes[-1:]), "full-size", geometry)
    made = prepare(described, record.ROOT / "build/bench-data/prepared")
    warm(made.files)
    return made


def epoch(store: PatchStore, readers: int | None = None) -> Callable[[], None]:
    """Work: all patches once, in a new order each time."""
    number = 0

    def work() -> None:
        nonlocal number
        number += 1
        order = epoch_order(len(store), 1, number)
        assert sum(b.count for b in batches(store, order, BATCH, Shard(), readers=readers)) == len(store)

    return work


def plain_loop(scenes: list[Path], geometry: Geometry) -> Callable[[], None]:
    """The straightforward way: HDF5 windows in shuffled order, one after the other, all files kept open."""
    patches = training_patches(len(scenes), geometry)

    def work() -> None:
        opened = [open_scene_unmanaged(path) for path in scenes]
        for number in epoch_order(len(patches), 1, 1):
            patch = patches[number]
            read_patch(opened[patch.file], patch, geometry.patch_size)
        for scene in opened:
            close_scene(scene)

    return work


def plain_reads(prepared: Prepared) -> Callable[[], None]:
    """The floor: the bytes of every patch out of the page cache into one buffer, nothing else."""
    buffer = bytearray(record_bytes(prepared.geometry))

    def work() -> None:
        for path in prepared.files:
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    return work


def test_warm(scenes: list[Path], prepared: Prepared, geometry, measured) -> None:
    """Rates, CPU per patch, and what a plain copy of as many bytes costs: the floor."""
    patches = training_patches(len(scenes) - 1, geometry)
    stores = {
        "scene files": PatchStore(scenes, patches, geometry, 0),
        "prepared shards": PatchStore([], patches, geometry, 0, prepared),
    }
    warm([*scenes, *prepared.files])  # others may have evicted them
    work = {name: epoch(store) for name, store in stores.items()}
    for warm_up in work.values():
        warm_up()
    floor, plain = plain_reads(prepared), plain_loop(scenes[:-1], geometry)
    got = in_turns(ROUNDS, **work, floor=floor, plain=plain)
    read = [t.cpu_s / len(patches) * 1e3 for t in got["floor"]]
    measured(measurement("pipeline: floor, a patch's bytes read", "CPU ms/patch", read, "none"))
    for name in stores:
        times = got[name]
        measured(measurement(f"pipeline: {name}", "patches/s", rates(len(patches), times)))
        measured(measurement(f"pipeline: {name}, free cores", "patches/s", free_rates(len(patches), times)))
        each = [t.cpu_s / len(patches) * 1e3 for t in times]
        measured(measurement(f"pipeline: {name}, cost", "CPU ms/patch", each, "lower"))
        measured(measurement(f"pipeline: {name}, floor's share", "x", ratios(got["floor"], times)))
        measured(measurement(f"pipeline: {name}, beside a plain loop", "x", ratios(got["plain"], times)))


def test_scaling_with_threads(scenes: list[Path], prepared: Prepared, geometry, measured) -> None:
    """Two readers beside one: wall seconds, so on a busy machine a lower bound."""
    patches = training_patches(len(scenes) - 1, geometry)
    for name, source in (("scene files", None), ("prepared shards", prepared)):
        store = PatchStore(scenes, patches, geometry, 0, source)
        got = in_turns(ROUNDS, one=epoch(store, 1), two=epoch(store, 2))
        gain = [a.wall_s / b.wall_s for a, b in zip(got["one"], got["two"], strict=True)]
        measured(measurement(f"pipeline: {name}, 2 readers beside 1", "x", gain))


def test_cold(scenes: list[Path], prepared: Prepared, geometry, measured) -> None:
    """The first epoch after the files were evicted from the page cache."""
    patches = training_patches(len(scenes) - 1, geometry)
    for name, source, files in (
        ("scene files", None, scenes[:-1]),
        ("prepared shards", prepared, prepared.files),
    ):
        store = PatchStore(scenes, patches, geometry, 0, source)
        times = []
        for _ in range(3):
            if not evict(files).cleared:
                pytest.skip("the page cache cannot be cleared here")
            times.append(spent(epoch(store)))
        measured(measurement(f"pipeline: {name}, cold", "patches/s", rates(len(patches), times)))
    warm(scenes)


GROWTH = """
import os, sys
from reference.data.patches import training_patches
from reference.data.pipeline import PatchStore, Shard, batches, epoch_order
from reference.protocol.spec import Geometry

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

files = sys.argv[2:] * int(sys.argv[1])  # the same scenes under many numbers: each is opened anew
patches = training_patches(len(files), Geometry())
store = PatchStore(files, patches, Geometry(), 0)
before, most = resident(), 0
for number, batch in enumerate(batches(store, epoch_order(len(patches), 1, 1)[:960], 32, Shard())):
    most = max(most, resident())
print(most - before)
"""


def test_memory_does_not_grow_with_scenes(scenes: list[Path], measured) -> None:
    """Resident bytes of the pipeline alone, for 6 scenes and for 960, over 960 patches at batch 32."""
    for times in (1, 160):
        command = [sys.executable, "-c", GROWTH, str(times), *map(str, scenes[:6])]
        done = subprocess.run(command, cwd=record.ROOT, capture_output=True, text=True, check=True)
        name = f"pipeline: memory, {6 * times} scenes"
        measured(measurement(name, "MB", [int(done.stdout) / 1e6], "lower"))
