"""Packages, a place to pack them, and what must not change around it."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from tests.support.builders import build_package

SECRET = b"keep out"


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    return build_package(tmp_path_factory.mktemp("package"), runs=4).root  # one error: PKG003


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder for archives; what was there before and beside must be there afterwards, and no more."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    outside = tmp_path / "outside.txt"
    outside.write_bytes(SECRET)
    (tmp_path / "here").mkdir()
    yield tmp_path / "here"
    assert outside.read_bytes() == SECRET
    assert {p.name for p in tmp_path.iterdir()} == {"temporary", "outside.txt", "here"}
    assert list(temporary.iterdir()) == []


def tar(path: Path, folder: Path, name: str, format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz", format=format) as archive:
        archive.add(folder, name)
    return path


def pack_zip(path: Path, folder: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, os.path.join(name, file.relative_to(folder)))
    return path
