"""The witness of an entry while it runs: what is written into the chain, when, and what is stamped of it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from harness.witness.chain_file import ChainFile
from harness.witness.stamper import Stamper
from rules.model.witness import (
    ChainLine,
    Closing,
    Entry,
    Mark,
    Opening,
    Packaged,
    Point,
    Registration,
    Stamp,
    seed_of,
)

POINTS: dict[str, Point] = {"run_start": "start", "epoch_stop": "epoch", "run_stop": "stop"}
ENTROPY_BYTES = 32


class JournalState(Protocol):
    """How far the journal of a run is."""

    def record(self) -> dict[str, Any]:
        """Its `lines`, and SHA-256 of `result` and `timeline` so far."""


class Witness:
    """Methods never raise for what a disk or an authority does: what fails is noted, and judged by rules."""

    def __init__(
        self, chain: ChainFile, stamper: Stamper, every_s: float, note: Callable[[str], None]
    ) -> None:
        self._chain, self._stamper, self._every_s, self._note = chain, stamper, every_s, note
        self._asked_s = -float("inf")
        self._opening = threading.Lock()

    def register(self, plan: str, earlier: int) -> None:
        """Register a plan, by the SHA-256 of its file, unless it is registered and stamped already."""
        chain = self._chain.chain
        stamped = {entry.of for _, entry in chain.of(Stamp)}
        if any(n in stamped and entry.plan == plan for n, entry in chain.of(Registration)):
            return
        entropy = secrets.token_hex(ENTROPY_BYTES)
        entry = Registration(wall_s=time.time(), plan=plan, entropy=entropy, earlier=earlier)
        line = self._append(entry)
        if line is not None and not self._stamper.ask_and_wait(line):
            self._note("witness: the plan is not registered, so seeds are drawn by chance")

    def open_run(self, run: int, draw_by_chance: Callable[[], int]) -> int:
        """Write down that a run begins; returns its seed, which follows from the registration where there is one."""
        with self._opening:
            chain = self._chain.chain
            before = [entry.seed for _, entry in chain.of(Opening)]
            found, draw = chain.registered(), len(before)
            of = found[0] if found else None
            seed = seed_of(found[1], found[2], run, draw, before) if found else draw_by_chance()
            line = self._append(Opening(wall_s=time.time(), run=run, seed=seed, draw=draw, registration=of))
        if line is not None:
            self._stamper.ask(line)
        return seed

    def following(
        self, run: int, journal: JournalState, then: Callable[[dict[str, Any]], None]
    ) -> Callable[[dict[str, Any]], None]:
        """What a journal calls with each event: the points of a run are marked, then `then` is called."""

        def on_event(event: dict[str, Any]) -> None:
            point = POINTS.get(str(event.get("key")))
            if point is not None:
                self._mark(run, point, journal)
            then(event)

        return on_event

    def close_run(self, run: int, status: str, files: Mapping[str, str]) -> None:
        """Write down how a run ended, with the digests of all its files."""
        line = self._append(Closing(wall_s=time.time(), run=run, status=status, files=dict(files)))
        if line is not None:
            self._stamper.ask(line)

    def package(self, records: Mapping[str, str]) -> None:
        """Stamp the digests of an entry's records, unless they are the ones stamped last."""
        chain = self._chain.chain
        stamped = {entry.of for _, entry in chain.of(Stamp)}
        for number, entry in chain.of(Packaged):
            if entry.records == dict(records) and number in stamped:
                return
        line = self._append(Packaged(wall_s=time.time(), records=dict(records)))
        if line is not None:
            self._stamper.ask_and_wait(line)

    def end(self) -> None:
        """Wait, in bounded time, for the stamps that are under way."""
        self._stamper.end()
        self._chain.close()

    def _mark(self, run: int, point: Point, journal: JournalState) -> None:
        state = journal.record()
        lines, log, timeline = state["lines"], state["result"], state["timeline"]
        line = self._append(
            Mark(wall_s=time.time(), run=run, point=point, lines=lines, log=log, timeline=timeline)
        )
        if line is None:
            return
        now = time.monotonic()
        if point == "epoch" and (now - self._asked_s < self._every_s or not self._stamper.idle):
            return  # the next stamp is on this line, too
        self._asked_s = now
        self._stamper.ask(line)

    def _append(self, entry: Entry) -> ChainLine | None:
        """The new line; None when it could not be written, which is said."""
        try:
            return self._chain.append(entry)
        except (OSError, ValueError) as error:
            self._note(f"witness: cannot be written: {error}")
            return None
