"""What a verdict depends on, as digests: every file of a package, and every file of the tool.

A verdict may be used again only while both are the same; anything else is checked anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache
from pathlib import Path

import harness
import reference
import rules
from harness.core.files import sha256

CODE = (".py", ".yaml", ".json", ".html", ".css", ".js")


def package_digest(root: Path) -> str:
    """SHA-256 over the path, kind and content of everything below root.

    Links are named, not followed; what is neither file nor folder is named, not opened. A file that
    cannot be read counts with the reason, so that it is checked again once it can.
    """
    digest = hashlib.sha256()
    for folder, names, files in os.walk(root, followlinks=False):
        names.sort()
        inside = os.path.relpath(folder, root)
        for name in sorted([*names, *files]):
            line = "\0".join((inside, name, *_identity(os.path.join(folder, name))))
            digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def _identity(path: str) -> tuple[str, str]:
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode):
            return "file", sha256(Path(path))
        if stat.S_ISLNK(mode):
            return "link", os.readlink(path)
    except OSError as error:
        return "unreadable", str(error.errno)
    return ("folder", "") if stat.S_ISDIR(mode) else ("special", str(stat.S_IFMT(mode)))


@lru_cache(maxsize=1)
def tool_digest() -> str:
    """SHA-256 over the rulebook and the code that reads, judges, scores and renders a package."""
    digest = hashlib.sha256()
    for module in (rules, reference, harness):
        root = Path(str(module.__file__)).parent
        for path in sorted(p for p in root.rglob("*") if p.suffix in CODE):
            digest.update(f"{module.__name__}/{path.relative_to(root).as_posix()}\0{sha256(path)}\n".encode())
    return digest.hexdigest()
