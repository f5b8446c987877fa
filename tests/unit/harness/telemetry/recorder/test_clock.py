"""The clocks of nodes, compared with that of the harness."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.telemetry import Sampler
from harness.telemetry.reader.reader import read
from harness.telemetry.reader.summary import summarise
from harness.telemetry.recorder.clock import ClockSource
from tests.support.waiting import wait_for


def compared(path: Path) -> bool:
    """Whether the file has a comparison: on a busy machine the first answers may come too late."""
    try:
        return any(q.name == "clock_offset" and q.samples for q in summarise(path).quantities)
    except ValueError:
        return False  # nothing is in it yet


def test_clocks_are_compared_with_the_harness(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with Sampler(path, interval_s=0.1) as sampler:
        assert "clock" not in sampler.ready and "psutil" in sampler.ready
        wait_for(lambda: compared(path))
    found = {q.name: q for q in summarise(path).quantities if q.source == "clock"}
    offset, uncertainty = found["clock_offset"], found["clock_uncertainty"]
    assert offset.maximum is not None and uncertainty.maximum is not None
    assert abs(offset.maximum) <= uncertainty.maximum < 1.0  # one machine, one clock


def test_offset_of_another_clock_by_the_quickest_answer() -> None:
    source = ClockSource(
        lambda question: source.answer({"clock": question["clock"], "wall_s": time.time() - 7}) or True
    )
    offset_s, uncertainty_s = source.read()
    assert uncertainty_s is not None and offset_s == pytest.approx(7.0, abs=uncertainty_s + 1e-3)
    assert list(ClockSource(lambda question: False).read()) == [None, None]
    source.answer({"clock": "x", "wall_s": None})  # nonsense is ignored


def test_two_nodes_have_a_file_each(tmp_path: Path) -> None:
    files = [tmp_path / f"telemetry_node_{node}.h5" for node in range(2)]
    with (
        Sampler(files[0], interval_s=0.05, node="node_0") as first,
        Sampler(files[1], interval_s=0.05, node="node_1") as second,
    ):
        for path in files:
            wait_for(lambda path=path: compared(path))
    assert first.problem is second.problem is None
    for node, path in enumerate(files):
        assert read(path).node == f"node_{node}"
        assert any(q.name == "clock_offset" and q.samples for q in summarise(path).quantities)
