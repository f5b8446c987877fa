"""Evicting the data files from the operating system's page cache before a run, and verifying it.

Order of means: posix_fadvise(DONTNEED) per file first, because it touches nothing but our files and
needs no rights; /proc/sys/vm/drop_caches only when pages are still resident and we are root, because
it throws away everybody's cache on the machine. Caches on storage servers are not reached by either.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

DROP_CACHES = Path("/proc/sys/vm/drop_caches")
WINDOW_BYTES = 1 << 30  # mapped at a time while counting: 256 KiB of page flags
RESIDENT_SHARE = 0.01  # up to this share may come back by read-ahead of others between evicting and counting


@dataclass(frozen=True)
class CacheResult:
    """What was done. `resident_bytes_after` None: it could not be verified, `note` says why.

    `cleared`: the eviction was carried out and the verification, where possible, does not contradict
    it (at most 1 % of the bytes are still in memory).
    """

    method: str  # posix_fadvise, posix_fadvise+drop_caches, none
    files: int
    bytes: int
    resident_bytes_after: int | None
    cleared: bool
    note: str | None = None


def evict(files: Iterable[Path | str]) -> CacheResult:
    """Drop the files' pages from memory. Never raises for a file: what could not be done is in `note`."""
    paths = [Path(f) for f in files]
    if not paths:
        return CacheResult("none", 0, 0, None, False, "no files were named")
    if not hasattr(os, "posix_fadvise"):
        why = f"{sys.platform} offers no way to evict files from its cache"
        return CacheResult("none", len(paths), _total_bytes(paths), None, False, why)
    failures = [failure for path in paths if (failure := _advise(path))]
    resident, note = _resident(paths)
    method, total = "posix_fadvise", _total_bytes(paths)
    if resident is not None and resident > RESIDENT_SHARE * total and may_drop_caches():
        dropped = _drop_caches()
        if dropped is None:
            method = "posix_fadvise+drop_caches"
            resident, note = _resident(paths)
        else:
            failures.append(dropped)
    cleared = not failures and (resident is None or resident <= RESIDENT_SHARE * total)
    if resident and not cleared and note is None:
        note = "pages stay in memory: another process uses the files, or their file system is memory (tmpfs)"
    remarks = [*failures[:3], *([note] if note else [])]
    return CacheResult(method, len(paths), total, resident, cleared, "; ".join(remarks) or None)


def may_drop_caches() -> bool:
    """Whether this user may write drop_caches (root, and /proc/sys not mounted read-only)."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and os.access(DROP_CACHES, os.W_OK)


def resident_bytes(path: Path) -> int | None:
    """Bytes of the file that are in the page cache, by mincore(2); None when that cannot be known.

    Linux answers "everything is resident" to anyone but the owner, a user who may write the file, or
    root (since 5.2, against cache side channels), so there None is returned instead. Raises OSError.
    """
    libc = _libc()
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if libc is None or not stat.S_ISREG(status.st_mode):
            return None
        if status.st_uid != os.geteuid() and os.geteuid() != 0 and not os.access(path, os.W_OK):
            return None
        size, pages = status.st_size, 0
        for offset in range(0, size, WINDOW_BYTES):
            pages += _resident_pages(libc, file.fileno(), offset, min(WINDOW_BYTES, size - offset))
    return min(pages * mmap.PAGESIZE, size)


def _total_bytes(paths: list[Path]) -> int:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _advise(path: Path) -> str | None:
    """One line when it failed. Written pages must reach the disk first: dirty ones cannot be dropped."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    finally:
        os.close(descriptor)
    return None


def _drop_caches() -> str | None:
    """Our files are synced already; "1" drops page cache only and leaves directory entries alone."""
    try:
        DROP_CACHES.write_text("1\n")
    except OSError as error:
        return f"drop_caches: {error.strerror}"
    return None


def _resident(paths: list[Path]) -> tuple[int | None, str | None]:
    """Resident bytes of all files together, or None and why."""
    total = 0
    for path in paths:
        try:
            count = resident_bytes(path)
        except OSError as error:
            return None, f"not verified: {path.name}: {error.strerror}"
        if count is None:
            return (
                None,
                f"not verified: the kernel does not tell this user which pages of {path.name} it holds",
            )
        total += count
    return total, None


def _libc() -> ctypes.CDLL | None:
    """The C library with mincore, or None outside Linux."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int64,
        ]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    except (OSError, AttributeError):
        return None
    return libc


def _resident_pages(libc: ctypes.CDLL, descriptor: int, offset: int, length: int) -> int:
    """Resident pages of one window. Mapping reads nothing; Python's own mmap hides the address."""
    address = libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, offset)
    if address is None or address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        flags = (ctypes.c_ubyte * ((length + mmap.PAGESIZE - 1) // mmap.PAGESIZE))()
        if libc.mincore(address, length, flags) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        # only the lowest bit is defined
        return sum(bytes(flags).translate(_LOWEST_BIT))
    finally:
        libc.munmap(address, length)


_LOWEST_BIT = bytes(i & 1 for i in range(256))


def main() -> None:
    """`python -m harness.machine.page_cache`: evict here the files named on stdin (a JSON list); the result as JSON."""
    print(json.dumps(asdict(evict(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
