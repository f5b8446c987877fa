"""EVD038 on galleries as the reference writes them: pictures and counts of one scene agree, whatever is in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.check import check_package
from harness.untrusted.gallery import count_scenes
from reference.science.results import Gallery, Science
from rules.evidence.gallery import _differences
from tests.rules.cases.evidence_copies import with_gallery
from tests.support.scene_counts import made_scene


def test_honest_gallery_passes(fresh):
    built = fresh()
    with_gallery(built)
    _, verdict = check_package(built.root)
    assert [finding.message for finding in verdict.findings if finding.rule == "EVD038"] == []


@pytest.mark.parametrize(("asked", "owed"), [(0, None), (1, None), (2, 2), (6, 5)])
def test_pictures_that_were_asked_for_and_are_not_there(fresh, asked: int, owed: int | None):
    """Of the five scenes of science.json the gallery has one."""
    built = fresh()
    with_gallery(built)
    built.edit_json(built.run_files(2).record, lambda record: record["spec"].update(gallery_scenes=asked))
    _, verdict = check_package(built.root)
    found = [finding for finding in verdict.findings if finding.rule == "EVD038"]
    assert [(f.severity.value, f.expected) for f in found] == ([("warning", owed)] if owed else [])


@pytest.mark.parametrize("level", [None, 0.0, 0.498, 0.49999997, 0.5, 0.50000006, 0.502, 1.0])
def test_pictures_have_the_counts_of_their_scene(tmp_path, level: float | None):
    science, gallery = Science(), Gallery(tmp_path / "gallery.h5", 3)
    for number in range(3):
        scene, probability = made_scene(number, (40, 50))
        if level is not None:
            probability[::2] = np.float32(level)
        scene = replace(scene, refs=np.zeros((40, 50, 6), np.float32))
        row = science.add(scene, probability, 1.0)
        gallery.add(scene, probability, row)
    gallery.close()
    pictured = count_scenes(tmp_path / "gallery.h5")
    for scene, row in zip(pictured, science.to_dict()["per_scene"], strict=True):
        assert scene.name == row["name"] and scene.accuracy == row["accuracy"]
        assert list(_differences(scene, row)) == []
