"""Receiving files from a bucket that misbehaves; the bucket is a fake, nothing waits."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.errors import UserError
from harness.fetch import folder as folders
from harness.fetch.bucket import NotContinued, RemoteError, RemoteObject, Source
from harness.fetch.etag import Match
from harness.fetch.folder import LEDGER, Folder
from harness.fetch.official import fetch, plan_fetch
from harness.fetch.transfer import ATTEMPTS

NAMES = ["training/S3A_1.hdf", "training/S3A_2.hdf", "inference/S3A_3.hdf"]
Serve = Callable[[bytes, int], Iterator[bytes]]


class FakeBucket:
    """Objects in memory; `serve` may be replaced for a name, and offsets asked for are noted."""

    def __init__(self, names: list[str] = NAMES) -> None:
        self.source = Source("http://nowhere", "b", "p")
        self.content = {name: name.encode() * 1000 for name in names}
        self.serve: dict[str, Serve] = {}
        self.asked: list[tuple[str, int]] = []

    def objects(self) -> Iterator[RemoteObject]:
        for name, content in self.content.items():
            yield RemoteObject(f"p/{name}", len(content), hashlib.md5(content).hexdigest())

    def pieces(self, wanted: RemoteObject, offset: int) -> Iterator[bytes]:
        name = wanted.key.removeprefix("p/")
        self.asked.append((name, offset))
        yield from self.serve.get(name, whole)(self.content[name], offset)


def whole(content: bytes, offset: int) -> Iterator[bytes]:
    yield content[offset:]


def get(bucket: FakeBucket, root: Path) -> dict[Match, int]:
    plan = plan_fetch(bucket, root)  # type: ignore[arg-type]
    return fetch(plan, bucket, 2, lambda count: None, 0.0).checked  # type: ignore[arg-type]


def held(bucket: FakeBucket, root: Path) -> bool:
    return all((root / name).read_bytes() == content for name, content in bucket.content.items())


def test_everything_arrives_once(tmp_path: Path) -> None:
    bucket = FakeBucket()
    assert get(bucket, tmp_path) == {Match.EQUAL: 3} and held(bucket, tmp_path)
    assert get(bucket, tmp_path) == {} and len(bucket.asked) == 3
    assert not list(tmp_path.glob("**/*.part"))


def test_a_broken_connection_is_continued(tmp_path: Path) -> None:
    bucket = FakeBucket()

    def some(content: bytes, offset: int) -> Iterator[bytes]:
        yield content[offset : offset + 1500]
        if offset + 1500 < len(content):
            raise RemoteError("connection broken")

    bucket.serve[NAMES[0]] = some  # 18,000 bytes: more breaks than ATTEMPTS, each with progress
    assert get(bucket, tmp_path)[Match.EQUAL] == 3 and held(bucket, tmp_path)
    assert [at for name, at in bucket.asked if name == NAMES[0]] == list(range(0, 18000, 1500))


@pytest.mark.parametrize(
    ("serve", "times", "reason"),
    [
        (
            lambda content, offset: iter([content[: 500 - offset]]),
            ATTEMPTS + 1,
            "500 bytes arrived, 18,000 listed",
        ),
        (lambda content, offset: iter([content[:-1] + b"?"]), 2, "does not have the stated ETag"),
        (lambda content, offset: iter([content + b"?"]), 2 * ATTEMPTS, "18,001 bytes arrived"),
    ],
)
def test_what_stays_wrong_fails_alone(tmp_path: Path, serve: Serve, times: int, reason: str) -> None:
    bucket = FakeBucket()
    bucket.serve[NAMES[0]] = serve
    with pytest.raises(UserError) as caught:
        get(bucket, tmp_path)
    assert "1 of 3 files failed: S3A_1.hdf" in caught.value.message and reason in caught.value.message
    assert "same command again" in str(caught.value.fix) and "\n" not in str(caught.value)
    assert not (tmp_path / NAMES[0]).exists() and all((tmp_path / name).exists() for name in NAMES[1:])
    assert 2 <= sum(name == NAMES[0] for name, _ in bucket.asked) <= times
    del bucket.serve[NAMES[0]]
    assert get(bucket, tmp_path) == {Match.EQUAL: 1} and held(bucket, tmp_path)


def test_a_service_that_knows_no_ranges(tmp_path: Path) -> None:
    """What was received before is of no use; the file is asked for as a whole."""
    bucket = FakeBucket()
    answers = iter(["break", "refuse", "whole"])

    def serve(content: bytes, offset: int) -> Iterator[bytes]:
        answer = next(answers)
        if answer == "refuse":
            raise NotContinued("whole files only")
        yield content if answer == "whole" else content[:100]

    bucket.serve[NAMES[0]] = serve
    assert get(bucket, tmp_path) == {Match.EQUAL: 3} and held(bucket, tmp_path)
    assert [at for name, at in bucket.asked if name == NAMES[0]] == [0, 100, 0]


def test_a_lasting_refusal_is_not_repeated(tmp_path: Path) -> None:
    bucket = FakeBucket()

    def refuse(content: bytes, offset: int) -> Iterator[bytes]:
        raise RemoteError("AccessDenied", lasting=True)
        yield b""

    bucket.serve[NAMES[1]] = refuse
    with pytest.raises(UserError, match="AccessDenied"):
        get(bucket, tmp_path)
    assert [name for name, _ in bucket.asked].count(NAMES[1]) == 1


def test_a_dead_service_ends_the_transfer(tmp_path: Path) -> None:
    names = [f"training/S3A_{n}.hdf" for n in range(50)] + ["ssts/S3A_t.hdf"]
    bucket = FakeBucket(names)

    def dead(content: bytes, offset: int) -> Iterator[bytes]:
        raise RemoteError("no route to host")
        yield b""

    bucket.serve = dict.fromkeys(names, dead)
    with pytest.raises(UserError, match="the service stopped answering"):
        get(bucket, tmp_path)
    assert len({name for name, _ in bucket.asked}) < 10


def test_older_copies_are_used_where_they_are(tmp_path: Path) -> None:
    """The bucket says training/, the disk one-day/; one file is damaged, one belongs to nobody."""
    bucket = FakeBucket()
    (tmp_path / "one-day/sub").mkdir(parents=True)
    (tmp_path / "one-day/sub/S3A_1.hdf").write_bytes(bucket.content[NAMES[0]])
    (tmp_path / "one-day/S3A_2.hdf").write_bytes(b"?" * len(bucket.content[NAMES[1]]))
    plan = plan_fetch(bucket, tmp_path)  # type: ignore[arg-type]
    assert (plan.missing, plan.unchecked) == (1, 2)
    assert get(bucket, tmp_path) == {Match.EQUAL: 3}
    assert sorted(name for name, _ in bucket.asked) == [NAMES[2], NAMES[1]]
    assert (tmp_path / "one-day/S3A_2.hdf").read_bytes() == bucket.content[NAMES[1]]
    assert not (tmp_path / "training").exists()


def test_a_part_of_an_older_version_is_not_continued(tmp_path: Path) -> None:
    bucket = FakeBucket()
    (tmp_path / "training").mkdir()
    (tmp_path / f"training/.S3A_1.hdf.{'0' * 32}.part").write_bytes(b"old")
    current = hashlib.md5(bucket.content[NAMES[1]]).hexdigest()
    (tmp_path / f"training/.S3A_2.hdf.{current}.part").write_bytes(bucket.content[NAMES[1]][:700])
    get(bucket, tmp_path)
    assert (NAMES[0], 0) in bucket.asked and (NAMES[1], 700) in bucket.asked and held(bucket, tmp_path)
    assert not list(tmp_path.glob("**/*.part"))


@pytest.mark.parametrize("ending", ['{"file": "train/S3A_', "\x00\x00", '{"file": 1}\n[]\n'])
def test_a_ledger_cut_by_a_kill(tmp_path: Path, ending: str) -> None:
    bucket = FakeBucket()
    get(bucket, tmp_path)
    with (tmp_path / LEDGER).open("a") as file:
        file.write(ending)
    assert plan_fetch(bucket, tmp_path).unchecked == 0  # type: ignore[arg-type]
    (tmp_path / NAMES[0]).write_bytes(bucket.content[NAMES[0]])  # touched since
    assert plan_fetch(bucket, tmp_path).unchecked == 1  # type: ignore[arg-type]
    assert get(bucket, tmp_path) == {Match.EQUAL: 1} and len(bucket.asked) == 3
    assert plan_fetch(bucket, tmp_path).unchecked == 0  # type: ignore[arg-type]


def test_no_space_is_noticed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "free_bytes", lambda self: 1 << 30)
    with pytest.raises(UserError, match="are to be fetched, 1.07 GB are free") as caught:
        get(FakeBucket(), tmp_path / "new")
    assert "--scenes" in str(caught.value.fix) and not (tmp_path / "new").exists()


def test_a_disk_that_fills_meanwhile_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("harness.fetch.transfer.os.fsync", full)
    with pytest.raises(UserError, match="No space left on device") as caught:
        get(FakeBucket(), tmp_path)
    assert "same command again" in str(caught.value.fix)


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    with folders.Folder(tmp_path), pytest.raises(UserError, match="Another process is fetching"):
        get(FakeBucket(), tmp_path)


def test_ctrl_c_leaves_parts(tmp_path: Path) -> None:
    bucket = FakeBucket()

    def interrupted(content: bytes, offset: int) -> Iterator[bytes]:
        yield content[offset : offset + 400]
        raise KeyboardInterrupt

    bucket.serve[NAMES[0]] = interrupted
    with pytest.raises(KeyboardInterrupt):
        get(bucket, tmp_path)
    bucket.serve.clear()
    get(bucket, tmp_path)
    assert (NAMES[0], 400) in bucket.asked and held(bucket, tmp_path)
