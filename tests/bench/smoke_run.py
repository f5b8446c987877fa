"""The reference on the smoke set, always with the same work: under the harness, on so many workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.bench import record

EPOCHS = 3
# Steps so small that the target is never met: all train the same number of epochs.
CHOSEN = {"global_batch_size": 8, "max_epochs": EPOCHS, "learning_rate": 1e-7}


def environment(**more: str) -> dict[str, str]:
    """This one, without what other runs left in it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLOUDMASK")}
    return {**kept, "PYTHONPATH": str(record.ROOT), **more}


def time_to_train_s(lines: list[str]) -> float:
    """run_stop - run_start of a log."""
    events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in lines if ":::MLLOG " in line]
    at = {e["key"]: e["time_ms"] for e in events if e["key"] in ("run_start", "run_stop")}
    return float(at["run_stop"] - at["run_start"]) / 1e3


class Harness:
    """`cloudmask run`, one run of a system whose recipe asks for these devices, in a folder with data/."""

    def __init__(self, folder: Path, system: str = "box", **devices: Any) -> None:
        self.folder = folder
        self.system = system
        recipe = folder / f"submissions/lab/benchmarks/cloudmask/{system}/recipe.yaml"
        recipe.parent.mkdir(parents=True)
        fields = {"division": "open", "runs": 1, "best_of": 1, "data": {"profile": "smoke"}}
        recipe.write_text(yaml.safe_dump({**fields, "hyperparameters": CHOSEN, "devices": devices}))

    def start(self) -> Running:
        out = self.folder / f"trials-{self.system}-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "harness", "run", "--system", self.system, "--org", "lab"]
        said = out.with_suffix(".out")
        with said.open("w") as output:
            process = subprocess.Popen(
                [*command, "--out", str(out)],
                cwd=self.folder,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return Running(process, out, said)


class Running:
    """A run under way."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, said: Path) -> None:
        self.process, self.out, self._said = process, out, said

    def time_to_train_s(self) -> float:
        """Wait for the end; what the log says."""
        assert self.process.wait() == 0, self._said.read_text()[-2000:]
        return time_to_train_s(next(self.out.glob("**/result_0.txt")).read_text().splitlines())
