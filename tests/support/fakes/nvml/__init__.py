"""GPUs that follow a script, behind the real nvidia-ml-py: see libnvidia-ml.c for the script's language."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

SOURCE = Path(__file__).parent / "libnvidia-ml.c"

# NVML error codes (NVML API Reference Guide, nvmlReturn_t)
NOT_SUPPORTED, NO_PERMISSION, LOST = 3, 4, 15


def compile_library(folder: Path) -> Path:
    """The folder with libnvidia-ml.so.1 in it, for LD_LIBRARY_PATH. Skips the test without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a C compiler on Linux is needed to build the fake libnvidia-ml.so.1")
    name = "libnvidia-ml.so.1"
    command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{name}"]
    built = subprocess.run(
        [*command, "-o", str(folder / name), str(SOURCE), "-lpthread"], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    return folder


@dataclass
class FakeNvml:
    """A script for the library, and processes that load it.

    fake.script("0 power 0:70 10:300", "0 lost 5:1") counts seconds from `start_s` on time.monotonic().
    """

    library: Path
    path: Path
    start_s: float = 0.0

    def script(self, *lines: str, count: int = 1, start_s: float | None = None) -> None:
        """What the library shows from now on, to processes that have it loaded as well."""
        self.start_s = time.monotonic() if start_s is None else start_s
        part = self.path.with_suffix(".part")
        part.write_text("\n".join([f"count {count}", f"start {self.start_s:.6f}", *lines]) + "\n")
        os.replace(part, self.path)

    @property
    def environment(self) -> dict[str, str]:
        """Of a process whose nvidia-ml-py shall load the fake."""
        return {
            **os.environ,
            "FAKE_NVML_SCRIPT": str(self.path),
            "LD_LIBRARY_PATH": f"{self.library}:{os.environ.get('LD_LIBRARY_PATH', '')}",
            "PYTHONPATH": str(ROOT),
        }

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For processes that this test starts."""
        for name in ("FAKE_NVML_SCRIPT", "LD_LIBRARY_PATH", "PYTHONPATH"):
            monkeypatch.setenv(name, self.environment[name])

    def read(self, source: str = "NvmlSource", times_s: tuple[float, ...] = (0.0,), **watch: int) -> Reading:
        """Open a source in another process and read it at these times of the script, without waiting."""
        asked = json.dumps({"source": source, "times_s": times_s, **watch})
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, asked], capture_output=True, text=True, env=self.environment
        )
        assert done.returncode == 0, done.stderr
        return Reading(**json.loads(done.stdout))


@dataclass
class Reading:
    """What a source said: rows[k] belongs to the k-th time asked for, in the order of `keys`."""

    keys: list[str]
    kinds: dict[str, list[str]]  # key -> [unit, kind]
    rows: list[list[float | None]]
    notes: list[str]
    devices: dict[str, str]
    interval_s: float
    unavailable: dict[str, str] | None

    def column(self, key: str) -> list[float | None]:
        """All readings of one quantity."""
        return [row[self.keys.index(key)] for row in self.rows]

    def row(self, index: int = 0) -> dict[str, Any]:
        """All quantities of one reading, by key."""
        return dict(zip(self.keys, self.rows[index], strict=True))


_PROBE = """
import ctypes, json, sys
from dataclasses import asdict
from harness.telemetry.sources import nvidia_gpus, nvidia_processes
from harness.telemetry.sources.registry import open_source

asked = json.loads(sys.argv[1])
clock = ctypes.CDLL("libnvidia-ml.so.1").fake_nvml_clock
clock.argtypes, clock.restype = [ctypes.c_double], None
name = asked["source"]
clock(asked["times_s"][0])
source = open_source((getattr(nvidia_gpus, name, None) or getattr(nvidia_processes, name))())
if asked.get("watch"):
    source.watch(asked["watch"])
rows = []
for time_s in asked["times_s"]:
    clock(time_s)
    for part in source.parts():
        part.at_once()  # no time passes between two readings
    rows.append(list(source.read()))
print(json.dumps({
    "keys": [q.key for q in source.quantities()],
    "kinds": {q.key: [q.unit, q.kind.value] for q in source.quantities()},
    "rows": rows,
    "notes": source.notes(),
    "devices": source.devices(),
    "interval_s": source.interval_s,
    "unavailable": source.unavailable and asdict(source.unavailable),
}))
"""
