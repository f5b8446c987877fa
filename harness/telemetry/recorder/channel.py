"""Sources that are read on schedule: a channel has the pace and the readings of one source, a lane is a thread
that reads one channel or several."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from harness.telemetry.pacing import Pace
from harness.telemetry.sources.base import Kind, Source

SILENT_S = 5.0  # a source that takes so long for a reading is said to hang
SLEEP_S = 0.25


class Stop(threading.Event):
    """Short waits by sleeping: that takes half the processor time of waiting for an event, and is what
    a source read ten times a second does most."""

    def wait(self, timeout: float | None = None) -> bool:
        """As threading.Event."""
        if timeout is None or timeout > SLEEP_S:
            return super().wait(timeout)
        time.sleep(max(0.0, timeout))
        return self.is_set()


class Channel:
    """Readings of one source, at its pace. They wait in a buffer that the writer empties."""

    def __init__(self, source: Source, interval_s: float) -> None:
        self.source = source
        self.pace = Pace(source.name, max(interval_s, source.interval_s), source.slowest_s, source.costly_s)
        self.newest: Sequence[float | None] = [None] * len(source.quantities())
        self.counts = any(spec.kind is Kind.COUNTER for spec in source.quantities())
        self.broken = False
        self._rows: deque[tuple[float, Sequence[float | None]]] = deque()
        self._remarks: deque[str] = deque(source.notes())  # of opening it

    @property
    def paces(self) -> list[Pace]:
        """Of the source, and of the parts that it reads less often than the rest."""
        return [self.pace, *self.source.parts()]

    def take(self, last: bool = False) -> None:
        """One reading; the last one is of everything, also of what is read seldom.

        A source that raises has a defect: its readings end there, and the others go on.
        """
        parts = self.source.parts()
        try:
            for part in parts if last else ():
                part.at_once()
            before_s = time.monotonic()
            values = list(self.pace.measured(self.source.read, parts))
            self._rows.append(((before_s + time.monotonic()) / 2, values))
            self._remarks.extend(self.source.notes())
            self.newest = values
        except Exception as error:
            self.broken = True
            self.know_nothing()
            self.say(f"{self.source.name} ended: {type(error).__name__}: {error}")

    def know_nothing(self) -> None:
        """What was read last is not what is there now."""
        self.newest = [None] * len(self.newest)

    def say(self, remark: str) -> None:
        """A remark for the file. May be called from any thread."""
        self._remarks.append(remark)

    def drain(self) -> tuple[list[tuple[float, Sequence[float | None]]], list[str]]:
        """Readings and remarks since the last call, for the writer's thread."""
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        remarks = [self._remarks.popleft() for _ in range(len(self._remarks))]
        return rows, remarks


class Lane:
    """A thread that reads its channels when they are due. One that hangs holds up this lane only."""

    def __init__(self, name: str, channels: Sequence[Channel], stop: threading.Event) -> None:
        self.channels = channels
        self._stop = stop
        self._reading: tuple[Channel, float] | None = None  # under way since this moment
        self._hanging: Channel | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read, all channels at once."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; False when it hangs in a source, which must not be closed then."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Of a lane that has ended."""
        for channel in self.channels:
            channel.source.close()

    def _run(self) -> None:
        start_s = time.monotonic()
        for channel in self.channels:
            channel.pace.due_s = start_s
        working = list(self.channels)
        while working and not self._stop.wait(min(c.pace.due_s for c in working) - time.monotonic()):
            now_s = time.monotonic()
            for channel in working:
                if channel.pace.is_due(now_s):
                    self._take(channel)
            working = [channel for channel in working if not channel.broken]
        # a measurement of energy has to enclose the end of the run: whatever else is slow comes after it
        for channel in sorted(working, key=lambda channel: not channel.counts):
            self._take(channel, last=True)

    def _take(self, channel: Channel, last: bool = False) -> None:
        self._reading = (channel, time.monotonic())
        channel.take(last)
        self._reading = None

    def watch_the_time(self) -> None:
        """Say once when a reading hangs and once when it is over; in between nothing of the lane is known."""
        reading = self._reading
        channel, since_s = reading if reading is not None else (None, 0.0)
        waited_s = time.monotonic() - since_s
        hangs = channel is not None and waited_s > max(SILENT_S, channel.pace.interval_s)
        if self._hanging is not None and not hangs:
            self._hanging.say(f"{self._hanging.source.name} answers again")
            self._hanging = None
        elif self._hanging is None and channel is not None and hangs:
            self._hanging = channel
            others = [c for c in self.channels if c is not channel and not c.broken]
            for one in (channel, *others):
                one.know_nothing()
            nor = f", nor of {', '.join(c.source.name for c in others)}" if others else ""
            channel.say(f"{channel.source.name} hangs: no reading for {waited_s:.0f} s{nor}")


def in_lanes(channels: Iterable[Channel], stop: threading.Event) -> list[Lane]:
    """One lane for the sources that name the same one, and one for each of the others."""
    lanes: dict[str, list[Channel]] = {}
    for channel in channels:
        lanes.setdefault(channel.source.lane or channel.source.name, []).append(channel)
    return [Lane(name, together, stop) for name, together in lanes.items()]


def latest(channels: list[Channel]) -> dict[str, float | None]:
    """Newest reading of every quantity, by "source.scope.name"."""
    return {
        f"{channel.source.name}.{spec.key}": value
        for channel in channels
        for spec, value in zip(channel.source.quantities(), channel.newest, strict=False)
    }
