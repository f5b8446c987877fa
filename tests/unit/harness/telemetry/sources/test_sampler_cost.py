"""What the sampling itself costs."""

from __future__ import annotations

from collections import namedtuple

import pytest

from harness.telemetry.sources import sampler_cost
from harness.telemetry.sources.sampler_cost import SamplerCostSource


def test_it_needs_two_readings() -> None:
    source = SamplerCostSource()
    assert list(source.read()) == [None]
    assert source.read()[0] >= 0


def test_the_sampler_counts_the_tools_that_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, own_s, tools_s = iter([0.0, 2.0]), iter([1.0, 1.01]), iter([5.0, 5.03])
    monkeypatch.setattr(sampler_cost.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sampler_cost.time, "process_time", lambda: next(own_s))
    times = namedtuple("times", "children_user children_system")
    monkeypatch.setattr(sampler_cost.os, "times", lambda: times(next(tools_s), 0.5))
    source = SamplerCostSource()
    assert [*source.read(), *source.read()] == [None, pytest.approx(2.0)]
