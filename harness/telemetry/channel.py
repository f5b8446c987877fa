"""One source read on a schedule of its own, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from harness.telemetry.source import Source

SILENT_S = 5.0  # a source that takes so long for a reading is said to hang
SLEEP_S = 0.25


class Stop(threading.Event):
    """Short waits by sleeping: that takes half the processor time of waiting for an event, and is what
    a source read ten times a second does most."""

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None or timeout > SLEEP_S:
            return super().wait(timeout)
        time.sleep(max(0.0, timeout))
        return self.is_set()


class Channel:
    """Reads one source on its own schedule, in its own thread, into a buffer the writer empties.

    The k-th reading is due at start + k x interval, so delays do not add up; readings that could not
    be made in time are skipped, not bunched.
    """

    def __init__(self, source: Source, interval_s: float, stop: threading.Event) -> None:
        self.source = source
        self.interval_s = max(interval_s, source.interval_s)
        self.newest: Sequence[float | None] = [None] * len(source.quantities())
        self._rows: deque[tuple[float, Sequence[float | None]]] = deque()
        self._remarks: deque[str] = deque(source.notes())  # of opening it
        self._since: float | None = None  # when the reading under way began
        self._hangs = False
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name=source.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; False when it hangs in its source, which must not be closed then."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """A source that raises is a defect in it: its readings end there, the others go on."""
        try:
            start, tick = time.monotonic(), 0
            while not self._stop.wait(start + tick * self.interval_s - time.monotonic()):
                self._take()
                tick = max(tick + 1, int((time.monotonic() - start) / self.interval_s))
            self.source.ending()
            self._take()  # a power measurement has to enclose the end of the run
        except Exception as error:
            self.newest = [None] * len(self.newest)
            self._remarks.append(f"{self.source.name} ended: {type(error).__name__}: {error}")

    def _take(self) -> None:
        before = self._since = time.monotonic()
        values = list(self.source.read())
        self._since = None
        self._rows.append(((before + time.monotonic()) / 2, values))
        self.newest = values
        self._remarks.extend(self.source.notes())

    def drain(self) -> tuple[list[tuple[float, Sequence[float | None]]], list[str]]:
        """Readings and remarks since the last call, for the writer's thread."""
        self._watch_the_time()
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        remarks = [self._remarks.popleft() for _ in range(len(self._remarks))]
        return rows, remarks

    def _watch_the_time(self) -> None:
        """Say once when a reading hangs and once when it is over; in between nothing is known."""
        since = self._since
        waited_s = 0.0 if since is None else time.monotonic() - since
        if not self._hangs and waited_s > max(SILENT_S, self.interval_s):
            self._hangs = True
            self.newest = [None] * len(self.newest)
            self._remarks.append(f"{self.source.name} hangs: no reading for {waited_s:.0f} s")
        elif self._hangs and waited_s <= SILENT_S:
            self._hangs = False
            self._remarks.append(f"{self.source.name} answers again")


def latest(channels: list[Channel]) -> dict[str, float | None]:
    """Newest reading of every quantity, by "source.scope.name"."""
    return {
        f"{channel.source.name}.{spec.key}": value
        for channel in channels
        for spec, value in zip(channel.source.quantities(), channel.newest, strict=False)
    }
