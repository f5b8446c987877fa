"""The output of a child, piece by piece, each with the time at which it could be read.

A thread does nothing but read, so that no other work of this process delays its clock. On a machine whose processors
are all busy it still has to wait for one when it is woken: on Linux the kernel says how long it did, and the time
noted is less by that, but by MOST_S at most. With 28 runnable processes on two cores the wait was up to 64 ms. Not all
of it need lie behind the piece: the thread may have waited before, or for the first of several lines, and Linux 6.18
was seen to count a sleep as a wait. A line noted much before it was written would look invented (EVD003), one noted
late does not.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

TICK_S = 0.5
MOST_S = 0.04  # less than EVD003 allows
MOST_WAITING = 64  # pieces that nobody has taken; then the child's pipe fills up
PIECE_BYTES = 1 << 16
# ns on a processor, ns waiting for one, time slices (proc(5), sched-stats)
SCHEDULED = "/proc/thread-self/schedstat"


@dataclass(frozen=True)
class Piece:
    """What was read at once, and since when it could be; no bytes: the output was closed."""

    data: bytes
    monotonic_s: float
    wall_s: float


class Readout:
    """Reads a descriptor in a thread of its own until it is closed at the other end, or `close` is called."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pieces: queue.Queue[Piece] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="readout", daemon=True)
        self._thread.start()

    def next(self, limit_s: float) -> Piece | None:
        """The next piece; None when there is none for so long."""
        try:
            return self._pieces.get(timeout=limit_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the thread; the descriptor may be closed afterwards."""
        self._closing.set()
        self._thread.join()

    def _read(self) -> None:
        last_s, waited_s = time.monotonic(), _waited_s()
        while not self._closing.is_set():
            ready, _, _ = select.select([self._descriptor], [], [], 0)
            if not ready:
                waited_s = _waited_s()
                ready, _, _ = select.select([self._descriptor], [], [], TICK_S)
            if not ready:
                continue
            data = os.read(self._descriptor, PIECE_BYTES)
            monotonic_s, wall_s = time.monotonic(), time.time()  # behind all of the piece
            before_s, waited_s = waited_s, _waited_s()
            late_s = min(waited_s - before_s, MOST_S, monotonic_s - last_s)  # not before what was read last
            last_s = monotonic_s - late_s
            self._put(Piece(data, last_s, wall_s - late_s))
            if not data:
                return

    def _put(self, piece: Piece) -> None:
        while not self._closing.is_set():
            with suppress(queue.Full):
                self._pieces.put(piece, timeout=TICK_S)
                return


def _waited_s() -> float:
    """How long this thread has waited for a processor since it began; 0 where the system does not say."""
    try:
        with open(SCHEDULED, encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
