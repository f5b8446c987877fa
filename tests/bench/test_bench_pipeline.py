"""Full-size scenes to training patches, from page cache: patches per second and CPU seconds per patch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.patches import training_patches
from reference.pipeline import PatchStore, Shard, batches, epoch_order, prefetch
from tests.bench.record import cpu_s, in_turns, measurement, wall_s

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

ROUNDS = 5
BATCH = 32


def test_patches_from_scenes(scenes: list[Path], geometry, measured) -> None:
    patches = training_patches(len(scenes), geometry)
    store = PatchStore(scenes, patches, geometry, memory_limit_bytes=0)

    def epoch() -> None:
        fed = sum(b.count for b in prefetch(batches(store, epoch_order(len(patches), 1, 1), BATCH, Shard())))
        assert fed == len(patches)

    epoch()
    got = in_turns(ROUNDS, wall=lambda: wall_s(epoch), cpu=lambda: cpu_s(epoch))
    store.close()
    count = len(patches)
    measured(measurement("pipeline: scene files", "patches/s", [count / s for s in got["wall"]]))
    per_patch = [s / count * 1e3 for s in got["cpu"]]
    measured(measurement("pipeline: scene files, CPU", "ms/patch", per_patch, "lower"))
    assert np.isfinite(per_patch).all()
