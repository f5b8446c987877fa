"""Where a checked package lies, for formats that name files from the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """`root` is the folder that the paths of findings are relative to; None: they lie in `archive`."""

    root: Path | None = None
    archive: str | None = None

    def from_here(self, path: str | None) -> str | None:
        """A finding's path relative to the working directory; None when the file is not below it."""
        if path is None or self.archive is not None:
            return None
        below = os.path.relpath(os.path.join(self.root or "", path))
        return None if below.startswith("..") else Path(below).as_posix()

    def shown(self, path: str | None) -> str:
        """The best name there is: from the working directory, else inside the package or archive."""
        return self.from_here(path) or path or ""
