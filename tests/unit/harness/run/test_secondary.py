"""What lies beside the log does not end a run that is good."""

from __future__ import annotations

import errno
import hashlib
import subprocess
from pathlib import Path

import pytest

from harness.run import one_run
from harness.run.one_run import _digest
from harness.run.secondary import SecondaryFile


def test_lines_are_written_as_they_come(tmp_path: Path) -> None:
    said: list[str] = []
    with SecondaryFile(tmp_path / "output.log", said.append) as output:
        output.write(b"one\n")
        assert (tmp_path / "output.log").read_bytes() == b"one\n"
    assert said == []


def test_a_full_disk_is_said_once() -> None:
    said: list[str] = []
    with SecondaryFile(Path("/dev/full"), said.append) as output:
        output.write(b"one\n")
        output.write(b"two\n")
    assert len(said) == 1 and "No space left" in said[0]


def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with SecondaryFile(tmp_path / "absent" / "output.log", said.append) as output:
        output.write(b"one\n")
        subprocess.run(["echo", "x"], stdout=output, check=True)
    assert len(said) == 1 and "output.log" in said[0]


@pytest.mark.parametrize("failures", [1, 2])
def test_reading_back_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failures: int) -> None:
    path, said, left, real = tmp_path / "gallery.h5", list[str](), [failures], one_run.sha256
    path.write_bytes(b"x")

    def stale(read: Path) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(read)

    monkeypatch.setattr(one_run, "sha256", stale)
    found = _digest(path, True, said.append)
    assert found == (hashlib.sha256(b"x").hexdigest() if failures == 1 else None)
    assert len(said) == failures - 1
    left[0] = 2
    with pytest.raises(OSError, match="Stale"):  # the log is not secondary
        _digest(path, False, said.append)
