"""The sampler process: `python -m harness.telemetry.recorder.sampler --out FILE`.

It runs beside the training, in its own process, so that neither can stop the other. One thread per
lane of sources keeps their schedules (a slow or hanging one never holds up the rest); the main thread
alone writes, and keeps the whole to its share of a core. With --control it belongs to a parent:
commands come on stdin, one JSON object a line ({"watch": PID}, {"stop": true}, {"clock": ...}), and
stdout carries one JSON object a line: first {"ready": ...}, then the newest readings, and questions for
the parent's clock. The end of stdin without a stop means that the parent was killed: what is watched is
then followed to its own end.

Imports stay light on purpose: psutil, h5py, numpy and nvidia-ml-py, nothing of the training.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.telemetry.pacing import Budget
from harness.telemetry.recorder.channel import Channel, Stop, in_lanes, latest
from harness.telemetry.recorder.clock import ClockSource
from harness.telemetry.recorder.file import ENDED, PACED, Anchor, SampleWriter
from harness.telemetry.sources.base import Source
from harness.telemetry.sources.registry import FACTORIES, open_all, reasons

FLUSH_S = 0.75  # what a kill -9 can cost is this plus one flush
REPORT_S = 1.0
SHORTEST_INTERVAL_S = 0.01
JOIN_S = 3.0  # how long to wait at the end for a last reading, or a source that hangs
LINGER_S = 30.0  # how long a run is followed whose harness was killed
DRIFT_S = 0.01  # wall clock against monotonic clock: less is not worth a word


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    out: Path
    interval_s: float
    node: str
    pid: int | None = None
    seconds: float | None = None
    control: bool = False
    sources: list[str] | None = None


class Sampling:
    """One sampling from start to end: open the sources, sample until asked to stop, leave a whole file."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.stop = Stop()
        self.reason = "stopped"
        self._speaking = threading.Lock()
        self._said: dict[str, str] = {}  # remark -> source
        # a handler must not touch the event: the thread it interrupts may hold its lock
        self.signalled = False
        self._watched = None if options.pid is None else _Watched(options.pid)
        self._parent = os.getppid()
        self._alone_since: float | None = None  # when the parent was found to be gone
        self._clock: ClockSource | None = None

    def end(self, reason: str) -> None:
        """May be called from any thread; the first reason counts."""
        if not self.stop.is_set():
            self.reason = reason
            self.stop.set()

    def run(self) -> None:
        """Raises OSError when the file cannot be written."""
        anchor = Anchor.now()
        sources = self._open()
        channels = [Channel(s, self.options.interval_s) for s in sources if s.unavailable is None]
        lanes = in_lanes(channels, self.stop)
        host = platform.node()
        writer = SampleWriter(self.options.out, self.options.node, host, self.options.interval_s, anchor)
        writer.begin(sources, {c.source.name: c.pace.interval_s for c in channels})
        if self.options.control:
            threading.Thread(target=self._listen, args=(sources,), daemon=True).start()
            threading.Thread(target=self._report, args=(sources, channels), daemon=True).start()
        self._write(writer, channels)  # what there was to remark on while opening, before the first reading
        for lane in lanes:
            lane.start()
        started = time.monotonic()
        budget = Budget([pace for c in channels for pace in c.paces], self.options.interval_s)
        while not self.stop.wait(FLUSH_S):
            for lane in lanes:
                lane.watch_the_time()
            self._write(writer, channels)
            remark = budget.look()
            if remark is not None:
                writer.event(f"{PACED} {remark}")
            self._look_around(time.monotonic() - started)
        deadline = time.monotonic() + JOIN_S
        idle = [lane for lane in lanes if lane.join(max(0.0, deadline - time.monotonic()))]
        self._write(writer, channels)
        for remark in [*_drift(anchor), f"{ENDED} {self.reason}"]:
            writer.event(remark)
        writer.close()
        for lane in idle:
            lane.close()

    def _open(self) -> list[Source]:
        sources = open_all(self.options.sources, self.options.pid)
        if self.options.control and self.options.sources is None:
            self._clock = ClockSource(lambda question: not self.stop.is_set() and self._say(question))
            sources.append(self._clock)
        return sources

    def _write(self, writer: SampleWriter, channels: list[Channel]) -> None:
        for channel in channels:
            rows, remarks = channel.drain()
            writer.append(channel.source.name, rows)
            for remark in remarks:
                # sources of one device notice the same (a GPU that is lost): the first to say it is enough
                if self._said.setdefault(remark, channel.source.name) == channel.source.name:
                    writer.event(remark)
        writer.flush()

    def _look_around(self, elapsed_s: float) -> None:
        if self.signalled:
            self.end("asked to stop by a signal")
        elif self.options.seconds is not None and elapsed_s >= self.options.seconds:
            self.end("the time asked for is over")
        elif self._watched is not None and not self._watched.lives():
            self.end("the watched process has ended")
        elif self._alone_since is None:
            if self.options.control and os.getppid() != self._parent:
                self._alone_since = time.monotonic()
        elif self._watched is None:
            self.end("the parent process is gone")
        elif time.monotonic() - self._alone_since > LINGER_S:
            self.end(f"the parent process is gone, and the run goes on after {LINGER_S:.0f} s")

    def _listen(self, sources: list[Source]) -> None:
        """Commands of the parent. A line that is not a command is ignored: it must not end the sampling."""
        for line in sys.stdin:
            try:
                command = json.loads(line)
            except ValueError:
                continue
            if not isinstance(command, dict):
                continue
            pid = command.get("watch")
            if isinstance(pid, int) and pid > 0:
                self._watched = _Watched(pid)
                for source in sources:
                    source.watch(pid)
            elif "clock" in command and self._clock is not None:
                self._clock.answer(command)
            elif command.get("stop") is True:
                self.end("the parent asked for it")
        if not self.stop.is_set():
            self._alone_since = time.monotonic()

    def _report(self, sources: list[Source], channels: list[Channel]) -> None:
        """Newest readings for the parent. A parent that does not read blocks this thread only."""
        unavailable = [str(reason) for reason in reasons(sources)]
        ready = [c.source.name for c in channels if c.source is not self._clock]
        said = self._say({"ready": ready, "unavailable": unavailable})
        while said and not self.stop.wait(REPORT_S):
            most = max((c.pace for c in channels), key=lambda pace: pace.taken, default=None)
            counts = {"taken": most.taken, "missed": most.missed} if most else {}
            said = self._say({"latest": latest(channels), **counts})

    def _say(self, message: dict[str, Any]) -> bool:
        """One line to the parent, whole also beside other threads; False when the other end is closed."""
        try:
            with self._speaking:
                os.write(sys.stdout.fileno(), (json.dumps(message) + "\n").encode())
        except OSError:
            return False  # _look_around notices
        return True


class _Watched:
    """The process that is followed. psutil's object is kept: to make one takes several times as long as to
    ask it, and the sampler asks more than once a second."""

    def __init__(self, pid: int) -> None:
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process = psutil.Process(pid)

    def lives(self) -> bool:
        """Whether it still runs; one that only waits for its parent to take notice does not."""
        try:
            return self._process is not None and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True  # it runs, as another user


def _drift(anchor: Anchor) -> list[str]:
    """What became of the wall clock since the anchor: times in the file follow the monotonic one."""
    now = Anchor.now()
    drift_s = (now.wall_s - anchor.wall_s) - (now.monotonic_s - anchor.monotonic_s)
    if abs(drift_s) <= DRIFT_S:
        return []
    return [f"the wall clock moved {drift_s:+.3f} s against the monotonic clock while sampling"]


def reason(error: Exception) -> str:
    """One line. HDF5 wraps what the system said ("error message = '...'") in many lines of its own."""
    if isinstance(error, FileExistsError):
        return "it is there already"
    said = " ".join(str(error).split())
    quoted = re.search(r"error message = '([^']+)'", said)
    return quoted.group(1) if quoted else said[:200]


def parse(arguments: list[str] | None = None) -> Options:
    """Options from words. Ends the program with code 2 and a usage message when they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m harness.telemetry.recorder.sampler", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="HDF5 file to write; must not exist")
    parser.add_argument("--interval", type=float, default=0.1, help="seconds between readings (0.1)")
    parser.add_argument("--node", default=platform.node(), help="name of this node in the file")
    parser.add_argument("--pid", type=int, help="process tree to watch; sampling ends with it")
    parser.add_argument("--seconds", type=float, help="end after this time")
    parser.add_argument("--sources", nargs="*", choices=list(FACTORIES), help="only these sources")
    parser.add_argument("--control", action="store_true", help="belongs to a parent: commands on stdin")
    a = parser.parse_args(arguments)
    if not a.interval >= SHORTEST_INTERVAL_S:
        parser.error(f"--interval must be at least {SHORTEST_INTERVAL_S} s")
    if a.pid is not None and a.pid < 1:
        parser.error("--pid is the number of a process, 1 or more")
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
