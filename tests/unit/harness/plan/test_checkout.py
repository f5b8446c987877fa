"""Why the commit of the code is not known, and fixes that work when they are typed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.plan import checkout
from harness.plan.checkout import source_doubt

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
    status = subprocess.run(doubt.fix.removeprefix("see: "), shell=True, check=True, capture_output=True)
    assert b"modified" in status.stdout


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
