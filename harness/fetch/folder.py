"""The folder that scenes are fetched into: where each goes, how much of it is there, what was checked before."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.core.errors import UserError
from harness.fetch.etag import Match
from harness.fetch.listing import FOLDERS, SCENE, RemoteScene, Role
from reference.data.dataset import role_folder

LEDGER = ".cloudmask-fetch.jsonl"


@dataclass(frozen=True)
class Target:
    """A scene and its place on disk. `part` holds what has arrived, and belongs to one ETag."""

    scene: RemoteScene
    path: Path
    done: bool  # complete, and checked by an earlier call

    @property
    def part(self) -> Path:
        """The unfinished file beside it."""
        version = re.sub(r"[^0-9A-Za-z-]", "", self.scene.object.etag)[:64]
        return self.path.with_name(f".{self.path.name}.{version}.part")

    @property
    def complete(self) -> bool:
        """Whether a file of the right size has the scene's name."""
        return _size(self.path) == self.scene.size_bytes

    def missing_bytes(self) -> int:
        """How much is still to be received."""
        return 0 if self.complete else self.scene.size_bytes - min(_size(self.part), self.scene.size_bytes)


class Folder:
    """A folder of scenes and the ledger of those that were checked: one line per file, so that a kill costs none."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._file: IO[str] | None = None

    def targets(self, scenes: Iterable[RemoteScene]) -> list[Target]:
        """Where each scene goes: where it is already, else the folder of its role as it is called here.

        Only reads. Raises ValueError when a role has two folders with scenes.
        """
        known = self._known()
        places: dict[Role, Path | None] = {role: self._role_folder(role) for role in FOLDERS}
        present = {
            (role, path.name): path
            for role, at in places.items()
            if at
            for path in at.glob("**/*.hdf")
            if SCENE.fullmatch(path.name)
        }
        targets = []
        for scene in scenes:
            usual = (places[scene.role] or self.root / scene.folder) / scene.name
            path = present.get((scene.role, scene.name), usual)
            stamp = known.get(f"{scene.role}/{scene.name}")
            done = stamp is not None and stamp == _stamp(path, scene)
            targets.append(Target(scene, path, done))
        return targets

    def free_bytes(self) -> int:
        """Free space of the disk that the folder is on, or would be."""
        place = self.root.absolute()
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def __enter__(self) -> Folder:
        """Open the ledger. Raises OSError, and UserError when another process fetches into this folder."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._file = (self.root / LEDGER).open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise UserError(
                f"Another process is fetching into {self.root}.", "let it finish, or choose another --data."
            ) from None
        except OSError:
            pass  # a file system without locks
        if self._file.tell():
            self._file.write("\n")  # a kill may have cut the last line
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def note(self, target: Target, match: Match) -> None:
        """Write down that a file is complete and how it was checked, and remove older parts of it."""
        entry = {
            "file": f"{target.scene.role}/{target.scene.name}",
            "stamp": _stamp(target.path, target.scene),
            "checked": match.value,
        }
        with self._lock:
            if self._file:
                self._file.write(json.dumps(entry) + "\n")
                self._file.flush()
        for part in target.path.parent.glob(f".{target.path.name}.*.part"):
            part.unlink(missing_ok=True)

    def _role_folder(self, role: Role) -> Path | None:
        if not any((self.root / name).is_dir() for name in FOLDERS[role]):
            return None
        return role_folder(self.root, FOLDERS[role])

    def _known(self) -> dict[str, Any]:
        known = {}
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in (self.root / LEDGER).read_text().splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line before a kill
                    entry = json.loads(line)
                    known[entry["file"]] = entry["stamp"]
        return known


def _stamp(path: Path, scene: RemoteScene) -> list[Any] | None:
    """What has to be the same for a file to count as checked; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if status.st_size != scene.size_bytes:
        return None
    return [status.st_size, status.st_mtime_ns, scene.object.etag]


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
