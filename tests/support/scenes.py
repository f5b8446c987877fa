"""Scene files for the reference's tests: small, in the official schema, made on the spot."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from reference.protocol.spec import Geometry

SMALL = Geometry(scene_height=40, scene_width=50, patch_size=16)  # 2 x 3 = 6 training patches


def write_scene(
    path: Path, height: int = 40, width: int = 50, seed: int = 0, drop: str | None = None, **replace: object
) -> Path:
    """A scene whose cloud is wherever it is bright; `drop` leaves a data set out, `replace` swaps one."""
    rng = np.random.default_rng(seed)
    bright = np.cumsum(np.cumsum(rng.standard_normal((height, width)), axis=0), axis=1)
    bayes = (bright > np.median(bright)).astype(np.uint8)[..., None]
    data = {
        "refs": (0.1 + 0.6 * bayes + 0.02 * rng.random((height, width, 6))).astype(np.float32),
        "bts": (285 - 30.0 * bayes + rng.random((height, width, 3))).astype(np.float32),
        "bayes": bayes,
    }
    data.update(replace)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in data.items():
            if name != drop:
                file[name] = values
    return path


def write_set(root: Path, train: int = 5, test: int = 2) -> Path:
    """A data set folder of small scenes."""
    for folder, count, first in (("one-day", train, 0), ("ssts", test, 100)):
        for number in range(count):
            write_scene(root / folder / f"S3A_{first + number:03d}.hdf", seed=first + number)
    return root
