"""What a path given to `check` stands for, and every file of a package: listed once, links never followed."""

from __future__ import annotations

import errno
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.core.errors import UserError
from harness.core.files import sha256
from harness.package.manifest import MAX_FILES
from rules.model.layout import is_litter
from rules.model.package import Link, relative

if TYPE_CHECKING:
    from harness.untrusted.hdf5_guard import Reader

MAX_TEXT_BYTES = 1 << 30  # of all logs, timelines and records: they take several times that in memory


class Target(msgspec.Struct, frozen=True):
    """What a path given to `check` stands for."""

    root: Path  # the organisation's folder
    systems: list[str]
    result: Path | None = None  # a single result file


class Tree(msgspec.Struct, dict=True):
    """Every file of an organisation's folder, found once and hashed at most once."""

    root: Path
    sizes: dict[str, int] = {}
    links: list[Link] = []
    litter: list[str] = []
    problems: list[str] = []
    text_left: int = MAX_TEXT_BYTES
    _digests: dict[str, str] = {}
    _folders: dict[str, list[str]] | None = None

    @cached_property
    def reader(self) -> Reader:
        """Reads the HDF5 files, in a process of its own: loaded only where there are some."""
        from harness.untrusted.hdf5_guard import Reader

        return Reader()

    def digest(self, name: str) -> str:
        """SHA-256 of a file by its relative path. Raises OSError."""
        if name not in self._digests:
            self._digests[name] = sha256(f"{self.root}/{name}")
        return self._digests[name]

    def below(self, folder: str) -> list[str]:
        """Names of the plain files directly in a folder, given by its relative path."""
        return self._by_folder().get(folder, [])

    def folders(self) -> list[str]:
        """Relative paths of all folders with plain files directly in them."""
        return list(self._by_folder())

    def _by_folder(self) -> dict[str, list[str]]:
        if self._folders is None:
            self._folders = {}
            for path in self.sizes:
                above, _, name = path.rpartition("/")
                self._folders.setdefault(above, []).append(name)
        return self._folders


def find_target(path: Path, system: str | None = None) -> Target:
    """What is at `path`: an organisation's folder, one of its systems, or a result file.

    Raises UserError when there is nothing to check.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist.", "name a package folder or a result file.")
    path = Path(os.path.realpath(path))
    if os.path.isfile(path):
        _refuse_archive(path)
        root, inside = _root_above(path)
        return Target(root or path.parent, [inside] if inside else [], path)
    if not path.is_dir():
        raise UserError(f"{path} is neither a folder nor a file.", "name a package folder or a result file.")
    root, inside = _root_above(path)
    root = root or path
    known = system_names(root)
    if not known:
        orgs = [org.name for org in organisations(path)]
        several = f"{path} holds several organisations: {', '.join(orgs[:20])}."
        raise UserError(
            several if orgs else f"{path} holds no package: no results/ and no systems/ in it.",
            "name the folder of an organisation, e.g. submissions/<org>.",
        )
    wanted = system or inside
    if wanted and wanted not in known:
        raise UserError(f"{root.name} has no system '{wanted}'.", f"choose one of {', '.join(known)}.")
    return Target(root, [wanted] if wanted else known)


def _refuse_archive(path: Path) -> None:
    """Raise UserError for an archive, which would be judged as a log: where one will do, it is unpacked before."""
    from harness.untrusted.archives import OTHER_SUFFIXES, SUFFIXES  # only where a file was named

    if path.name.lower().endswith((*SUFFIXES, *OTHER_SUFFIXES)):
        raise UserError(f"{path} is an archive.", "unpack it, and name the organisation's folder.")


def organisations(path: Path) -> list[Path]:
    """The organisations' folders, where `path` is a folder of them (a round); else empty."""
    if not path.is_dir() or system_names(path) or _root_above(Path(os.path.realpath(path)))[0]:
        return []
    return sorted(org for org in path.iterdir() if not org.is_symlink() and system_names(org))


def _root_above(path: Path) -> tuple[Path | None, str | None]:
    """The organisation's folder and the system, when path lies in <org>/results/<system>."""
    parts = path.parts
    for at in range(len(parts) - 2, max(len(parts) - 7, 0), -1):
        if parts[at] == "results" and os.path.isdir(os.path.join(*parts[:at], "systems")):
            return Path(*parts[:at]), parts[at + 1]
    return None, None


def system_names(root: Path) -> list[str]:
    """Systems with results; those only described when nothing was run yet."""

    def names(folder: Path, want_folders: bool) -> list[str]:
        try:
            with os.scandir(folder) as entries:
                return sorted(
                    e.name if want_folders else e.name.removesuffix(".json")
                    for e in entries
                    if (e.is_dir() if want_folders else e.name.endswith(".json"))
                    and not e.name.startswith((".", "__MACOSX"))
                )
        except OSError:
            return []

    return names(root / "results", True) or names(root / "systems", False)


def scan(root: Path) -> Tree:
    """List files and links below root; folders are never entered through a link.

    Raises UserError where this user may not read all of it, or the disk fails: what is there is not missing then.
    """
    tree = Tree(root)
    denied: list[str] = []

    def failed(error: OSError) -> None:
        denied.append(f"{relative(Path(error.filename or root), root)}: {error.strerror}")

    for folder, names, files in os.walk(root, followlinks=False, onerror=failed):
        names.sort()
        above = relative(Path(folder), root)
        above = "" if above == "." else f"{above}/"
        for name in sorted([*files, *(n for n in names if os.path.islink(f"{folder}/{n}"))]):
            shown = above + name
            _note(tree, f"{folder}/{name}", shown)
            if shown in tree.sizes and not os.access(f"{folder}/{name}", os.R_OK):
                denied.append(f"{shown}: {os.strerror(errno.EACCES)}")
            if len(tree.sizes) + len(tree.litter) > MAX_FILES:
                raise UserError(f"{root} holds more than {MAX_FILES} files.", "name a single package.")
    if denied:
        more = f" (and {len(denied) - 1} more)" if len(denied) > 1 else ""
        raise UserError(
            f"Not all of {root} can be read here: {denied[0]}{more}.",
            "let this user read it (chmod -R u+rX, or its owner can): a verdict on a part would be false.",
        )
    return tree


def _note(tree: Tree, path: str, shown: str) -> None:
    """Add a file or link to the tree."""
    try:
        found = os.lstat(path)
    except OSError as error:
        tree.problems.append(f"{shown}: {error.strerror}")
        return
    if stat.S_ISLNK(found.st_mode):
        tree.links.append(_link(Path(path), shown, tree.root))
    elif stat.S_ISREG(found.st_mode) and is_litter(shown):
        tree.litter.append(shown)
    elif stat.S_ISREG(found.st_mode):
        tree.sizes[shown] = found.st_size
    else:
        tree.problems.append(f"{shown}: neither a file nor a folder")


def _link(path: Path, shown: str, root: Path) -> Link:
    target = os.readlink(path)
    try:
        end = path.resolve()
        inside, exists = end.is_relative_to(root.resolve()), end.exists()
    except (OSError, RuntimeError):
        inside, exists = False, False
    return Link(shown, target, inside, exists)
