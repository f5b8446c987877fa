"""Standard output and error that are closed, full or gone: no traceback, and an exit code of its own."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO


class Streams:
    """The standard streams of this process, fit to be used; whether something that was to be shown got lost."""

    def __init__(self) -> None:
        _occupy_closed_descriptors()
        sys.stdout = _watched(sys.stdout)
        sys.stderr = _watched(sys.stderr)
        # the former ones are detached now, and the width of the terminal is asked of these
        vars(sys).update(__stdout__=sys.stdout, __stderr__=sys.stderr)
        self._terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def output_fails(self) -> bool:
        """Whether what was printed could not be written: closed from the start, a broken pipe, a full disk."""
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        return output_is_lost()

    @property
    def reader_left(self) -> bool:
        """Whether it was lost because its reader had seen enough (`cloudmask rules list | head`)."""
        return isinstance(sys.stdout, _Watched) and sys.stdout.reader_left

    def leave_terminals(self) -> None:
        """After a hang-up every use of the terminal fails: nothing is printed to it any more."""
        for number in self._terminals:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            os.close(null)


def output_is_lost() -> bool:
    """Whether something that was printed could not be shown: who prints for ever can end."""
    return isinstance(sys.stdout, _Watched) and sys.stdout.is_lost


class _Watched(io.TextIOWrapper):
    """A standard stream. What cannot be written is lost and remembered: work of hours does not end for that."""

    is_closed_from_the_start = False
    is_lost = False
    reader_left = False

    def write(self, text: str) -> int:
        self.is_lost = self.is_lost or (self.is_closed_from_the_start and bool(text))
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """From now on to nowhere: the interpreter flushes once more when it ends."""
        self.is_lost, self.reader_left = True, error.errno == errno.EPIPE
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


def _watched(stream: TextIO | None) -> TextIO:
    """The same stream, watched; one to nowhere where it was closed; as it is where it is not of this process."""
    if stream is None:
        nowhere = _Watched(io.BufferedWriter(io.FileIO(os.devnull, "w")), encoding="utf-8")
        nowhere.is_closed_from_the_start = True
        return nowhere
    if type(stream) is not io.TextIOWrapper:
        return stream
    encoding, errors, by_line = stream.encoding, stream.errors, stream.line_buffering
    return _Watched(stream.detach(), encoding=encoding, errors=errors, line_buffering=by_line)


def _occupy_closed_descriptors() -> None:
    """A file that is opened later must not become "standard output" of child processes."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
