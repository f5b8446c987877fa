"""Reading a tar stream from strangers: one pass, one header at a time, no links, no devices.

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
    overrides: dict[str, str] = {}
    for _ in range(limit):
        header = _exactly(stream, BLOCK)
        if not header.strip(b"\0"):
            return
        info = _info(header)
        if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE):
            found = _pax(_header_data(stream, info.size))
            if info.type == tarfile.XGLTYPE and not found.keys().isdisjoint({"path", "size", "linkpath"}):
                raise Unsafe("one header names all its files")
            overrides |= {} if info.type == tarfile.XGLTYPE else found
            continue
        if info.type == tarfile.GNUTYPE_LONGNAME:
            overrides["path"] = _text(_header_data(stream, info.size).rstrip(b"\0"))
            continue
        member = _member(stream, info, overrides)
        overrides = {}
        yield member
        while member.read(1 << 20):
            pass
        _exactly(stream, -member.size_bytes % BLOCK)
    raise Unsafe(f"it has more than {limit} entries")


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
    length = 0 if is_folder else int(size)
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
