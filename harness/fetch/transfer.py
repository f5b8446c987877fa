"""Receiving scenes in parallel. Each file appears under its name only when it is complete and checked.

What has arrived stays in a hidden part beside it, from where the next attempt, or the next call, goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from harness.fetch.bucket import Bucket, NotContinued, RemoteError
from harness.fetch.etag import Match, compare
from harness.fetch.folder import Folder, Target

ATTEMPTS = 6  # in a row without a byte received: a minute or more, with the pauses here and in boto3
DAMAGED = 2  # times that a file may arrive complete, but with other content
PAUSE_S = 1.0  # before the second attempt; then twice as long each time
MAX_PAUSE_S = 30.0

Arrived = Callable[[int], None]  # bytes received; less than 0 where they turned out useless


@dataclass
class Outcome:
    """What a transfer achieved: files by how they were checked, and why others failed."""

    checked: dict[Match, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # reasons by name
    gave_up: bool = False  # so many failed in a row that the rest was not tried


class _Stopped(Exception):
    """The transfer ends before this file is complete."""


class Transfer:
    """One call's transfers."""

    def __init__(
        self,
        bucket: Bucket,
        folder: Folder,
        workers: int = 8,
        arrived: Arrived = lambda count: None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._bucket, self._folder, self._workers = bucket, folder, workers
        self._arrived, self._pause_s = arrived, pause_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._outcome = Outcome()
        self._in_a_row = 0

    def run(self, targets: Sequence[Target]) -> Outcome:
        """Receive and check what is not done yet. Raises OSError when the disk refuses (full, read-only).

        After KeyboardInterrupt, or an error, no thread is left and all parts are on disk.
        """
        with ThreadPoolExecutor(self._workers, "fetch") as pool:
            jobs = [pool.submit(self._one, target) for target in targets if not target.done]
            try:
                finished, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
        for job in finished:
            job.result()
        return self._outcome

    def _one(self, target: Target) -> None:
        if self._stop.is_set():
            return
        try:
            match = self._obtain(target)
        except _Stopped:
            return
        except RemoteError as error:
            with self._lock:
                self._outcome.failed[target.scene.name] = str(error)
                self._in_a_row += not error.lasting
                if self._in_a_row >= max(self._workers, 3):
                    self._outcome.gave_up = True
                    self._stop.set()
            return
        self._folder.note(target, match)
        with self._lock:
            self._in_a_row = 0
            self._outcome.checked[match] = self._outcome.checked.get(match, 0) + 1

    def _obtain(self, target: Target) -> Match:
        """Make the file be there, complete and checked. Raises RemoteError and OSError."""
        etag = target.scene.object.etag
        if target.complete:  # from elsewhere, or from before a kill
            match = compare(target.path, etag)
            if match is not Match.DIFFERENT:
                return match
            self._arrived(-target.scene.size_bytes)
        target.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(DAMAGED):
            self._receive(target)
            match = compare(target.part, etag)
            if match is not Match.DIFFERENT:
                os.replace(target.part, target.path)
                return match
            target.part.unlink()
            self._arrived(-target.scene.size_bytes)
        raise RemoteError(f"its content does not have the stated ETag ({etag}), {DAMAGED} times over", True)

    def _receive(self, target: Target) -> None:
        """Append to the part until it is complete, in as many attempts as it takes."""
        failures = 0
        while True:
            before = _held(target)
            try:
                return self._attempt(target, before)
            except RemoteError as error:
                failures = 1 if _held(target) > before else failures + 1
                if isinstance(error, NotContinued):
                    target.part.unlink()
                    self._arrived(-before)
                if error.lasting or failures >= ATTEMPTS:
                    raise
                if self._stop.wait(min(self._pause_s * 2 ** (failures - 1), MAX_PAUSE_S)):
                    raise _Stopped from None

    def _attempt(self, target: Target, held: int) -> None:
        wanted = target.scene.size_bytes
        if held > wanted:
            target.part.unlink()
            self._arrived(-held)
            held = 0
        with target.part.open("ab") as file:
            if held < wanted:
                for piece in self._bucket.pieces(target.scene.object, held):
                    if self._stop.is_set():
                        raise _Stopped
                    file.write(piece)
                    held += len(piece)
                    self._arrived(len(piece))
            if held != wanted:
                raise RemoteError(f"{held:,} bytes arrived, {wanted:,} listed")
            file.flush()
            os.fsync(file.fileno())


def _held(target: Target) -> int:
    try:
        return target.part.stat().st_size
    except FileNotFoundError:
        return 0
