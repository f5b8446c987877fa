"""The lock of a submit, with and without locks of the file system."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
from pathlib import Path

import psutil
import pytest

from harness.core.locks import Held, exclusive

WITHOUT = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524]  # 524: ENOTSUPP of Linux, as Cray DVS answers


@pytest.fixture(params=[None, *WITHOUT])
def lock(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a lock, on a file system that answers flock with this number."""
    if request.param is not None:

        def flock(*_: object) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, "flock", flock)
    return tmp_path / ".lock"


def test_one_at_a_time_and_nothing_is_left(lock: Path) -> None:
    for _ in range(2):
        with exclusive(lock), pytest.raises(Held), exclusive(lock):
            raise AssertionError("two at a time")
    assert list(lock.parent.iterdir()) == []


def test_an_error_inside_frees_it(lock: Path) -> None:
    with pytest.raises(ValueError, match="inside"), exclusive(lock):
        raise ValueError("inside")
    with exclusive(lock):
        pass


def held(folder: Path, **owner: object) -> Path:
    lock = folder / ".lock"
    me = psutil.Process()
    own = {"host": platform.node(), "pid": me.pid, "started_s": me.create_time()}
    (folder / ".lock.held").write_text(json.dumps({**own, **owner}))
    return lock


@pytest.mark.parametrize("owner", [{"pid": 2**22 + 1}, {"started_s": 1.0}])
def test_a_file_that_a_killed_process_left_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: dict[str, object]
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks")))
    with exclusive(held(tmp_path, **owner)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("owner", [{"host": "another"}, {"pid": "x"}, {}])
def test_a_file_whose_process_may_run_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: dict[str, object]
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks")))
    with pytest.raises(Held) as caught, exclusive(held(tmp_path, **owner)):
        raise AssertionError("two at a time")
    assert "wait" in caught.value.fix
