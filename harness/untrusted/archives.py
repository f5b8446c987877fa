"""Packages that come as .tar.gz or .zip: unpacked into a folder of their own, or refused.

Refused are names that lead elsewhere or that a terminal would not show, links, devices, encrypted
entries, two entries of one name, and more of anything than the bounds below. Nothing is written
outside the temporary folder, and nothing is left of it afterwards.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.core.errors import UserError
from harness.untrusted.documents import Unreadable, read_object
from harness.untrusted.tarball import Unsafe, members

MAX_MEMBERS = 200_000
MAX_TOTAL_BYTES = 16 << 30
MAX_MEMBER_BYTES = 1 << 30
MAX_RATIO = 200  # unpacked to packed, beyond RATIO_FREE_BYTES
RATIO_FREE_BYTES = 256 << 20
MAX_DIRECTORY_BYTES = 20 << 20  # of a zip file's list of contents, which is read at once
MAX_NAME_BYTES = 1024
MAX_PART_BYTES = 255
MAX_DEPTH = 32
SPARE_BYTES = 256 << 20  # left free on the temporary disk
PIECE_BYTES = 1 << 20
MAX_DESCRIPTIONS = 1000  # of systems, read for the name of their submitter
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,99}\Z")
SUFFIXES = (".tar.gz", ".tgz", ".zip")
OTHER_SUFFIXES = (".tar", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar", ".gz")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OverflowError,
)


def is_archive(path: Path) -> bool:
    """Whether this is a file of one of SUFFIXES."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The path to check: `path` itself, or the organisation's folder unpacked from an archive.

    The folder is gone afterwards. Raises UserError when the archive is unsafe, damaged, too large
    or holds no package.
    """
    if path.name.lower().endswith(OTHER_SUFFIXES) and not is_archive(path) and path.is_file():
        raise UserError(f"{path} is an archive of another kind.", "pack it as .tar.gz or .zip.")
    if not is_archive(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="cloudmask-", ignore_cleanup_errors=True) as folder:
        top = Path(folder).resolve() / (_stem(path.name) or "package")
        top.mkdir()
        try:
            sink = _Sink(top, path.stat().st_size)
            (_unzip if path.name.lower().endswith(".zip") else _untar)(path, sink)
        except Unsafe as error:
            raise UserError(f"{path} is not unpacked: {error}.", _FIX) from None
        except (*_DAMAGE, gzip.BadGzipFile):
            raise UserError(
                f"{path} is not unpacked: it is damaged, or not an archive of this kind.", _FIX
            ) from None
        except OSError as error:
            raise UserError(f"{path} cannot be unpacked: {error.strerror or error}.", _ROOM) from None
        yield _named(_organisation(top, path), top)


_FIX = "pack the organisation's folder with tar -czf or zip -r, plain files only."
_ROOM = "check that it can be read, and point TMPDIR to a disk with room."


def _stem(name: str) -> str:
    """File name without its suffix; the organisation's name where the archive has no folder for it."""
    stem = next(name[: -len(s)] for s in SUFFIXES if name.lower().endswith(s))
    return "" if stem.strip(".") == "" else stem


def safe_parts(name: str) -> list[str]:
    """The folders and the file of a member's name; empty for the top folder itself. Raises Unsafe."""
    if not name.isprintable() or "\\" in name:
        raise Unsafe(f"the name {ascii(name[:80])} has odd characters")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise Unsafe(f"the name {ascii(name[:80])} is absolute")
    parts = [p for p in name.split("/") if p != "."]
    if ".." in parts:
        raise Unsafe(f"the name {ascii(name[:80])} leads out of it")
    if "" in parts and parts != [""]:
        raise Unsafe(f"the name {ascii(name[:80])} has an empty part")
    too_long = len(name.encode()) > MAX_NAME_BYTES or any(len(p.encode()) > MAX_PART_BYTES for p in parts)
    if too_long or len(parts) > MAX_DEPTH:
        raise Unsafe(f"the name {ascii(name[:80])} is too long or too deep")
    return [p for p in parts if p]


class _Sink:
    """Writes members below one folder, and stops at the bounds."""

    def __init__(self, top: Path, packed_bytes: int) -> None:
        self._top = top
        self._total = 0
        free = shutil.disk_usage(top).free - SPARE_BYTES
        self._room = min(MAX_TOTAL_BYTES, max(free, 0))
        self._ratio_limit = RATIO_FREE_BYTES + MAX_RATIO * packed_bytes

    def folder(self, name: str) -> None:
        """Make a folder and those above it. Raises Unsafe."""
        self._make(safe_parts(name))

    def file(self, name: str, size: int, read: Callable[[int], bytes]) -> None:
        """Write `size` bytes from read(n). Raises Unsafe; two members of one name are refused."""
        parts = safe_parts(name)
        if not parts:
            raise Unsafe("it holds a file without a name")
        if size > MAX_MEMBER_BYTES:
            raise Unsafe(f"{ascii(name[:80])} has more than {MAX_MEMBER_BYTES} bytes")
        path = self._make(parts[:-1]) / parts[-1]
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise Unsafe(f"it holds {ascii(name[:80])} twice") from None
        left = size
        with os.fdopen(handle, "wb") as file:
            while left > 0 and (piece := read(min(left, PIECE_BYTES))):
                left -= len(piece)
                self._count(len(piece))
                file.write(piece)
        if left or read(1):
            raise Unsafe(f"{ascii(name[:80])} has another size than it says")

    def _make(self, parts: list[str]) -> Path:
        folder = self._top
        for part in parts:
            folder = folder / part
            try:
                folder.mkdir(0o700)
            except FileExistsError:
                if not folder.is_dir():
                    raise Unsafe(f"it holds {ascii(part)} as a file and as a folder") from None
        return folder

    def _count(self, size: int) -> None:
        self._total += size
        if self._total > self._ratio_limit:
            raise Unsafe(f"it unpacks to more than {MAX_RATIO} times its size")
        if self._total > self._room:
            raise Unsafe(f"it unpacks to more than {self._room} bytes")


def _untar(path: Path, sink: _Sink) -> None:
    with gzip.open(path, "rb") as stream:
        for member in members(stream, MAX_MEMBERS):  # type: ignore[arg-type]
            if member.is_folder:
                sink.folder(member.name)
            else:
                sink.file(member.name, member.size_bytes, member.read)
        rest = stream.read(PIECE_BYTES)  # to the end, where gzip keeps its checksum
        if rest.strip(b"\0") or stream.read(1):
            raise Unsafe("it goes on after its end")


class _Guarded(io.FileIO):
    """A file whose reads are bounded: zipfile takes the whole list of contents at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes, or the rest. Raises Unsafe beyond MAX_DIRECTORY_BYTES."""
        wanted = size if size is not None and size >= 0 else os.fstat(self.fileno()).st_size - self.tell()
        if wanted > MAX_DIRECTORY_BYTES:
            raise Unsafe(f"its list of contents is larger than {MAX_DIRECTORY_BYTES} bytes")
        return super().read(wanted) or b""


def _unzip(path: Path, sink: _Sink) -> None:
    with _Guarded(path) as stream, zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_MEMBERS:
            raise Unsafe(f"it has more than {MAX_MEMBERS} entries")
        for entry in entries:
            name = entry.orig_filename  # `filename` ends at a NUL
            _refuse_special(entry)
            if name.endswith("/"):
                sink.folder(name.rstrip("/"))
                continue
            with archive.open(entry) as file:
                sink.file(name, entry.file_size, file.read)


def _refuse_special(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise Unsafe("it holds a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Unsafe("it holds something that is neither a file nor a folder")
    if entry.flag_bits & 0x1:
        raise Unsafe("it is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unsafe("it is compressed in an unusual way")


def _organisation(top: Path, path: Path) -> Path:
    """The one folder with results/ or systems/ in it, at most four levels down. Raises UserError."""
    level = [top]
    for _ in range(4):
        found = [f for f in level if (f / "results").is_dir() or (f / "systems").is_dir()]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(f.name for f in found)[:5])
            raise UserError(f"{path} holds several organisations: {names}.", "unpack it and name one.")
        folders = (e for f in level[:1000] for e in os.scandir(f) if e.is_dir())
        level = [Path(e.path) for e in folders if e.name != "__MACOSX"]  # what macOS adds to every zip file
    raise UserError(
        f"{path} holds no package: no results/ and no systems/ in it.", "pack the folder of an organisation."
    )


def _named(root: Path, top: Path) -> Path:
    """The organisation's folder under its own name, where the archive gave it another one.

    Without a folder of its own it has the archive's name, and from GitHub it is called <org>-<branch>: there
    the name is that of the submitter whom all system descriptions state, when it can be a folder's.
    """
    submitters = {_submitter(path) for path in sorted((root / "systems").glob("*.json"))[:MAX_DESCRIPTIONS]}
    name = submitters.pop() if len(submitters) == 1 else None
    if name is None or name == root.name or not _FOLDER.match(name):
        return root
    if root != top and not (root.parent == top and root.name.startswith(f"{name}-")):
        return root
    return root.rename(root.with_name(name)) if not root.with_name(name).exists() else root


def _submitter(path: Path) -> str | None:
    try:
        value = read_object(path).get("submitter")
    except Unreadable:
        return None
    return value.strip() if isinstance(value, str) else None
