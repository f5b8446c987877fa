"""The witness of a package that is built: the chain as the harness writes it, with stamps of an authority whose
clock is that of the logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from harness.run.witnessing import package_records
from harness.untrusted.witness import parse_chain
from harness.witness.witness import POINTS
from rules.facts.stamps import message_of
from rules.model.layout import PackageLayout, RunFiles
from rules.model.witness import (
    FIRST_HEAD,
    ChainLine,
    Closing,
    Entry,
    Failure,
    Mark,
    Opening,
    Packaged,
    Registration,
    Stamp,
    next_head,
    seed_of,
)
from tests.support.authority.clocked import ClockedAuthority
from tests.support.builders.options import BASE_WALL_S

ENTROPY = "5e" * 32
PROMPT_S = 0.2  # from an event to its stamp


class WitnessWriter:
    """Writes witness.jsonl line by line."""

    def __init__(self, path: Path, authority: ClockedAuthority | None = None) -> None:
        self._path, self._authority = path, authority or ClockedAuthority()
        self._lines: list[ChainLine] = []
        self._token = b""
        path.write_bytes(b"")

    def add(self, entry: Entry, stamped_s: float | None = None) -> int:
        """Append a line, and the stamp on it where a time is given; returns its number."""
        head = self._lines[-1].head if self._lines else FIRST_HEAD
        raw = msgspec.json.encode(entry)
        with self._path.open("ab") as file:
            file.write(raw + b"\n")
        line = ChainLine(len(self._lines) + 1, next_head(head, raw), entry)
        self._lines.append(line)
        if stamped_s is not None:
            token = self._authority.stamp(message_of(line.head), stamped_s)
            self.add(Stamp(of=line.number, token=token))
            self._token = token
        return line.number

    @property
    def lines(self) -> int:
        """How many there are."""
        return len(self._lines)

    def register(self, plan: Path, earlier: int = 0, wall_s: float = BASE_WALL_S - 10) -> bytes:
        """The registration of a plan; returns its stamp."""
        digest = hashlib.sha256(plan.read_bytes()).hexdigest()
        entry = Registration(wall_s=wall_s, plan=digest, entropy=ENTROPY, earlier=earlier)
        self.add(entry, wall_s + PROMPT_S)
        return self._token

    def run(self, layout: PackageLayout, run: int, seed: int, draw: int, every: int = 1) -> None:
        """A finished run, as its files say; every so many epochs are stamped."""
        files = RunFiles(layout.run_dir(run))
        record = json.loads(files.record.read_text())
        log = layout.result(run).read_bytes().splitlines(keepends=True)
        timeline = files.timeline.read_bytes().splitlines(keepends=True)
        begun_s, over_s = record["started_wall_s"], record["finished_wall_s"]
        opening = Opening(wall_s=begun_s, run=run, seed=seed, draw=draw, registration=2)
        self.add(opening, begun_s + PROMPT_S)
        epochs = 0
        for number, (text, row) in enumerate(zip(log, timeline, strict=True), start=1):
            point = POINTS.get(json.loads(text.split(b" ", 1)[1])["key"])
            if point is None:
                continue
            epochs += point == "epoch"
            wall_s = json.loads(row)["wall_s"]
            mark = Mark(
                wall_s=wall_s,
                run=run,
                point=point,
                lines=number,
                log=_digest(log[:number]),
                timeline=_digest(timeline[:number]),
            )
            self.add(mark, wall_s + PROMPT_S if point != "epoch" or epochs % every == 0 else None)
        closing = Closing(wall_s=over_s, run=run, status=record["status"], files=record["files"])
        self.add(closing, over_s + PROMPT_S)

    def package(self, layout: PackageLayout, wall_s: float) -> None:
        """The last line."""
        self.add(Packaged(wall_s=wall_s, records=package_records(layout)), wall_s + PROMPT_S)


def witnessed_seeds(stamp: bytes, runs: int) -> tuple[int, ...]:
    """Seeds of runs that follow one another after a registration."""
    seeds: list[int] = []
    for run in range(runs):
        seeds.append(seed_of(stamp, ENTROPY, run, run, seeds))
    return tuple(seeds)


def rewrite(path: Path, change: Callable[[list[Entry]], Iterable[Entry] | None]) -> None:
    """Edit the lines of a chain; `change` edits the list in place or returns new ones."""
    entries = [line.entry for line in parse_chain(path.read_bytes()).lines]
    changed = change(entries)
    path.write_bytes(
        b"".join(msgspec.json.encode(e) + b"\n" for e in (entries if changed is None else changed))
    )


def stamp_again(
    path: Path,
    times: Callable[[int, float], float | None],
    change: Callable[[list[Entry]], Iterable[Entry]] = lambda entries: entries,
) -> None:
    """What a forger does who has an authority at hand: lines to taste, with new stamps on all of them.

    `times` gives the time of the stamp on a line from its number and the harness' time of the line; None
    leaves it out. The stamp on the registration stays, and with it the seeds.
    """
    entries = [line.entry for line in parse_chain(path.read_bytes()).lines]
    registration, first = entries[0], entries[1]
    writer = WitnessWriter(path)
    writer.add(registration)
    writer.add(first)
    kept = [entry for entry in entries[1:] if not isinstance(entry, (Stamp, Failure))]
    for entry in change(kept):
        number = writer.lines + 1
        writer.add(entry, times(number, getattr(entry, "wall_s", 0.0)))


def _digest(lines: list[bytes]) -> str:
    return hashlib.sha256(b"".join(lines)).hexdigest()
