"""What is exported: files by their path below the new folder, from a package that is only read."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.check.tree import scan
from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.package.manifest import write_manifest
from rules.model.layout import BENCHMARK, MANIFEST, REPORTS
from rules.model.package import Package

Content = dict[str, Path | bytes]  # a file of the package, or new text


def entry_files(package: Package) -> Content:
    """The files of one system of a package; links, reports, litter and the manifest apart."""
    system, implementations = str(package.system_name), f"benchmarks/{BENCHMARK}/implementations/"
    places = (
        f"systems/{system}.json",
        f"benchmarks/{BENCHMARK}/{system}/",
        implementations,
        f"results/{system}/",
        f"evidence/{system}/",
    )
    return {name: package.root / name for name in sorted(scan(package.root).sizes) if name.startswith(places)}


def without_evidence(content: Mapping[str, Path | bytes]) -> Content:
    """What MLPerf HPC's own layout holds."""
    return {name: what for name, what in content.items() if not name.startswith("evidence/")}


def text_of(what: Path | bytes) -> bytes:
    """The bytes of one piece of content. Raises UserError when the file cannot be read."""
    if isinstance(what, bytes):
        return what
    try:
        return what.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read {what}: {error.strerror}.", "check the file's permissions.") from error


def write_folder(content: Mapping[str, Path | bytes], out: Path, manifest: bool = True) -> None:
    """Write everything below `out`, which must be empty or not exist; with a manifest of its own.

    Raises UserError when something lies there, or a file cannot be read or written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty.", "name a new folder with --out; nothing is ever overwritten.")
    try:
        for name, what in content.items():
            if name == MANIFEST or name.startswith(f"{REPORTS}/"):
                continue
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(what, bytes):
                write_atomic(target, what)
            else:
                shutil.copyfile(what, target, follow_symlinks=False)
        if manifest:
            write_manifest(out)
    except OSError as error:
        raise UserError(
            f"Cannot write {out}: {error.strerror or error}.", "name another folder with --out."
        ) from error
