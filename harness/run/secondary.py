"""A file beside the log that a run does not depend on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import TracebackType


class SecondaryFile:
    """Written as bytes come. A disk that is full or fails is said once; what cannot be written is left out."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path, self._say = path, say
        self._stream: FileIO | None = None
        self._failed = False

    def __enter__(self) -> SecondaryFile:
        try:
            self._stream = self._path.open("wb", buffering=0)
        except OSError as error:
            self._fail(error)
            self._stream = open(os.devnull, "wb", buffering=0)
        return self

    def fileno(self) -> int:
        """For processes that write to it themselves."""
        assert self._stream is not None
        return self._stream.fileno()

    def write(self, data: bytes) -> None:
        """Add these bytes. Never raises for the file system."""
        if self._stream is None:
            return
        try:
            left = memoryview(data)
            while left:
                left = left[self._stream.write(left) or 0 :]
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            self._say(
                f"{self._path.name} cannot be written ({error.strerror}): the run goes on, lines are missing in it"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
