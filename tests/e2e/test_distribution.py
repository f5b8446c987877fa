"""What wheel and source archive hold, and that the wheel's files are enough to judge a package without a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.structure import ROOT

pytestmark = pytest.mark.slow
SHIPPED = {".py", ".yaml", ".json", ".txt", ".html", ".css", ".js", ".j2", ".typed"}
TREE = ("rules", "reference", "harness", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, built from a copy: a build leaves files behind."""
    place = tmp_path_factory.mktemp("distribution")
    tree, out = place / "tree", place / "out"
    tree.mkdir()
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    tools = place / "tools"  # what pip would fetch for an isolated build
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), "setuptools>=77"]
    if subprocess.run(pip, capture_output=True).returncode != 0:
        pytest.skip("setuptools 77 or newer cannot be fetched")
    build = (
        "import sys, setuptools.build_meta as b; out = sys.argv[1]; b.build_wheel(out); b.build_sdist(out)"
    )
    done = subprocess.run(
        [sys.executable, "-c", build, str(out)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return out


def _sources() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for house in ("rules", "reference", "harness")
        for path in (ROOT / house).rglob("*")
        if path.is_file() and path.suffix in SHIPPED and "__pycache__" not in path.parts
    }


def test_wheel_holds_every_source_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert _sources() - names == set()
    assert {name.split("/")[0] for name in names} == {"rules", "reference", "harness"}


def test_source_archive_holds_what_a_build_needs(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names and _sources() - names == set()


def test_the_wheel_judges_and_reports_outside_of_a_checkout(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    shutil.copytree(ROOT / "submissions/examples", tmp_path / "work/examples")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    for arguments in (
        ["check", "examples", "--system", "local-smoke-open"],
        ["report", "examples", "--system", "local-smoke-open", "--out", "report"],
        ["times", "examples", "--system", "local-smoke-open"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=tmp_path / "work", env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    assert (tmp_path / "work/report/index.html").is_file()
