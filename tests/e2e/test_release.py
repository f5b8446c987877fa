"""A release, made in a copy of this tree: every file that states a version, the digests, the tag, and what is built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.docs.release import dated, main, prepare
from tests.docs.structure import ROOT

VERSION, DAY = "97.1.0", "2031-02-03"
LOG = "# Changelog\n\n## Unreleased\n\n### Added\n\n* A.\n\n## 0.1.0 - 2026-11-22\n\nFirst.\n"


def test_entries_get_version_and_day_below_an_empty_unreleased() -> None:
    made = dated(LOG, "0.2.0", DAY)
    assert made == LOG.replace("## Unreleased\n", f"## Unreleased\n\n## 0.2.0 - {DAY}\n")
    again = dated(made, "0.2.0", "2031-02-04")
    assert again == made.replace(DAY, "2031-02-04")


def test_a_section_without_entries_and_entries_beside_a_prepared_section_are_refused() -> None:
    made = dated(LOG, "0.2.0", DAY)
    with pytest.raises(ValueError, match="nothing under Unreleased"):
        dated(made, "0.3.0", DAY)
    with pytest.raises(ValueError, match="move what stands under Unreleased"):
        dated(made.replace("## Unreleased\n", "## Unreleased\n\n* B.\n"), "0.2.0", DAY)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with what a release needs and a build takes."""
    place = tmp_path / "project"
    for name in ("harness", "reference", "rules"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "codemeta.json", "CHANGELOG.md"):
        shutil.copy(ROOT / name, place / name)
    (place / "CHANGELOG.md").write_text(LOG)
    return place


def git(place: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=place, check=True, capture_output=True, text=True)
    return done.stdout


def test_every_file_states_it_and_what_is_not_a_version_is_refused(project: Path) -> None:
    before = (project / "codemeta.json").read_text()
    prepare(project, VERSION, DAY)
    prepare(project, VERSION, DAY)  # twice is once
    assert f'__version__ = "{VERSION}"' in (project / "harness/__init__.py").read_text()
    cff, meta = (
        yaml.safe_load((project / "CITATION.cff").read_text()),
        (project / "codemeta.json").read_text(),
    )
    assert cff["version"] == VERSION and str(cff["date-released"]) == DAY
    assert json.loads(meta) == json.loads(before) | {"version": VERSION, "datePublished": DAY}
    assert len(set(meta.splitlines()) - set(before.splitlines())) <= 4  # and is laid out as it was
    for wrong in ("v1.0.0", "1.0", "1.0.0+local"):
        with pytest.raises(ValueError, match="not a version"):
            prepare(project, wrong, DAY)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_one_command_tags_and_the_wheel_carries_the_version(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"NAME": "x", "EMAIL": "x@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("PYTHONPATH", str(project))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    git(project, "init", "-q")
    git(project, "add", "-A")
    assert main([VERSION], project) == 2 and "not clean" in capsys.readouterr().err
    git(project, "commit", "-qm", "first")
    assert main([VERSION], project) == 0
    assert git(project, "describe", "--tags").strip() == f"v{VERSION}" and not git(
        project, "status", "--porcelain"
    )
    assert main([VERSION], project) == 2 and "tagged already" in capsys.readouterr().err
    clone = project.with_name("clone")
    git(project.parent, "clone", "-q", str(project), str(clone))
    assert _built(clone) == VERSION
    (clone / "harness/new.py").write_text('"""Another module."""\n')
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "more")
    assert re.fullmatch(rf"{re.escape(VERSION)}\.post1\+g[0-9a-f]+", _built(clone))


def _built(tree: Path) -> str:
    """The version that the wheel of this checkout states."""
    tools, out = tree.with_name("tools"), tree.with_name("out")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), "setuptools>=77"]
    if not tools.exists() and subprocess.run(pip, capture_output=True).returncode:
        pytest.skip("setuptools 77 or newer cannot be fetched")
    shutil.rmtree(out, ignore_errors=True)
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(out)],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tools)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    for made in (*tree.glob("*.egg-info"), tree / "build"):
        shutil.rmtree(made)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return re.search(r"^Version: (.+)$", archive.read(name).decode(), re.MULTILINE)[1]  # type: ignore[index]
