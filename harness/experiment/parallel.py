"""Several workers on this machine, or the tasks of a batch system's array: the same command, started more than once."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.core.errors import ExitCode, UserError
from harness.core.processes import Child

FOREVER_S = 10.0 * 365 * 86400


def run_workers(commands: list[list[str]], say: Callable[[str], None]) -> None:
    """Run the commands at the same time and pass on their lines. All of them end with this process.

    Raises UserError when one fails (the others go on until there is nothing left to do), and KeyboardInterrupt
    after having ended all.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(len(commands)) as pool:
        futures = [pool.submit(_follow, command, say, stop) for command in commands]
        try:
            codes = [future.result() for future in futures]
        except BaseException:
            stop.set()
            raise
    failed = [code for code in codes if code != ExitCode.OK]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(codes)} workers ended with exit code {failed[0]}: their words are above.",
            "correct what they say; then run the same command again: finished trials are not repeated.",
            ExitCode.FAILED,
        )


def _follow(command: list[str], say: Callable[[str], None], stop: threading.Event) -> int | None:
    """The exit code of one worker."""
    with Child(command, dict(os.environ), sys.stderr.buffer) as child:
        for line in child.lines(FOREVER_S, FOREVER_S):
            if stop.is_set():
                return int(ExitCode.INTERRUPTED)
            if line is not None:
                say(line.text)
        return child.wait()
