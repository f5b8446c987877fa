"""Why the commit of the code is not known, and fixes that work when they are typed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.plan import checkout
from harness.plan.checkout import SourceState, source_doubt, source_state

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, in a folder whose name needs quotes; git's configuration is an empty home."""
    home, folder = tmp_path / "home", tmp_path / "my clone"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder.mkdir()
    (folder / "a").write_text("a\n")
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "a"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    monkeypatch.setattr(checkout, "SOURCE_ROOT", folder)
    return folder


def test_a_clean_checkout_is_known(clone: Path) -> None:
    assert source_doubt() is None


def test_the_fix_for_a_checkout_of_another_user_works(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    doubt = source_doubt()
    assert doubt is not None and "belongs to another user" in doubt.what
    subprocess.run(doubt.fix, shell=True, check=True)
    assert source_doubt() is None


def test_local_changes_are_said(clone: Path) -> None:
    (clone / "a").write_text("b\n")
    doubt = source_doubt()
    assert doubt is not None and "differ" in doubt.what
    command = doubt.fix.removeprefix("see: ").partition(" (")[0]
    status = subprocess.run(command, shell=True, check=True, capture_output=True)
    assert b"modified" in status.stdout


def git(clone: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(clone), *who, *words], check=True, capture_output=True)


def test_contents_count_whatever_git_is_told(clone: Path) -> None:
    """The index says "unchanged" of a file that is not."""
    for mark in ("--skip-worktree", "--assume-unchanged"):
        git(clone, "update-index", mark, "a")
        (clone / "a").write_text("b\n")
        assert source_state().dirty is True
        (clone / "a").write_text("a\n")
        assert source_state().dirty is False


def test_a_filter_that_cleans_changes_away_does_not_deceive(clone: Path) -> None:
    (clone / ".git/info").mkdir(exist_ok=True)
    (clone / ".git/info/attributes").write_text("a filter=clean\n")
    git(clone, "config", "filter.clean.clean", "echo a")
    (clone / "a").write_text("b\n")
    git(clone, "add", "a")
    assert subprocess.run(["git", "-C", str(clone), "diff", "--quiet", "HEAD"]).returncode == 0
    assert source_state().dirty is True


def test_a_module_that_the_commit_does_not_have_is_a_change(clone: Path) -> None:
    (clone / "reference").mkdir()
    (clone / "notes.txt").write_text("mine\n")
    assert source_state().dirty is False
    (clone / "reference/extra.py").write_text("")
    (clone / ".git/info/exclude").write_text("reference/\n")
    assert source_state().dirty is True


def test_a_replaced_commit_and_another_repository_do_not_deceive(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = source_state().commit
    (clone / "a").write_text("b\n")
    git(clone, "commit", "-qam", "second")
    forged = source_state().commit
    git(clone, "replace", str(honest), str(forged))
    git(clone, "reset", "-q", "--soft", str(honest))
    assert source_state() == SourceState(honest, True)
    monkeypatch.setenv("GIT_DIR", str(clone / "elsewhere"))
    assert source_state() == SourceState(honest, True)


@pytest.mark.parametrize("case", ["no checkout", "no commit", "below another", "no git"])
def test_other_reasons(clone: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    if case in ("no checkout", "no commit"):
        shutil.rmtree(clone / ".git")
    if case == "no commit":
        subprocess.run(["git", "-C", str(clone), "init", "-q"], check=True)
    if case == "below another":
        (clone / "below").mkdir()
        monkeypatch.setattr(checkout, "SOURCE_ROOT", clone / "below")
    if case == "no git":
        monkeypatch.setenv("PATH", os.devnull)
    doubt = source_doubt()
    assert doubt is not None and "stay unchecked" in doubt.what and doubt.fix


def test_names_of_files_need_not_be_utf_8(clone: Path) -> None:
    Path(os.fsdecode(os.fsencode(clone) + b"/d\xe9")).write_text("x")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "second")
    assert source_state().dirty is False
