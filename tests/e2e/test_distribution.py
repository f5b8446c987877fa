"""What wheel and source archive hold, and that the wheel, installed, is enough without a checkout.

It is installed into a new environment that finds the dependencies of this one; with dependencies of its own
(TensorFlow: minutes), only where CLOUDMASK_FRESH is set.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from harness import __version__
from harness.core.own_code import RELEASES, digests, tree_files
from harness.core.start_module import OWN
from tests.docs.structure import ROOT

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
    written = subprocess.run(
        [sys.executable, "-m", "harness", "release-digests"],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True,
    )  # fmt: skip
    assert written.returncode == 0, written.stderr
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
    return {*tree_files(ROOT), RELEASES}


def test_wheel_holds_the_files_of_the_packages_and_no_others(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {i.filename: i for i in archive.infolist() if ".dist-info/" not in i.filename}
        modes = {name: info.external_attr >> 16 for name, info in inside.items()}
    assert set(inside) == _sources()
    assert all(modes[name] & 0o111 for name in inside if name.endswith(".sh"))


def test_source_archive_holds_what_a_build_needs_and_no_others(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {member.name.partition("/")[2] for member in tar.getmembers() if member.isfile()}
    made = {"PKG-INFO", "setup.cfg"} | {name for name in names if ".egg-info/" in name}
    assert names - made == _sources() | {"pyproject.toml", "README.md", "LICENSE"}


@pytest.fixture(scope="module")
def cloudmask(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a new environment into which the wheel was installed."""
    place = tmp_path_factory.mktemp("environment")
    fresh = bool(os.environ.get("CLOUDMASK_FRESH"))
    venv.create(place, symlinks=True)
    if not fresh:
        (folder,) = place.glob("lib/python*/site-packages")
        (folder / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "install", "--quiet"]
    done = subprocess.run(
        [*pip, *([] if fresh else ["--no-deps"]), str(wheel)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return place / "bin/cloudmask"


def _run(cloudmask: Path, where: Path, *arguments: str) -> str:
    where.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([cloudmask, *arguments], cwd=where, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_installed_code_is_that_of_the_wheel_and_known_as_a_release(cloudmask: Path, tmp_path: Path) -> None:
    say = (
        "import json; from harness.run.software import code; from harness.core.own_code import ROOT, tree_files; "
        "from rules.facts.releases import release_of; f = tree_files(); "
        "print(json.dumps([str(ROOT), f, release_of(code(f, f, None)).version]))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python = cloudmask.with_name("python")
    done = subprocess.run([python, "-c", say], cwd=tmp_path, env=environment, capture_output=True, text=True)
    where, files, version = json.loads(done.stdout)
    assert Path(where).is_relative_to(cloudmask.parents[1]) and version == __version__
    assert files == tree_files(ROOT)


def test_an_empty_folder_is_enough_to_begin(cloudmask: Path, tmp_path: Path) -> None:
    assert __version__ in _run(cloudmask, tmp_path, "--version")
    assert "begun" in _run(cloudmask, tmp_path, "init", "box", "--from", "smoke", "--org", "lab")
    planned = _run(cloudmask, tmp_path, "plan", "--system", "box", "--org", "lab")
    assert "breaks no rule" in planned and "commit is not known" not in planned  # the code of a release
    assert "TIM001" in _run(cloudmask, tmp_path, "rules", "explain", "TIM001")


def test_packages_are_judged_shown_and_exported(cloudmask: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "submissions/examples", tmp_path / "submissions/examples")
    one = ("submissions/examples", "--system", "local-smoke-open")
    _run(cloudmask, tmp_path, "check", *one)
    _run(cloudmask, tmp_path, "report", *one, "--out", "report")
    _run(cloudmask, tmp_path, "times", *one)
    _run(cloudmask, tmp_path, "export", *one, "--layout", "ro-crate", "--out", "crate")
    _run(cloudmask, tmp_path, "leaderboard", "--out", "site")
    assert (tmp_path / "report/index.html").is_file() and (tmp_path / "site/index.html").is_file()


@pytest.mark.nightly
def test_a_submit_works_where_there_is_no_checkout_and_another_harness(
    cloudmask: Path, tmp_path: Path
) -> None:
    (tmp_path / "harness").mkdir()  # of the same name, in the working directory
    (tmp_path / "harness/__init__.py").write_text("raise SystemExit('the wrong harness')\n")
    _run(cloudmask, tmp_path, "submit", "--system", "smoke", "--org", "lab")
    assert "consistent with the rules" in _run(cloudmask, tmp_path, "check", "submissions/lab").lower()
    _run(cloudmask, tmp_path, "leaderboard", "--out", "site")
    (record, *_) = tmp_path.glob("submissions/lab/evidence/smoke/strong/cloudmask/result_0/run.json")
    software = json.loads(record.read_text())["software"]
    (installed,) = cloudmask.parents[1].glob("lib/python*/site-packages")
    assert software["commit"] is None
    assert {k: v for k, v in software.items() if k[5:] in OWN} == {
        f"code_{name}": sha256 for name, sha256 in digests(tree_files(installed)).items()
    }
    assert record.with_name("sbom.cdx.json").is_file()
