"""Opening a telemetry file whose writer did not close it.

HDF5's own way, opening as a reader beside a writer, repeats a read whose checksum is wrong for hours
before it gives up: a truncated or hostile file would hang whoever opens it. So the mark "being
written" is taken out of a copy in memory, which then opens like any other file, or fails at once.

Superblock version 3 (HDF5 File Format Specification, section II.A): signature 8 bytes, version 1,
sizes of offsets and lengths 1 each, consistency flags 1, then base, extension, end of file and root
addresses, 8 bytes each here, and a lookup3 checksum of all that, 4 bytes.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SUPERBLOCK = struct.Struct("<8s4B4QI")
_SUMMED_BYTES = 44  # all but the checksum itself
MAX_RECOVERED_BYTES = 256 << 20


def open_any(path: Path) -> h5py.File:
    """Open for reading, closed or not. Raises OSError, ValueError, or any other exception that
    h5py makes of damage."""
    with path.open("rb") as file:
        head = file.read(_SUPERBLOCK.size)
        if not is_marked_open(head):
            return h5py.File(path, "r", locking=False)  # file systems of clusters may have no locks
        data = head + file.read(MAX_RECOVERED_BYTES + 1)
    if len(data) > MAX_RECOVERED_BYTES:
        raise ValueError(f"it was not closed and is larger than {MAX_RECOVERED_BYTES} bytes")
    return h5py.File(io.BytesIO(unmarked(data)), "r")


def is_marked_open(head: bytes) -> bool:
    """Whether the first bytes are a superblock of version 3 of a file that is being written."""
    return (
        len(head) >= _SUPERBLOCK.size
        and head[:8] == SIGNATURE
        and head[8] == 3
        and head[9] == head[10] == 8
        and head[11] != 0
    )


def unmarked(data: bytes) -> bytes:
    """The same file with the mark cleared and the end of file where it is: the recorded one may be older
    than the last data."""
    signature, version, offsets, lengths, _, base, extension, _, root, _ = _SUPERBLOCK.unpack_from(data)
    fields = (signature, version, offsets, lengths, 0, base, extension, len(data), root)
    head = _SUPERBLOCK.pack(*fields, 0)[:_SUMMED_BYTES]
    return head + struct.pack("<I", lookup3(head)) + data[_SUPERBLOCK.size :]


def lookup3(data: bytes) -> int:
    """Bob Jenkins' lookup3 hash ("hashlittle", initial value 0), HDF5's checksum of metadata."""
    a = b = c = (0xDEADBEEF + len(data)) & 0xFFFFFFFF
    while len(data) > 12:
        x, y, z = struct.unpack_from("<3I", data)
        a, b, c = _mix(a + x, b + y, c + z)
        data = data[12:]
    if not data:
        return c
    x, y, z = struct.unpack("<3I", data.ljust(12, b"\0"))
    return _final(a + x, b + y, c + z)


def _turn(value: int, bits: int) -> int:
    value &= 0xFFFFFFFF
    return (value << bits | value >> (32 - bits)) & 0xFFFFFFFF


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a, c = (a - c) ^ _turn(c, bits), c + b
        a, b, c = b, c, a  # the next one's turn
    return a & 0xFFFFFFFF, b & 0xFFFFFFFF, c & 0xFFFFFFFF


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _turn(b, bits)
        a, b, c = b, c, a  # the next one's turn
    return b & 0xFFFFFFFF
