"""The list of released digests (rules/releases.yaml), against the tags of the checkout."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from harness import __version__
from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.core.own_code import RELEASES, digests, tree_files
from harness.core.start_module import OWN, ROOT
from harness.core.words import plural
from rules.facts.releases import Release, read_releases

GIT_S = 60.0


@dataclass(frozen=True)
class Comparison:
    """What is wrong with the list, and what is only worth knowing; one line each."""

    problems: list[str]
    remarks: list[str]


def compare(root: Path = ROOT) -> Comparison:
    """Every tag v<version> against its entry. Between releases nothing has to be up to date.

    Raises UserError when the list cannot be read.
    """
    listed = {release.version: release for release in _read(root)}
    tags = [tag for tag in _git(root, "tag", "--list", "v*").decode().split() if tag[1:2].isdigit()]
    problems, remarks = [], []
    for tag in tags:
        entry, found = listed.pop(tag[1:], None), of_tag(root, tag)
        if entry is None:
            problems.append(f"release {tag[1:]} is tagged, and has no digests in {RELEASES}")
        elif found != entry:
            problems.append(f"the digests of release {tag[1:]} are not those of its tag")
        if f'__version__ = "{tag[1:]}"' not in _git(root, "show", f"{tag}:harness/__init__.py").decode():
            problems.append(f"the code of tag {tag} states another version (harness/__init__.py)")
    here = of_tree(root)
    for version, entry in listed.items():
        state = "is the code as it is here" if entry == here else "is not the code as it is here"
        remarks.append(f"{version} is not tagged here, and {state}")
    remarks.append(plural(len(tags), "tagged release"))
    return Comparison(problems, remarks)


def write(root: Path = ROOT) -> Release:
    """Put the digests of the code as it is into the list, under the present version.

    Raises UserError when that version is released already, with other digests.
    """
    now, releases = of_tree(root), _read(root)
    if f"v{now.version}" in _git(root, "tag", "--list").decode().split() and now not in releases:
        raise UserError(
            f"Version {now.version} is released already, and its code was another.",
            "raise the version in harness/__init__.py first.",
        )
    kept = [release for release in releases if release.version != now.version]
    comments = [line for line in (root / RELEASES).read_text().splitlines() if line.startswith("#")]
    entries = yaml.safe_dump([msgspec.to_builtins(r) for r in [*kept, now]], sort_keys=False)
    write_atomic(root / RELEASES, "\n".join([*comments, entries]))
    return now


def of_tree(root: Path = ROOT) -> Release:
    """The code as it lies on disk."""
    return Release(__version__, **digests(tree_files(root)))


def of_tag(root: Path, tag: str) -> Release:
    """The code of a tag, from git's objects."""
    listed = _git(root, "ls-tree", "-r", "-z", tag, "--", *OWN).decode().split("\0")
    found: dict[str, str] = {}
    for entry in filter(None, listed):
        described, _, name = entry.partition("\t")
        if name != RELEASES and not Path(name).name.startswith("."):
            found[name] = hashlib.sha256(_git(root, "cat-file", "blob", described.split()[2])).hexdigest()
    return Release(tag[1:], **digests(found))


def _read(root: Path) -> list[Release]:
    try:
        return read_releases((root / RELEASES).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{RELEASES}: {error}.", f"git checkout {RELEASES}") from None


def _git(root: Path, *arguments: str) -> bytes:
    """What git answers; nothing where this is no checkout."""
    command = ["git", "--no-replace-objects", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=GIT_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""
