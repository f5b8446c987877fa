"""Files are whole or not there, and have the mode that the user's umask gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core import files
from harness.leaderboard.cache import fill
from harness.package.workspace import CODE_FILES, adopt
from reference.data.files import write_json
from rules.model.layout import PackageLayout


@pytest.fixture(params=[0o077, 0o002, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("write", [files.write_json, write_json])
def test_the_umask_holds(tmp_path: Path, umask: int, write: Callable[[Path, object], None]) -> None:
    path = tmp_path / "folder" / "a.json"
    for value in (1, 2):  # a new file, and one that is replaced
        write(path, value)
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert path.parent.stat().st_mode & 0o777 == 0o777 & ~umask
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def _judged(folder: Path) -> None:
    (folder / "judged.json").write_text("{}")


def test_the_umask_holds_for_the_leaderboards_cache(tmp_path: Path, umask: int) -> None:
    folder = fill(tmp_path, "a" * 64, _judged)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, 1)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="space"):
        files.write_json(path, 2)
    assert path.read_text() == "1\n" and [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_scripts_that_are_copied_stay_scripts_for_those_who_may_read(tmp_path: Path, umask: int) -> None:
    source, target = (PackageLayout(tmp_path / name, "box") for name in ("examples", "lab"))
    source.recipe.parent.mkdir(parents=True)
    source.recipe.write_text("runs: 5\n")
    script = source.code_dir / CODE_FILES[0]
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    adopt(source, target)
    modes = [(target.code_dir / path.name).stat().st_mode & 0o777 for path in (source.recipe, script)]
    assert modes == [0o666 & ~umask, 0o777 & ~umask]
