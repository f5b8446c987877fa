"""The files of a site: put in their place, remembered, and taken away when a later build does not write them.

What a build wrote is listed in site-files.json of the site. Only files of that list are ever removed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from harness.core.files import write_atomic
from harness.leaderboard.cache import JUDGED

LIST = "site-files.json"
_PART = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]*")


class SiteFiles:
    """What one build writes below `out`, by folder. Names that many folders share are kept once."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._before = _read(out)
        self._now: dict[str, tuple[str, ...]] = {}
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}

    def write(self, name: str, text: str | bytes) -> None:
        """Write one page, whole or not at all."""
        write_atomic(self.out / name, text)
        folder, _, file = name.rpartition("/")
        self._add(folder, [*self._now.get(folder, ()), file])

    def publish(self, source: Path, leave_out: Collection[str] = ()) -> None:
        """Put the files below `source` at the same place, as hard links where that is possible.

        `leave_out` are results (organisation/system) whose pages stay where they are.
        """
        reports, systems = ({f"{kind}/{id}" for id in leave_out} for kind in ("reports", "system"))
        for path, _, files in os.walk(source):
            folder = Path(path).relative_to(source).as_posix().removeprefix(".")
            names = sorted(
                name
                for name in files
                if (folder or name != JUDGED) and f"{folder}/{name}".removesuffix(".html") not in systems
            )
            if not names or folder in reports:
                continue
            (self.out / folder).mkdir(parents=True, exist_ok=True)
            for name in names:
                _put(Path(path, name), self.out / folder / name)
            self._add(folder, [*self._now.get(folder, ()), *names])

    def finish(self) -> None:
        """Remove what an earlier build wrote and this one did not, and write the list."""
        for folder, names in self._before.items():
            for name in set(names) - set(self._now.get(folder, ())):
                _remove(self.out, folder, name)
        self._write(self._now)

    def give_up(self) -> None:
        """List what both builds wrote: this one did not come to its end."""
        self._write({**self._before, **{f: (*self._before.get(f, ()), *n) for f, n in self._now.items()}})

    def _add(self, folder: str, names: list[str]) -> None:
        key = tuple(dict.fromkeys(names))
        self._now[folder] = self._shared.setdefault(key, key)

    def _write(self, files: dict[str, tuple[str, ...]]) -> None:
        places: dict[tuple[str, ...], int] = {}
        folders = {folder: places.setdefault(names, len(places)) for folder, names in sorted(files.items())}
        content = {"schema": 1, "names": [list(one) for one in places], "folders": folders}
        write_atomic(self.out / LIST, json.dumps(content, separators=(",", ":")) + "\n")


def _read(out: Path) -> dict[str, tuple[str, ...]]:
    """The list of an earlier build; empty where there is none, or what is there is not one."""
    try:
        content: Any = json.loads((out / LIST).read_bytes())
        names = [tuple(map(str, one)) for one in content["names"]]
        return {str(folder): names[place] for folder, place in content["folders"].items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def _remove(out: Path, folder: str, name: str) -> None:
    """Remove a file of the list, and its folders where nothing else is in them; never what lies outside."""
    parts = PurePosixPath(folder, name).parts
    if not all(_PART.fullmatch(part) for part in parts):
        return
    for parent in _parents(out, parts):
        if parent.is_symlink():
            return
    (out / folder / name).unlink(missing_ok=True)
    for parent in _parents(out, parts):
        try:
            parent.rmdir()
        except OSError:
            return


def _parents(out: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """The folders between the site's and the file, the innermost first."""
    for length in range(len(parts) - 1, 0, -1):
        yield out.joinpath(*parts[:length])


def _put(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        if not os.path.samefile(source, target):
            target.unlink()
            _put(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
