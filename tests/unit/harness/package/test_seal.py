"""The last files of a package: what they say, and what is kept."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from harness.package.manifest import read_manifest
from harness.package.seal import Implementation, seal_package
from harness.package.workspace import Workspace
from rules.model.layout import WEAK, PackageLayout

OURS = Implementation("reference", ["python", "-m", "reference"], True, "c0ffee", "mixed_bfloat16")


@pytest.fixture
def layout(tmp_path):
    return PackageLayout(tmp_path / "submissions/lab", "box")


def test_everything_is_sealed(layout):
    seal_package(layout, OURS)
    companion = json.loads(layout.companion_json("reference").read_text())
    assert companion["notes"] == "precision policy mixed_bfloat16"
    readme = layout.implementation_dir("reference") / "README.md"
    assert "the reference implementation of cloudmask-harness, commit c0ffee" in readme.read_text()
    listed = read_manifest(layout.manifest)
    assert set(listed) == {
        readme.relative_to(layout.root).as_posix(),
        layout.companion_json("reference").relative_to(layout.root).as_posix(),
    }


def test_a_readme_of_ones_own_is_kept(layout):
    other = replace(OURS, name="mine", reference=False, commit=None)
    seal_package(layout, other)
    readme = layout.implementation_dir("mine") / "README.md"
    assert "the submitter's own.\n" in readme.read_text()
    readme.write_text("written by hand\n")
    seal_package(layout, other)
    assert readme.read_text() == "written by hand\n"


def test_an_entry_is_set_aside_without_the_other_one(layout):
    workspace = Workspace(layout.root.parent)
    weak = structs.replace(layout, scaling=WEAK)
    assert workspace.set_aside(layout) is None
    for place in (layout.results_dir, layout.evidence_dir, layout.report_dir, weak.results_dir):
        place.mkdir(parents=True)
    moved = workspace.set_aside(layout)
    assert moved is not None and moved.parent == workspace.submissions / ".replaced"
    assert (moved / layout.results_dir.relative_to(layout.root)).is_dir()
    assert (moved / layout.report_dir.relative_to(layout.root)).is_dir()
    assert weak.results_dir.is_dir() and not layout.evidence_dir.exists()
