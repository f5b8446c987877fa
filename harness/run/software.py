"""Versions of what a run was made with, and the state of the source code at that time."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import __version__
from harness.machine.detect import tensorflow_version
from harness.plan.checkout import source_state

PACKAGES = ("keras", "numpy", "h5py", "mlperf-logging", "psutil", "nvidia-ml-py")
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
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {**versions, **asdict(source_state())}


def boot_id() -> str | None:
    """Linux's identifier of this boot; None elsewhere."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None
