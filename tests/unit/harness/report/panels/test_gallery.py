"""gallery.h5 is untrusted: valid scenes are shown, others are named and skipped."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from harness.report.drawing.labels import VIEWS
from harness.report.panels.gallery.builder import MISSED_CLOUD, read_gallery
from tests.support.report_builders import make_picture, write_gallery


@pytest.fixture(scope="module")
def picture() -> dict[str, Any]:
    return make_picture(0, (40, 50))


def test_a_scene_becomes_four_pictures(tmp_path: Path, picture: dict[str, Any]) -> None:
    write_gallery(tmp_path / "gallery.h5", [picture])
    pictures = read_gallery(tmp_path / "gallery.h5", 2)
    scene = pictures.card.scenes[0]
    assert (pictures.card.run, scene.width, scene.height, scene.daylight) == (2, 50, 40, "day")
    assert set(scene.images) == set(VIEWS) and set(pictures.files) == set(scene.images.values())
    colour = Image.open(io.BytesIO(pictures.files[scene.images["false_colour"]]))
    assert np.array_equal(np.asarray(colour.convert("RGB")), picture["false_colour"])


def test_mistakes_are_counted_and_coloured(tmp_path: Path, picture: dict[str, Any]) -> None:
    bayes = np.zeros((40, 50), np.uint8)
    probability = np.zeros((40, 50), np.uint8)
    bayes[:10] = 1  # missed in full
    probability[30:] = 255  # false cloud
    write_gallery(tmp_path / "gallery.h5", [{**picture, "bayes": bayes, "probability": probability}])
    pictures = read_gallery(tmp_path / "gallery.h5", 0)
    scene = pictures.card.scenes[0]
    assert (scene.missed, scene.false_alarm) == (0.25, 0.25)
    shown = Image.open(io.BytesIO(pictures.files[scene.images["disagreement"]])).convert("RGB")
    assert shown.getpixel((0, 0)) == MISSED_CLOUD


def test_probability_of_one_half_is_where_the_mask_flips(tmp_path: Path, picture: dict[str, Any]) -> None:
    truth = np.ones((40, 50), np.uint8)
    for value, missed in ((127, 1.0), (128, 0.0)):
        scene = {**picture, "bayes": truth, "probability": np.full((40, 50), value, np.uint8)}
        write_gallery(tmp_path / "gallery.h5", [scene])
        assert read_gallery(tmp_path / "gallery.h5", 0).card.scenes[0].missed == missed


def _spoil(group: h5py.Group, name: str, data: Any, **how: Any) -> None:
    del group[name]
    group.create_dataset(name, data=data, **how)


ODD = {
    "too large": lambda g: _spoil(g, "bayes", np.zeros((601, 50), np.uint8)),
    "wrong type": lambda g: _spoil(g, "bayes", np.zeros((40, 50))),
    "other shape": lambda g: _spoil(g, "probability", np.zeros((41, 50), np.uint8)),
    "four channels": lambda g: _spoil(g, "false_colour", np.zeros((40, 50, 4), np.uint8)),
    "empty": lambda g: _spoil(g, "bayes", np.zeros((0, 50), np.uint8)),
    "scalar": lambda g: _spoil(g, "bayes", np.uint8(3)),
    "missing": lambda g: g.__delitem__("bayes"),
    "group": lambda g: (g.__delitem__("bayes"), g.create_group("bayes")),
    "soft link": lambda g: (
        g.__delitem__("bayes"),
        g.__setitem__("bayes", h5py.SoftLink("/scene_001/bayes")),
    ),
    "external": lambda g: (
        g.__delitem__("bayes"),
        g.__setitem__("bayes", h5py.ExternalLink("/etc/passwd", "/")),
    ),
    "huge chunks": lambda g: _spoil(
        g, "bayes", np.zeros((40, 50), np.uint8), chunks=(4000, 4000), maxshape=(None, None)
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_scenes_are_skipped_with_a_note(tmp_path: Path, picture: dict[str, Any], kind: str) -> None:
    path = tmp_path / "gallery.h5"
    write_gallery(path, [picture, picture])
    with h5py.File(path, "a") as file:
        ODD[kind](file["scene_000"])
    card = read_gallery(path, 0).card
    assert len(card.scenes) == 1
    assert "scene_000 is not shown" in card.notes[0]


def test_hostile_attributes(tmp_path: Path, picture: dict[str, Any]) -> None:
    path = tmp_path / "gallery.h5"
    write_gallery(path, [picture])
    with h5py.File(path, "a") as file:
        attributes = file["scene_000"].attrs
        attributes["name"] = "<script>" + "x" * 9000
        attributes["accuracy"] = float("nan")
        attributes["latitude"] = np.zeros((50, 50))
    scene = read_gallery(path, 0).card.scenes[0]
    assert len(scene.name) <= 120 and scene.accuracy is None and scene.position == ""


def test_not_hdf5_at_all(tmp_path: Path) -> None:
    (tmp_path / "gallery.h5").write_bytes(b"PK\x03\x04 nothing of the kind")
    card = read_gallery(tmp_path / "gallery.h5", 0).card
    assert card.scenes == [] and "cannot be read" in card.notes[0]
    assert read_gallery(None, None).card.notes == ["No pictures of scenes were recorded"]


def test_truncated_file(tmp_path: Path, picture: dict[str, Any]) -> None:
    path = tmp_path / "gallery.h5"
    write_gallery(path, [picture])
    path.write_bytes(path.read_bytes()[:3000])
    assert read_gallery(path, 0).card.scenes == []


def test_only_so_many_scenes(tmp_path: Path, picture: dict[str, Any]) -> None:
    write_gallery(tmp_path / "gallery.h5", [picture] * 30)
    card = read_gallery(tmp_path / "gallery.h5", 0).card
    assert len(card.scenes) == 24 and "first 24" in card.notes[0]
