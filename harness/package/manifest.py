"""MANIFEST.sha256: one digest for each file of an organisation's folder, as `sha256sum -c` reads it.

It covers the whole folder (all systems), so whoever adds a system writes it anew. Reports are left out:
they are derived from the rest and rendered again at will. So is the signed statement, which is over the manifest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.core.errors import UserError
from harness.core.files import sha256, write_atomic
from rules.model.layout import MANIFEST, REPORTS, STATEMENT
from rules.model.package import ManifestStatus

UNLISTED = (MANIFEST, STATEMENT)  # the statement is over the manifest
MAX_FILES = 2_000_000
MAX_MANIFEST_BYTES = 512 * 1024 * 1024
MAX_LINE_BYTES = 16 * 1024
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)\Z")


def package_files(root: Path) -> Iterator[str]:
    """Files below root, relative and sorted within each folder; the manifest, the
    statement on it and reports/ apart.

    Symbolic links are neither followed nor listed. Folders and files are sorted, so two calls
    agree. Raises UserError when there are more than MAX_FILES.
    """
    count = 0
    for folder, names, files in os.walk(root, followlinks=False):
        names.sort()
        if Path(folder) == root and REPORTS in names:
            names.remove(REPORTS)
        for name in sorted(files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if relative in UNLISTED or path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > MAX_FILES:
                raise UserError(f"{root} holds more than {MAX_FILES} files.", "name a single package.")
            yield relative


def _belongs(name: str) -> bool:
    """Whether a file belongs in the manifest, by its relative path."""
    return name not in UNLISTED and not name.startswith(f"{REPORTS}/")


def write_manifest(root: Path) -> Path:
    """Write MANIFEST.sha256 for everything below root, atomically; returns its path.

    Raises UserError for a file name that sha256sum's format cannot carry, or one that cannot be read.
    """
    lines = []
    for relative in package_files(root):
        # a surrogate stands for a byte that is not UTF-8
        if any(c in "\n\r\\" or "\ud800" <= c <= "\udfff" for c in relative):
            raise UserError(f"File name {relative!r} cannot be listed in a manifest.", "rename the file.")
        try:
            lines.append(f"{sha256(root / relative)}  {relative}\n")
        except OSError as error:
            raise UserError(f"Cannot read {root / relative}: {error.strerror}.") from error
    target = root / MANIFEST
    try:
        write_atomic(target, "".join(sorted(lines, key=lambda line: line[66:])))
    except OSError as error:
        raise UserError(
            f"Cannot write {target}: {error.strerror}.", "free space or check permissions."
        ) from error
    return target


def read_manifest(path: Path) -> dict[str, str]:
    """Relative path -> SHA-256. Raises ValueError in one line when it is not a manifest; OSError as usual."""
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise ValueError(f"larger than {MAX_MANIFEST_BYTES} bytes")
    with path.open("rb") as lines:
        return _listed(lines)


def _listed(lines: Iterable[bytes]) -> dict[str, str]:
    listed: dict[str, str] = {}
    for number, raw in enumerate(lines, start=1):
        line = raw.removesuffix(b"\n")
        if not line:
            continue
        if len(listed) > MAX_FILES or len(line) > MAX_LINE_BYTES:
            raise ValueError(f"line {number} is one too many, or too long")
        try:
            match = _LINE.match(line.decode("utf-8"))
        except UnicodeDecodeError:
            match = None
        if match is None:
            raise ValueError(f"line {number} is not '<sha256>  <path>'")
        digest, name = match.groups()
        name = name.removeprefix("./")
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"line {number} points out of the package")
        if listed.setdefault(name, digest) != digest:
            raise ValueError(f"line {number} lists {name} again with another digest")
    return listed


def verify_manifest(
    root: Path, digest: Callable[[str], str] | None = None, files: Iterable[str] | None = None
) -> ManifestStatus:
    """The manifest against what is on disk. Never raises for what a package holds.

    `digest` gives the SHA-256 of a file by its relative path, and `files` are the plain files below root,
    for callers who know them already.
    """
    digest = digest or (lambda name: sha256(root / name))
    path = root / MANIFEST
    if not path.is_file() or path.is_symlink():
        return ManifestStatus(present=False)
    try:
        listed = read_manifest(path)
        there = set(package_files(root) if files is None else filter(_belongs, files))
    except (OSError, ValueError, UserError) as error:
        return ManifestStatus(present=True, problem=_one_line(error))
    status = ManifestStatus(
        present=True,
        missing=sorted(set(listed) - there),
        unlisted=sorted(there - set(listed)),
    )
    for name in sorted(there & set(listed)):
        try:
            if digest(name) != listed[name]:
                status.changed.append(name)
        except OSError as error:
            status.problem = f"{name}: {error.strerror}"
    return status


def _one_line(error: Exception) -> str:
    if isinstance(error, UserError):
        return error.message
    return getattr(error, "strerror", None) or " ".join(str(error).split())
