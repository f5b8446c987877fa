"""The witness never delays or fails a run, whatever disk and authority do."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from harness.untrusted.documents import Unreadable
from harness.untrusted.witness import read_chain
from harness.witness.authority import Demands, NoStamp
from harness.witness.chain_file import ChainFile
from harness.witness.stamper import WAITING, Stamper
from harness.witness.witness import Witness
from rules.model.witness import Failure, Mark, Opening, Packaged, Registration, Stamp, seed_of
from tests.support.authority import ClockedAuthority
from tests.support.waiting import HANG_S


class Answering:
    """Answers each request itself, by stamping the digest in it."""

    def ask(self, request: bytes, limit_s: float) -> bytes:
        raise NoStamp("nobody there")


class Hanging:
    def __init__(self) -> None:
        self.release = threading.Event()

    def ask(self, request: bytes, limit_s: float) -> bytes:
        self.release.wait(HANG_S)
        raise NoStamp("too late")


class Broken:
    def ask(self, request: bytes, limit_s: float) -> bytes:
        raise ZeroDivisionError("a defect")


class State:
    def record(self) -> dict[str, object]:
        return {"lines": 3, "result": "a" * 64, "timeline": "b" * 64}


def witness(path: Path, authority: object, every_s: float = 0.0) -> tuple[Witness, list[str]]:
    notes: list[str] = []
    chain = ChainFile(path)
    stamper = Stamper(chain, authority, Demands(), 0.1, notes.append)  # type: ignore[arg-type]
    return Witness(chain, stamper, every_s, notes.append), notes


def follow(made: Witness, run: int, *keys: str) -> None:
    on_event = made.following(run, State(), lambda event: None)
    for key in keys:
        on_event({"key": key})


def test_runs_go_on_without_an_authority(tmp_path):
    made, notes = witness(tmp_path / "witness.jsonl", Answering())
    made.register("0" * 64, 0)
    assert made.open_run(0, lambda: 4711) == 4711  # drawn by chance
    follow(made, 0, "init_start", "run_start", "epoch_stop", "run_stop")
    made.close_run(0, "success", {"result_0.txt": "c" * 64})
    made.package({"plan.json": "d" * 64})
    made.end()
    chain = read_chain(tmp_path / "witness.jsonl")
    assert [e.point for _, e in chain.of(Mark)] == ["start", "epoch", "stop"]
    assert {e.why for _, e in chain.of(Failure)} == {"nobody there"}
    assert len([n for n in notes if "nobody there" in n]) == 1, notes


def test_asking_returns_at_once_while_an_authority_hangs(tmp_path):
    hanging = Hanging()
    made, _ = witness(tmp_path / "witness.jsonl", hanging)
    began_s = time.monotonic()
    for run in range(WAITING + 20):
        made.close_run(run, "success", {})
    took_s = time.monotonic() - began_s
    hanging.release.set()
    made.end()
    chain = read_chain(tmp_path / "witness.jsonl")
    assert took_s < HANG_S / 2
    whys = [e.why for _, e in chain.of(Failure)]
    assert len(whys) == WAITING + 20 and f"{WAITING} requests were waiting already" in whys


def test_defect_of_an_authority_is_a_missing_stamp(tmp_path):
    made, notes = witness(tmp_path / "witness.jsonl", Broken())
    made.close_run(0, "success", {})
    made.end()
    assert [e.why for _, e in read_chain(tmp_path / "witness.jsonl").of(Failure)] == [
        "ZeroDivisionError: a defect"
    ]
    assert notes


def test_disk_that_is_full_fails_no_run(tmp_path):
    made, notes = witness(tmp_path / "witness.jsonl", Answering())
    made._chain._file.close()  # every write fails from here on
    assert made.open_run(0, lambda: 7) == 7
    follow(made, 0, "run_start", "run_stop")
    made.close_run(0, "success", {})
    made.end()
    assert any("cannot be written" in note for note in notes)


def test_epochs_are_marked_all_and_stamped_at_intervals(tmp_path):
    made, _ = witness(tmp_path / "witness.jsonl", Answering(), every_s=3600)
    follow(made, 0, "run_start", *["epoch_stop"] * 5, "run_stop")
    made.end()
    chain = read_chain(tmp_path / "witness.jsonl")
    marks = {n: e.point for n, e in chain.of(Mark)}
    assert list(marks.values()).count("epoch") == 5
    assert {marks[e.of] for _, e in chain.of(Failure)} == {"start", "stop"}


def test_seed_follows_from_the_stamped_registration(tmp_path):
    path = tmp_path / "witness.jsonl"
    chain = ChainFile(path)
    line = chain.append(Registration(wall_s=1.0, plan="0" * 64, entropy="5e" * 32))
    token = ClockedAuthority().stamp(line.head.encode(), 1_790_000_000)
    chain.append(Stamp(of=1, token=token))
    chain.close()
    made, _ = witness(path, Answering())
    made.register("0" * 64, 0)  # already
    first = made.open_run(0, pytest.fail)
    second = made.open_run(0, pytest.fail)  # another attempt at the same run
    made.end()
    assert first == seed_of(token, "5e" * 32, 0, 0)
    assert second == seed_of(token, "5e" * 32, 0, 1, [first]) != first
    found = read_chain(path)
    assert len(list(found.of(Registration))) == 1
    assert [e.registration for _, e in found.of(Opening)] == [2, 2]


def test_package_is_stamped_once_for_the_same_records(tmp_path):
    path = tmp_path / "witness.jsonl"
    chain = ChainFile(path)
    line = chain.append(Packaged(wall_s=1.0, records={"plan.json": "0" * 64}))
    chain.append(Stamp(of=1, token=ClockedAuthority().stamp(line.head.encode(), 1_790_000_000)))
    chain.close()
    before = path.read_bytes()
    made, _ = witness(path, Answering())
    made.package({"plan.json": "0" * 64})
    made.end()
    assert path.read_bytes() == before


def test_chain_is_continued_and_a_torn_line_cut_off(tmp_path):
    path = tmp_path / "witness.jsonl"
    chain = ChainFile(path)
    first = chain.append(Failure(of=1, why="x"))
    chain.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"failed","of":1,"wh')
    chain = ChainFile(path)
    second = chain.append(Failure(of=1, why="y"))
    chain.close()
    read = read_chain(path)
    assert [line.head for line in read.lines] == [first.head, second.head]
    assert path.read_bytes().startswith(whole)


def test_many_threads_write_whole_lines(tmp_path):
    path = tmp_path / "witness.jsonl"
    chain = ChainFile(path)

    def work(of: int) -> None:
        for _ in range(50):
            chain.append(Failure(of=of, why="z" * 200))

    threads = [threading.Thread(target=work, args=(of,)) for of in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain.close()
    assert read_chain(path).lines == chain.chain.lines
    assert len(read_chain(path).lines) == 400


@pytest.mark.parametrize(
    "bad",
    [
        b'{"kind":"stamp","of":1,"token":"' + b"A" * 100_000 + b'"}\n',
        b'{"kind":"failed","of":1.5,"why":""}\n',
        b'{"kind":"failed","of":1,"why":"","more":1}\n',
        b'{"kind":"unheard of"}\n',
        b'{"kind":"failed","of":1,"why":"x"}',
        b"\n",
    ],
    ids=["long token", "wrong type", "unknown field", "unknown kind", "cut off", "empty line"],
)
def test_damaged_chain_is_said_in_one_line(tmp_path, bad: bytes):
    path = tmp_path / "witness.jsonl"
    path.write_bytes(bad)
    with pytest.raises(Unreadable) as raised:
        read_chain(path)
    assert "\n" not in str(raised.value)
