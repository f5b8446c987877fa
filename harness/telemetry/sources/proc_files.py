"""Files of /proc that are read many times."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
_MAX_BYTES = 1 << 16


class ProcFile:
    """One file, kept open: to open it costs more than to read it, the more so in virtual machines.

    The kernel writes such a file anew for every reading from its beginning (proc(5)). Of a long one a
    reading may return the first page only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def read(self, size: int = _MAX_BYTES) -> bytes:
        """At most `size` bytes from the beginning. Raises OSError."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._descriptor, size, 0)

    def close(self) -> None:
        """Close the file; reading opens it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
