"""Texts of an HDF5 file's own attributes replaced by others of the same length, in a process of its own.

    python -m harness.export.redact_hdf5 FILE < WORDS.json

A damaged file can crash the HDF5 library or make it loop: that must not happen to whoever exports.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.core.errors import UserError
from harness.core.own_code import start_module

LIMIT_S = 60
CERTAIN = 5  # shorter names occur in compressed data by chance


def redacted_hdf5(name: str, data: bytes, words: Mapping[str, str]) -> bytes:
    """The file with its attributes' texts replaced. Raises UserError when it cannot be done or was not enough."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copy.h5")
        path.write_bytes(data)
        try:
            subprocess.run(
                start_module("harness.export.redact_hdf5", str(path)),
                input=json.dumps(words),
                text=True,
                check=True,
                capture_output=True,
                timeout=LIMIT_S,
            )
        except (subprocess.SubprocessError, OSError):
            raise UserError(
                f"{name} cannot be redacted.", "use --layout hpc, which leaves the evidence out."
            ) from None
        made = path.read_bytes()
    if any(pattern(word.encode()).search(made) for word in words if len(word) >= CERTAIN):
        raise UserError(
            f"{name} still holds a name that was to be replaced.",
            "use --layout hpc, which leaves the evidence out.",
        )
    return made


def pattern(name: bytes) -> re.Pattern[bytes]:
    """A name as a word."""
    return re.compile(rb"(?<![\w-])" + re.escape(name) + rb"(?![\w-])")


def main() -> None:
    """Change the file in place."""
    import h5py
    import numpy as np

    words = json.load(sys.stdin)
    with h5py.File(sys.argv[1], "r+") as file:
        for key, value in file.attrs.items():
            if not isinstance(value, np.bytes_):
                continue
            text = bytes(value)
            for name, word in words.items():
                text = pattern(name.encode()).sub(word.encode(), text)
            if text != bytes(value):
                file.attrs.modify(key, np.bytes_(text))


if __name__ == "__main__":
    main()
