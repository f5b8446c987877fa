"""The sampler process: `python -m harness.telemetry.sampler --out FILE`.

It runs beside the training, in its own process, so that neither can stop the other. One thread per
source keeps that source's schedule (a slow one never holds up the rest); the main thread alone
writes. With --control it belongs to a parent: commands come on stdin, one JSON
object a line ({"watch": PID}), the end of stdin means stop (it also comes when the parent is
killed), and stdout carries one JSON object a line: first {"ready": ...}, then the newest readings.

Imports stay light on purpose: psutil, h5py, numpy and nvidia-ml-py, nothing of the training.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.telemetry.files import Anchor, SampleWriter
from harness.telemetry.source import Source
from harness.telemetry.sources import open_all

FLUSH_S = 0.75  # what a kill -9 can cost is this plus one flush
REPORT_S = 0.5
SHORTEST_INTERVAL_S = 0.01
JOIN_S = 3.0  # how long to wait at the end for a last reading, or a source that hangs


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
        self._remarks: deque[str] = deque()
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name=source.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        """A source that raises is a defect in it: its readings end there, the others go on."""
        try:
            start, tick = time.monotonic(), 0
            while not self._stop.wait(start + tick * self.interval_s - time.monotonic()):
                self._take()
                tick = max(tick + 1, int((time.monotonic() - start) / self.interval_s))
            self._take()  # a power measurement has to enclose the end of the run
        except Exception as error:
            self.newest = [None] * len(self.newest)
            self._remarks.append(f"{self.source.name} ended: {type(error).__name__}: {error}")

    def _take(self) -> None:
        before = time.monotonic()
        values = list(self.source.read())
        self._rows.append(((before + time.monotonic()) / 2, values))
        self.newest = values
        self._remarks.extend(self.source.notes())

    def drain(self) -> tuple[list[tuple[float, Sequence[float | None]]], list[str]]:
        """Readings and remarks since the last call, for the writer's thread."""
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        remarks = [self._remarks.popleft() for _ in range(len(self._remarks))]
        return rows, remarks


@dataclass(frozen=True)
class Options:
    out: Path
    interval_s: float
    node: str
    pid: int | None = None
    seconds: float | None = None
    control: bool = False
    sources: list[str] | None = None


class Sampling:
    """One sampler's life: open the sources, sample until told to stop, leave a whole file."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.stop = threading.Event()
        self.reason = "stopped"
        self.signalled = (
            False  # a handler must not touch the event: its lock may be held by whom it interrupts
        )
        self._pid = options.pid
        self._parent = os.getppid()

    def end(self, reason: str) -> None:
        """May be called from any thread; the first reason counts."""
        if not self.stop.is_set():
            self.reason = reason
            self.stop.set()

    def run(self) -> None:
        """Raises OSError when the file cannot be written."""
        anchor = Anchor.now()
        sources = open_all(self.options.sources, self.options.pid)
        channels = [Channel(s, self.options.interval_s, self.stop) for s in sources if s.unavailable is None]
        host = platform.node()
        writer = SampleWriter(self.options.out, self.options.node, host, self.options.interval_s, anchor)
        writer.begin(sources, {c.source.name: c.interval_s for c in channels})
        for channel in channels:
            for note in channel.source.notes():
                writer.event(note)
            channel.start()
        if self.options.control:
            threading.Thread(target=self._listen, args=(sources,), daemon=True).start()
            threading.Thread(target=self._report, args=(sources, channels), daemon=True).start()
        started = time.monotonic()
        while not self.stop.wait(FLUSH_S):
            self._write(writer, channels)
            self._look_around(time.monotonic() - started)
        for channel in channels:
            channel.join()
        self._write(writer, channels)
        writer.event(f"ended: {self.reason}")
        writer.close()
        for source in sources:
            source.close()

    @staticmethod
    def _write(writer: SampleWriter, channels: list[Channel]) -> None:
        for channel in channels:
            rows, remarks = channel.drain()
            writer.append(channel.source.name, rows)
            for remark in remarks:
                writer.event(remark)
        writer.flush()

    def _look_around(self, elapsed_s: float) -> None:
        if self.signalled:
            self.end("asked to stop by a signal")
        elif self.options.seconds is not None and elapsed_s >= self.options.seconds:
            self.end("the time asked for is over")
        elif self._pid is not None and not psutil.pid_exists(self._pid):
            self.end("the watched process has ended")
        elif self.options.control and os.getppid() != self._parent:
            self.end("the parent process is gone")

    def _listen(self, sources: list[Source]) -> None:
        """Commands of the parent. A line that is no command is ignored: it must not end the sampling."""
        for line in sys.stdin:
            try:
                command = json.loads(line)
                pid = command["watch"]
            except (ValueError, KeyError, TypeError):
                continue
            if isinstance(pid, int) and pid > 0:
                self._pid = pid
                for source in sources:
                    source.watch(pid)
        self.end("the parent closed the control pipe")

    def _report(self, sources: list[Source], channels: list[Channel]) -> None:
        """Newest readings for the parent. A parent that does not read blocks this thread only."""
        unavailable = [str(s.unavailable) for s in sources if s.unavailable is not None]
        message: dict[str, Any] = {"ready": [c.source.name for c in channels], "unavailable": unavailable}
        try:
            while True:
                os.write(sys.stdout.fileno(), (json.dumps(message) + "\n").encode())
                if self.stop.wait(REPORT_S):
                    return
                message = {"latest": latest(channels)}
        except OSError:
            return  # the parent is gone; _look_around notices


def latest(channels: list[Channel]) -> dict[str, float | None]:
    """Newest reading of every quantity, by "source.scope.name"."""
    return {
        f"{channel.source.name}.{spec.key}": value
        for channel in channels
        for spec, value in zip(channel.source.quantities(), channel.newest, strict=False)
    }


def reason(error: Exception) -> str:
    """One line. HDF5 wraps what the system said ("error message = '...'") in many lines of its own."""
    if isinstance(error, FileExistsError):
        return "it is there already"
    said = " ".join(str(error).split())
    quoted = re.search(r"error message = '([^']+)'", said)
    return quoted.group(1) if quoted else said[:200]


def parse(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m harness.telemetry.sampler", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="HDF5 file to write; must not exist")
    parser.add_argument("--interval", type=float, default=0.1, help="seconds between readings (0.1)")
    parser.add_argument("--node", default=platform.node(), help="name of this node in the file")
    parser.add_argument("--pid", type=int, help="process tree to watch; sampling ends with it")
    parser.add_argument("--seconds", type=float, help="end after this time")
    parser.add_argument("--sources", nargs="*", help="only these sources")
    parser.add_argument("--control", action="store_true", help="belongs to a parent: commands on stdin")
    a = parser.parse_args(arguments)
    if not a.interval >= SHORTEST_INTERVAL_S:
        parser.error(f"--interval must be at least {SHORTEST_INTERVAL_S} s")
    return Options(a.out, a.interval, a.node, a.pid, a.seconds, a.control, a.sources)


def main(arguments: list[str] | None = None) -> int:
    """0: ended as asked. 2: could not start or could not write; one line on stderr says why."""
    options = parse(arguments)
    sampling = Sampling(options)

    def note(*_: object) -> None:
        sampling.signalled = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    try:
        sampling.run()
    except (OSError, ValueError, RuntimeError) as error:
        print(f"telemetry cannot be written to {options.out}: {reason(error)}", file=sys.stderr, flush=True)
        # h5py would try the failed write again on the way out, and can abort the process
        os._exit(2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
