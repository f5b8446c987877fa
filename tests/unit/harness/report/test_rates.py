"""The rate of training: machines to compare with are those of docs/bench, and what is said of an entry."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.report.drawing.rates import rate_chart
from harness.report.model import Report
from harness.report.panels.runs.model import Epoch
from harness.report.rates import MACHINES, Machine, beside, flop_per_patch, machines, training_rate
from tests.support import ROOT

BENCH = ROOT / "docs" / "bench"


def measured(path: Path, key: str) -> float:
    content = json.loads(path.read_text())
    if "measurements" in content:
        return float(content["measurements"][key]["median"])
    return float(content[key]["training_patches_per_s"])


@pytest.mark.parametrize("one", json.loads(MACHINES.read_text())["machines"], ids=lambda one: one["name"])
def test_each_machine_is_what_was_measured(one: dict[str, Any]) -> None:
    assert one["patches_per_s"] == pytest.approx(measured(BENCH / one["file"], one["key"]), rel=1e-3)


def test_a_patch_takes_the_operations_that_the_documents_state() -> None:
    assert flop_per_patch(256) == pytest.approx(64.11e9, rel=0.01)
    assert flop_per_patch(32) == pytest.approx(flop_per_patch(256) / 64)
    assert [m.file for m in machines()][0] == "epyc-zen3-2-cores.json", "the slowest first"


def report(speeds: list[float | None], size: int | None = 32, benchmark: str = "cloudmask") -> Report:
    curve = [Epoch(epoch=i, at_s=float(i), patches_per_s=one) for i, one in enumerate(speeds, start=1)]
    given = SimpleNamespace(
        dataset=SimpleNamespace(patch_size=size),
        runs=[SimpleNamespace(curve=curve)],
        identity=SimpleNamespace(benchmark=benchmark),
    )
    return cast(Report, given)


def test_the_rate_is_the_median_of_the_epochs() -> None:
    assert training_rate(report([90.0, 120.0, None, 110.0])) == pytest.approx(110 * flop_per_patch(32))
    assert training_rate(report([None])) is None
    assert training_rate(report([100.0], size=None)) is None
    assert training_rate(report([100.0], benchmark="deepcam")) is None


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (1.02, "about as fast as X"),
        (0.92, "0.92 times as fast as X"),
        (2.345, "2.3 times as fast as X"),
        (1 / 729, "1/730 as fast as X"),
        (1234.0, "1\N{NARROW NO-BREAK SPACE}200 times as fast as X"),
    ],
)
def test_rates_are_compared_in_two_figures(times: float, said: str) -> None:
    assert beside(times * 1e12, Machine("X", "", 1e12, "", "")) == said


def test_a_rate_that_nothing_can_have_stays_on_the_chart() -> None:
    canvas = rate_chart([("a", 1e300), ("b", 5e-324), ("c", 0.0)], [("m", 1.0)], "TFLOP/s", 530)
    assert canvas is not None and canvas.height < 400
    text = str(canvas.render())
    assert text.count("<circle") == 2 and "inf" not in text and "nan" not in text
    assert rate_chart([], [("m", 1.0)], "TFLOP/s", 530) is None
