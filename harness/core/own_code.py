"""This source tree as it is started, and as it lies on disk: the commands of its modules, and digests of its files."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.core.start_module import OWN, ROOT

RELEASES = "rules/releases.yaml"  # holds digests of everything else, and so none of itself
_STARTER = str(ROOT / "harness/core/start_module.py")


def start_module(module: str, *arguments: str, report: bool = False, unbuffered: bool = False) -> list[str]:
    """The words that run a module of this tree, whatever the working directory and the environment hold.

    With `report` it says at the end which files were loaded (start_module.TOKEN).
    """
    how = [*(["-u"] if report or unbuffered else []), _STARTER, *(["--report"] if report else [])]
    return [sys.executable, "-I", *how, module, *arguments]


def start_script(name: str, *arguments: str) -> list[str]:
    """The words that run a script of harness/core that needs the standard library alone."""
    return [sys.executable, "-I", "-S", str(ROOT / "harness/core" / name), *arguments]


def tree_files(root: Path = ROOT) -> dict[str, str]:
    """SHA-256 of the contents of every file of the packages, by path; whatever git thinks of them."""
    found: dict[str, str] = {}
    for package in OWN:
        for folder, folders, names in os.walk(root / package):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                path = Path(folder, name)
                shown = path.relative_to(root).as_posix()
                if shown != RELEASES and not name.startswith(".") and path.is_file():
                    found[shown] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def digests(files: Mapping[str, str]) -> dict[str, str]:
    """One SHA-256 for each package: of the lines that `sha256sum` prints for its files, sorted by path."""
    return {
        package: digest({n: s for n, s in files.items() if n.startswith(f"{package}/")}) for package in OWN
    }


def digest(files: Mapping[str, str]) -> str:
    """The SHA-256 of the lines that `sha256sum` prints for these files, sorted by path."""
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
