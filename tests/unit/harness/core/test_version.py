"""The version of a distribution: of the tag, of commits between tags, and where there is neither git nor tag."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness import __version__
from harness.core.version import of_distribution
from tests.support import ROOT
from tests.unit.harness.plan.test_releases import commit, git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def state(root: Path, version: str) -> None:
    (root / "harness").mkdir(exist_ok=True)
    (root / "harness/__init__.py").write_text(f'"""The machinery."""\n\n__version__ = "{version}"\n')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    state(tmp_path, "1.1.0")
    git(tmp_path, "init", "-q")
    commit(tmp_path, "first")
    return tmp_path


def test_it_is_that_of_the_tag_and_says_how_far_from_it_the_code_is(project: Path) -> None:
    assert of_distribution(project) == "1.1.0"  # no tag
    git(project, "tag", "v1.1.0")
    git(project, "tag", "vendored")  # not a release
    assert of_distribution(project) == "1.1.0"
    (project / "harness/a.py").write_text("new\n")
    commit(project, "more")
    assert re.fullmatch(r"1\.1\.0\.post1\+g[0-9a-f]+", of_distribution(project))
    (project / "harness/a.py").write_text("edited\n")
    assert re.fullmatch(r"1\.1\.0\.post1\+g[0-9a-f]+\.dirty", of_distribution(project))
    state(project, "1.2.0")
    commit(project, "towards the next")
    assert re.fullmatch(r"1\.2\.0\.dev2\+g[0-9a-f]+", of_distribution(project))


def test_code_changed_at_its_tag_is_not_that_release(project: Path) -> None:
    git(project, "tag", "v1.1.0")
    with (project / "harness/__init__.py").open("a") as file:
        file.write("# edited\n")
    assert re.fullmatch(r"1\.1\.0\.post0\+g[0-9a-f]+\.dirty", of_distribution(project))


def test_a_tag_that_the_code_contradicts_does_not_build(project: Path) -> None:
    git(project, "tag", "v1.2.0")
    with pytest.raises(ValueError, match=r"the tag is v1\.2\.0, but harness/__init__\.py states 1\.1\.0"):
        of_distribution(project)


def test_a_source_archive_keeps_its_version_also_inside_another_checkout(project: Path) -> None:
    git(project, "tag", "v9.0.0")
    inner = project / "unpacked"
    inner.mkdir()
    state(inner, "1.1.0")
    assert of_distribution(inner) == "1.1.0"
    (inner / "PKG-INFO").write_text("Metadata-Version: 2.4\nName: x\nVersion: 1.1.0.post3+gabc\n")
    assert of_distribution(inner) == "1.1.0.post3+gabc"


def test_without_git_it_is_what_the_code_states(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project, "tag", "v9.0.0")
    monkeypatch.setenv("PATH", str(project))
    assert of_distribution(project) == "1.1.0"


def test_that_of_this_checkout_begins_with_what_it_states() -> None:
    assert re.match(re.escape(__version__) + r"(\.(post|dev)\d+\+g|\Z)", of_distribution(ROOT))
