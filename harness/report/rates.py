"""How fast a machine trains, on a scale that patches of every size share: operations of the model per second.

A patch of n x n pixels takes n^2 times the ruleset's operations per pixel, forward and backward
(docs/performance.md, "The work of one patch"). Machines that were measured for comparison are in
panels/pace/machines.json, each with its file in docs/bench.
"""

from __future__ import annotations

import json
import statistics
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from harness.report.drawing.text import significant
from harness.report.model import Report
from rules.model.layout import BENCHMARK
from rules.ruleset import load_ruleset

MACHINES = Path(__file__).resolve().parent / "panels" / "pace" / "machines.json"


class Machine(NamedTuple):
    """A machine that was measured, with what ran on it."""

    name: str
    software: str
    flop_per_s: float  # of training steps on full-size patches, evaluations not included
    measured: str  # date
    file: str  # in docs/bench

    @property
    def data(self) -> str:
        """What it was measured on, and where that is recorded."""
        return f"full-size patches (docs/bench/{self.file})"


@lru_cache(maxsize=1)
def machines() -> tuple[Machine, ...]:
    """The machines to compare with, the slowest first."""
    content = json.loads(MACHINES.read_text(encoding="utf-8"))
    found = [
        Machine(
            one["name"],
            one["software"],
            one["patches_per_s"] * flop_per_patch(content["patch_size"]),
            one["measured"],
            one["file"],
        )
        for one in content["machines"]
    ]
    return tuple(sorted(found, key=lambda machine: machine.flop_per_s))


def flop_per_patch(patch_size: int) -> float:
    """Floating-point operations of one training step per patch of patch_size x patch_size pixels."""
    return patch_size**2 * load_ruleset().clock.train_flop_per_pixel


def training_rate(report: Report) -> float | None:
    """Operations per second while the reference's model trained: median of the epochs of all runs, as logged.

    None where the logs carry no throughput, the size of patches is not stated, or it is another benchmark.
    """
    size = report.dataset.patch_size if report.dataset else None
    speeds = [e.patches_per_s for run in report.runs for e in run.curve if e.patches_per_s]
    if not speeds or not size or report.identity.benchmark != BENCHMARK:
        return None
    return statistics.median(speeds) * flop_per_patch(size)


def rate_text(flop_per_s: float) -> str:
    """A rate in the unit of the chart."""
    return f"{significant(flop_per_s / 1e12, 2)}\N{NO-BREAK SPACE}TFLOP/s"


def beside(flop_per_s: float, machine: Machine) -> str:
    """How a rate compares with a machine's, in words."""
    times = flop_per_s / machine.flop_per_s
    if 0.95 < times < 1.05:
        return f"about as fast as {machine.name}"
    if times >= 0.1:
        return f"{_figures(times)} times as fast as {machine.name}"
    return f"1/{_figures(1 / times)} as fast as {machine.name}"


def _figures(value: float) -> str:
    """Two significant figures, never more."""
    return significant(float(f"{value:.2g}"), 2)
