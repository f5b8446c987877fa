"""Packages as they are published, and the CPU seconds that commands take for them."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support import ROOT, SHARED

CORPUS = SHARED / "corpus"
ROUND = CORPUS / "hpc30"  # submitters of MLPerf HPC v3.0
FIVE_LOGS = ROUND / "Dell"
LONG_LOG = CORPUS / "hpc10/NCSA"  # deepcam logs of four to five thousand lines
STAMP = re.compile(r'"time_ms": (\d+)')


def child_cpu_s(*command: str | Path) -> float:
    """CPU seconds of a command and all its children, start-up included.

    Python may keep byte code, as it does where nobody forbids it: the other tools were installed with theirs.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, cwd=ROOT, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours_s(root: Path) -> float:
    """Verdict and score of a package, as `cloudmask check` gives them."""
    return child_cpu_s("harness", "check", root, "--ruleset", "hpc-3.0.0")


def theirs_s(root: Path, of_round: str) -> tuple[float, float]:
    """mlperf_logging's package checker and result summarizer: what one needs for verdict and score."""
    checker, summarizer = (
        child_cpu_s(f"mlperf_logging.{tool}", root, "hpc", of_round)
        for tool in ("package_checker", "result_summarizer")
    )
    return checker, summarizer


def copies(folder: Path, roots: Sequence[Path]) -> list[Path]:
    """The packages in a place where mlperf_logging's tools may write into them."""
    return [Path(shutil.copytree(root, folder / root.name)) for root in roots]


def large_package(folder: Path, runs: int, pruned: int) -> Path:
    """A throughput entry of `runs` models and `pruned` others, each with a long published log moved in time."""
    root, system = folder / LONG_LOG.name, "halv100_n16_pt1.8.1"
    shutil.copytree(LONG_LOG / "systems", root / "systems")
    source = LONG_LOG / f"results/{system}/strong/deepcam/result_02.txt"
    lines = source.read_text(encoding="utf-8").splitlines()
    place = root / f"results/{system}/weak/deepcam"
    (place / "pruned_results").mkdir(parents=True)
    for index in range(runs + pruned):
        moved = [
            STAMP.sub(lambda at, by=7000 * index: f'"time_ms": {int(at[1]) + by}', line) for line in lines
        ]
        name = f"result_{index}.txt" if index < runs else f"pruned_results/result_{index - runs}.txt"
        (place / name).write_text("\n".join(moved) + "\n", encoding="utf-8")
    return root
