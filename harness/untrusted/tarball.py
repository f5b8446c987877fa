"""Reading an untrusted tar stream: one pass, one header at a time, no links, no devices.

The standard library's reader collects all members, and takes names and headers of any length into
memory; here a header may have MAX_HEADER_BYTES. Formats: ustar, GNU long names, pax.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

BLOCK = tarfile.BLOCKSIZE
MAX_HEADER_BYTES = 64 << 10  # of one long name or pax header
REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
REFUSED = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.GNUTYPE_LONGLINK: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


class Unsafe(Exception):
    """Why an archive is not unpacked, in one line."""


@dataclass
class Member:
    """One file or folder. Its bytes are read in order, before the next member is asked for."""

    name: str
    is_folder: bool
    size_bytes: int
    _stream: IO[bytes]
    _left: int

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises Unsafe where the archive ends too early."""
        piece = self._stream.read(min(size, self._left))
        if not piece and self._left and size:
            raise Unsafe("it ends in the middle of a file")
        self._left -= len(piece)
        return piece


def members(stream: IO[bytes], limit: int) -> Iterator[Member]:
    """Members of a tar stream, of which at most `limit` headers are read. Raises Unsafe."""
    said: dict[str, str] | None = None  # by an extended header of the file after it
    for _ in range(limit):
        header = _exactly(stream, BLOCK)
        if not header.strip(b"\0"):
            if said is not None:
                raise Unsafe("its last header belongs to no file")
            return
        info = _info(header)
        if info.type in EXTENDED:
            if said:  # readers differ in which one they believe
                raise Unsafe("a file of it is described twice")
            said = _extended(stream, info)
            continue
        member = _member(stream, info, said or {})
        said = None
        yield member
        while member.read(1 << 20):
            pass
        _exactly(stream, -member.size_bytes % BLOCK)
    raise Unsafe(f"it has more than {limit} entries")


def _extended(stream: IO[bytes], info: tarfile.TarInfo) -> dict[str, str]:
    """What an extended header says of the next file: pax records, or a long name of GNU."""
    data = _header_data(stream, info.size)
    if info.type == tarfile.GNUTYPE_LONGNAME:
        name, end, rest = data.partition(b"\0")
        if not end or rest.strip(b"\0"):  # readers differ in where such a name ends
            raise Unsafe("it is damaged")
        return {"path": _text(name)}
    found = _pax(data)
    if info.type != tarfile.XGLTYPE:
        return found
    if not found.keys().isdisjoint({"path", "size", "linkpath"}):
        raise Unsafe("one header names all its files")
    return {}


def _info(header: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError, OverflowError):
        raise Unsafe("it is damaged") from None
    if info.size < 0:
        raise Unsafe("it is damaged")
    return info


def _member(stream: IO[bytes], info: tarfile.TarInfo, overrides: dict[str, str]) -> Member:
    name = overrides.get("path", info.name)
    size = overrides.get("size", str(info.size))
    sparse = any(key.startswith("GNU.sparse.") for key in overrides)
    if info.type in REFUSED or "linkpath" in overrides or sparse:
        raise Unsafe(f"it holds {REFUSED.get(info.type, 'a sparse file' if sparse else 'a link')}")
    if info.type not in REGULAR and info.type != tarfile.DIRTYPE:
        raise Unsafe("it holds something that is neither a file nor a folder")
    if not (size.isascii() and size.isdigit() and len(size) < 16):
        raise Unsafe("it is damaged")
    is_folder = info.type == tarfile.DIRTYPE
    if is_folder and int(size):
        raise Unsafe("it holds a folder with content of its own")  # some readers skip it, some read it
    length = int(size)
    return Member(name.rstrip("/") if is_folder else name, is_folder, length, stream, length)


def _header_data(stream: IO[bytes], size: int) -> bytes:
    if size > MAX_HEADER_BYTES:
        raise Unsafe(f"a header of it is larger than {MAX_HEADER_BYTES} bytes")
    data = _exactly(stream, size)
    _exactly(stream, -size % BLOCK)
    return data


def _pax(data: bytes) -> dict[str, str]:
    """Records `<length> <key>=<value>\\n`, the length counting all of it (POSIX pax)."""
    found: dict[str, str] = {}
    while data:
        length, _, _ = data[:8].partition(b" ")
        if not length.isdigit() or not len(length) + 3 <= int(length) <= len(data):
            raise Unsafe("it is damaged")
        record, data = data[: int(length)], data[int(length) :]
        key, equals, value = record[len(length) + 1 :].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise Unsafe("it is damaged")
        found[_text(key)] = _text(value[:-1])
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = stream.read(size - len(data))
        if not piece:
            raise Unsafe("it ends too early")
        data += piece
    return data
