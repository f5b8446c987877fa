"""What the witness costs a run: processor time of the harness, with an authority in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from harness.run.journal import open_journal
from harness.untrusted.witness import read_chain
from harness.witness.authority import Demands, HttpAuthority
from harness.witness.chain_file import ChainFile
from harness.witness.stamper import Stamper
from harness.witness.witness import Witness
from rules.model.witness import Stamp
from tests.support.authority import loopback

pytestmark = pytest.mark.bench
EPOCHS, PAUSE_S = 100, 0.1
EPOCH_S = 5.0  # of the quick data set on two cores; on the official one they take minutes
GOAL = 0.005  # of the time-to-train


def serve(folder: str, pipe: Connection) -> None:
    with loopback(Path(folder)) as authority:
        pipe.send(authority.url)
        pipe.recv()


def epochs(folder: Path, witness: Witness | None) -> tuple[float, list[float]]:
    """Processor seconds of this process for so many epochs, and seconds that each mark took the journal."""
    line = ':::MLLOG {"key": "epoch_stop", "value": null, "metadata": {"epoch_num": 1}}'
    assert json.loads(line[9:])
    took = []
    begun_s = time.process_time()
    with open_journal(folder / "result.txt", folder / "timeline.jsonl", lambda event: None) as journal:
        if witness:
            journal.on_event = witness.following(0, journal, lambda event: None)
        for _ in range(EPOCHS):
            at = time.perf_counter()
            journal.write(line, "child", time.monotonic(), time.time())
            took.append(time.perf_counter() - at)
            time.sleep(PAUSE_S)
    if witness:
        witness.end()
    return time.process_time() - begun_s, took


def test_a_stamp_each_epoch_costs_little(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(str(tmp_path / "authority"), there), daemon=True)
    server.start()
    url = here.recv()
    without_s, plain = epochs(tmp_path, None)
    chain = ChainFile(tmp_path / "witness.jsonl")
    stamper = Stamper(chain, HttpAuthority(url), Demands(), 30, print)
    with_s, marked = epochs(tmp_path, Witness(chain, stamper, 0.0, print))
    here.send("end")
    server.join()
    stamps = len(list(read_chain(tmp_path / "witness.jsonl").of(Stamp)))
    per_epoch_s = (with_s - without_s) / EPOCHS
    print(
        f"\n{stamps} stamps on {EPOCHS} epochs: {per_epoch_s * 1e3:.2f} ms of processor time an epoch, "
        f"{per_epoch_s / EPOCH_S:.3%} of one of {EPOCH_S:g} s; a line is written in "
        f"{statistics.median(marked) * 1e6:.0f} us (without: {statistics.median(plain) * 1e6:.0f} us)"
    )
    assert stamps > EPOCHS / 4
    assert per_epoch_s / EPOCH_S < GOAL
