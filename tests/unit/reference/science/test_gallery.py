"""Pictures that cannot be written do not end a run."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from reference.data.scenes import load_scene
from reference.science.results import Gallery
from tests.support.scenes import SMALL, write_scene


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "missing" / "gallery.h5", 2)
    scene = load_scene(write_scene(tmp_path / "S3A_1.hdf"), SMALL)
    gallery.add(scene, np.zeros(scene.truth.shape, np.float32), {})
    gallery.close()
    assert gallery.problem and not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("HDF5"), ValueError("x")]
)
def test_a_disk_that_becomes_full_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    gallery = Gallery(tmp_path / "gallery.h5", 2)
    scene = load_scene(write_scene(tmp_path / "S3A_1.hdf"), SMALL)

    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    for _ in range(2):
        gallery.add(scene, np.zeros(scene.truth.shape, np.float32), {})
    gallery.close()
    assert gallery.problem and [p.name for p in tmp_path.iterdir()] == ["S3A_1.hdf"]
