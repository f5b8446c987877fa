"""The version of a wheel or source archive, from the tag. The build loads this file alone: standard library only.

The code states its version itself (harness/__init__.py), because its digests have to be known before the tag is there;
a tag that says another one does not build.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GIT_S = 60.0


def of_distribution(root: Path = ROOT) -> str:
    """The stated version at its tag, <version>.postN+g<commit> N commits after it, <version>.devN+g<commit> before.

    In a source archive: that of the archive. Without git or a tag: what the code states.
    Raises ValueError where tag and code contradict each other.
    """
    stated = _field(root / "harness/__init__.py", r'__version__ = "(.+)"')
    if (root / "PKG-INFO").is_file():
        return _field(root / "PKG-INFO", "Version: (.+)")
    described = re.fullmatch(r"v(.+)-(\d+)-(g[0-9a-f]+(?:\.dirty)?)", _describe(root))
    if described is None:
        return stated
    tagged, commits, commit = described.groups()
    if commits == "0" and tagged != stated:
        raise ValueError(
            f"the tag is v{tagged}, but harness/__init__.py states {stated}: set __version__, then tag that commit"
        )
    if commits == "0" and not commit.endswith(".dirty"):
        return stated
    return f"{stated}.{'post' if tagged == stated else 'dev'}{commits}+{commit}"


def _field(path: Path, pattern: str) -> str:
    found = re.search(f"^{pattern}$", path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{path} states no version")
    return found[1]


def _describe(root: Path) -> str:
    """Nearest release tag, commits since and commit; empty where this is not the top of a checkout with a tag."""
    at_top = _git(root, "rev-parse", "--show-prefix", "HEAD").startswith("\n")
    words = ("describe", "--tags", "--long", "--match", "v[0-9]*", "--dirty=.dirty")
    return _git(root, *words).strip() if at_top else ""


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, errors="replace", timeout=GIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
