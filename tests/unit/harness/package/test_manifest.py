from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from harness.core.errors import UserError
from harness.package.manifest import read_manifest, verify_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    for name in ("a.txt", "sub/b.txt", "sub/c d.txt"):
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "pack"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_sha256sum_reads_it(folder):
    write_manifest(folder)
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "MANIFEST.sha256"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.count("OK") == 3


def test_round_trip_and_differences(folder):
    write_manifest(folder)
    status = verify_manifest(folder)
    assert status.present and not (status.missing or status.changed or status.unlisted or status.problem)
    (folder / "a.txt").write_text("other")
    (folder / "new.txt").write_text("new")
    (folder / "sub/b.txt").unlink()
    status = verify_manifest(folder)
    assert (status.changed, status.unlisted, status.missing) == (["a.txt"], ["new.txt"], ["sub/b.txt"])


def test_rewriting_leaves_no_trace_of_the_old_one(folder):
    first = write_manifest(folder).read_text()
    assert write_manifest(folder).read_text() == first
    assert sorted(p.name for p in folder.iterdir()) == ["MANIFEST.sha256", "a.txt", "sub"]


def test_links_are_neither_followed_nor_listed(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    os.symlink(tmp_path / "outside", folder / "door")
    os.symlink(folder, folder / "loop")
    write_manifest(folder)
    assert set(read_manifest(folder / "MANIFEST.sha256")) == {"a.txt", "sub/b.txt", "sub/c d.txt"}


def test_absent(folder):
    assert verify_manifest(folder).present is False


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\n",
        b"\xff\xfe\n",
        b"0" * 64 + b"  ../x\n",
        b"0" * 64 + b"  /etc/passwd\n",
        b"0" * 64 + b"  a.txt\n" + b"1" * 64 + b"  a.txt\n",
    ],
)
def test_bad_manifests_are_a_problem_not_a_crash(folder, content):
    (folder / "MANIFEST.sha256").write_bytes(content)
    assert verify_manifest(folder).problem


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "a\rb", "a\udcffb"])
def test_names_that_no_manifest_can_carry(tmp_path, name):
    """The last one is not UTF-8."""
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match="cannot be listed in a manifest"):
        write_manifest(tmp_path)
