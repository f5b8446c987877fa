"""Reading from file systems that fail for a moment."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from reference.data import readers
from reference.data.readers import read_patiently


def failing(monkeypatch: pytest.MonkeyPatch, number: int, times: int) -> list[int]:
    """os.open fails so often; returns what grows with each call."""
    real, calls = os.open, list[int]()

    def opened(path: Path, flags: int) -> int:
        calls.append(number)
        if len(calls) <= times:
            raise OSError(number, os.strerror(number))
        return real(path, flags)

    monkeypatch.setattr(readers, "PAUSE_S", 0.0)
    monkeypatch.setattr(readers.os, "open", opened)
    return calls


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_one_failure_of_the_server_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    failing(monkeypatch, number, 1)
    assert read_patiently(path, lambda descriptor: os.read(descriptor, 9)) == b"abc"


def test_a_failure_that_stays_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = failing(monkeypatch, errno.EIO, 9)
    with pytest.raises(OSError, match="Input/output error"):
        read_patiently(tmp_path / "a", lambda descriptor: b"")
    assert len(calls) == 2


def test_what_is_not_there_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = failing(monkeypatch, errno.ENOENT, 9)
    with pytest.raises(FileNotFoundError):
        read_patiently(tmp_path / "a", lambda descriptor: b"")
    assert len(calls) == 1
