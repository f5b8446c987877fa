"""Stamps in the background: no run ever waits for an authority."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.witness.authority import Authority, Demands, NoStamp, stamp
from harness.witness.chain_file import ChainFile
from rules.model.witness import ChainLine, Failure, Stamp

WAITING = 64  # requests; what comes then is not asked for, and that is noted
MAX_WHY = 200


@dataclass
class _Job:
    line: ChainLine
    attempts: int
    done: threading.Event = field(default_factory=threading.Event)
    stamped: bool = False


class Stamper:
    """A thread that asks for one stamp after the other and appends what comes of it to the chain."""

    def __init__(
        self,
        chain: ChainFile,
        authority: Authority,
        demands: Demands,
        timeout_s: float,
        note: Callable[[str], None],
    ) -> None:
        self._chain, self._authority, self._demands = chain, authority, demands
        self._timeout_s, self._note = timeout_s, note
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._said: set[str] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="witness", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be asked for."""
        return self._jobs.empty()

    def ask(self, line: ChainLine) -> None:
        """Have the head after a line stamped, some time soon. Returns at once."""
        self._put(_Job(line, 1))

    def ask_and_wait(self, line: ChainLine, attempts: int = 3) -> bool:
        """The same, but wait for it, in bounded time; for moments that nothing is timed in."""
        job = _Job(line, attempts)
        if not self._put(job):
            return False
        job.done.wait((self._timeout_s + 1) * (attempts + self._jobs.qsize() + 1))
        return job.stamped

    def end(self) -> None:
        """Wait, in bounded time, for what was asked for; then ask no more. What is left over is noted as failed."""
        limit_s = self._timeout_s * 2 + 1
        deadline = time.monotonic() + limit_s
        with contextlib.suppress(queue.Full):
            self._jobs.put(None, timeout=limit_s)
        self._thread.join(max(deadline - time.monotonic(), 0))
        self._closing.set()
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                self._failed(job, "the harness ended before the authority was asked")
        self._thread.join(self._timeout_s + 1)

    def _put(self, job: _Job) -> bool:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._failed(job, f"{WAITING} requests were waiting already")
            return False
        return True

    def _work(self) -> None:
        while not self._closing.is_set():
            job = self._jobs.get()
            if job is None:
                return
            try:
                self._stamp(job)
            except Exception as error:  # a witness that fails never fails a run
                self._failed(job, f"{type(error).__name__}: {error}")
            finally:
                job.done.set()

    def _stamp(self, job: _Job) -> None:
        for attempt in range(job.attempts):
            try:
                token = stamp(self._authority, job.line.head, self._demands, self._timeout_s)
            except NoStamp as why:
                if attempt + 1 == job.attempts or self._closing.is_set():
                    self._failed(job, str(why))
                    return
            else:
                self._chain.append(Stamp(of=job.line.number, token=token))
                job.stamped = True
                return

    def _failed(self, job: _Job, why: str) -> None:
        """Write down why there is no stamp; say it once for each reason."""
        why = " ".join(why.split())[:MAX_WHY]
        if why not in self._said:
            self._said.add(why)
            self._note(f"witness: no stamp: {why} (the run goes on)")
        try:
            self._chain.append(Failure(of=job.line.number, why=why))
        except (OSError, ValueError):
            # the disk is full, or the file closed: the missing stamp shows by itself
            return
