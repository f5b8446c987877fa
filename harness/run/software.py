"""Versions of what a run was made with, and the source code at that time: its state in git, and its contents."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import __version__
from harness.core.own_code import digest, digests
from harness.machine.detect import tensorflow_version, version_of
from harness.plan.checkout import source_state

PACKAGES = ("keras", "numpy", "h5py", "mlperf-logging", "psutil", "nvidia-ml-py")
MAX_NAMES = 20  # of files that differ
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def software() -> dict[str, Any]:
    """Versions by name (None: not installed), and commit and dirty flag of the checkout.

    The checkout is asked again for every run: a run loads the code that is there when it starts, so an edit
    between two runs has to show in the record of the second.
    """
    versions: dict[str, Any] = {
        "python": platform.python_version(),
        "cloudmask-harness": __version__,
        "tensorflow": tensorflow_version(),  # under any of its distribution names
    }
    return {**versions, **{name: version_of(name) for name in PACKAGES}, **asdict(source_state())}


def code(
    before: Mapping[str, str], after: Mapping[str, str], ran: Mapping[str, str] | None
) -> dict[str, Any]:
    """Digests of the source files, by package, and of those that the implementation loaded.

    `before` and `after` the run: SHA-256 by path of all files of the tree; `ran`: of those that the process of the
    reference loaded, as it says (None: it said nothing, or another implementation ran). `code_differs` names the
    files that are not the same in all three.
    """
    loaded = ran or {}
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    foreign = {name for name, sha256 in loaded.items() if before.get(name) != sha256}
    return {
        **{f"code_{package}": sha256 for package, sha256 in digests(before).items()},
        "code_ran": digest(loaded) if loaded else None,
        "code_ran_files": len(loaded) if loaded else None,
        "code_differs": sorted(changed | foreign)[:MAX_NAMES],
    }


def loaded_files(text: str) -> dict[str, str]:
    """What the reference's process says of the files that it loaded; empty for anything else."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    pairs = said.items() if isinstance(said, dict) else ()
    return {name: sha256 for name, sha256 in pairs if isinstance(sha256, str)}


def boot_id() -> str | None:
    """Linux's identifier of this boot; None elsewhere."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None
