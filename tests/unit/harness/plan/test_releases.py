"""Released digests: every tag has its entry, and ordinary commits between releases need none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness import __version__
from harness.core.errors import UserError
from harness.core.own_code import RELEASES, digests, tree_files
from harness.plan.releases import compare, of_tree, write
from tests.support import ROOT

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(root: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with a file in each package, and an empty list of releases."""
    for name in ("harness/a.py", "reference/b.py", "rules/c.yaml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / "harness/__init__.py").write_text(f'__version__ = "{__version__}"\n')
    (tmp_path / RELEASES).write_text("# digests\n[]\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path, "first")
    return tmp_path


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)


def test_this_checkout_has_the_digests_of_all_its_tags() -> None:
    assert compare(ROOT).problems == []


def test_a_tag_without_digests_fails_and_an_ordinary_commit_does_not(project: Path) -> None:
    assert compare(project).problems == []
    git(project, "tag", f"v{__version__}")
    assert "has no digests" in compare(project).problems[0]


def test_a_release_is_written_tagged_and_stays_in_order(project: Path) -> None:
    released = write(project)
    assert (project / RELEASES).read_text().startswith("# digests\n")
    commit(project, "release")
    git(project, "tag", f"v{__version__}")
    assert compare(project).problems == [] and released == of_tree(project)
    (project / "harness/a.py").write_text("changed\n")
    commit(project, "the next day")
    assert compare(project).problems == []
    with pytest.raises(UserError, match="released already"):
        write(project)


def test_a_tag_of_another_version_than_its_code_fails(project: Path) -> None:
    write(project)
    (project / "harness/__init__.py").write_text('__version__ = "9.9.9"\n')
    commit(project, "release")
    git(project, "tag", f"v{__version__}")
    assert any("states another version" in problem for problem in compare(project).problems)


def test_digests_that_are_stale_when_the_release_is_tagged_fail(project: Path) -> None:
    write(project)
    (project / "reference/b.py").write_text("one more change\n")
    commit(project, "release")
    assert compare(project).problems == [] and "is not the code" in compare(project).remarks[0]
    git(project, "tag", f"v{__version__}")
    assert "not those of its tag" in compare(project).problems[0]


def test_a_list_that_cannot_be_read_is_one_line(project: Path) -> None:
    (project / RELEASES).write_text("- {version: 1}\n")
    with pytest.raises(UserError, match="cannot be read"):
        compare(project)


def test_digests_are_those_of_sha256sum(project: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum")
    (project / "reference/__pycache__").mkdir()
    (project / "reference/__pycache__/b.pyc").write_bytes(b"x")
    said = subprocess.run(
        "sha256sum reference/b.py | sha256sum", shell=True, cwd=project, capture_output=True, text=True
    ).stdout
    assert digests(tree_files(project))["reference"] == said.split()[0]
