"""What the sampling rules let pass, and when they say that they could not look."""

from __future__ import annotations

from typing import Any

import pytest

from rules.evidence import sampling
from rules.model.evidence import MeasuredEnergy, Quantity, Telemetry
from rules.model.log import Event, Log
from rules.registry import NotApplicable, NotChecked, Rule
from rules.ruleset import load_ruleset
from tests.support.runs import make_run


def judge(one: Rule, quantities: list[Quantity], nodes: int = 1, gpus: int = 1, **more: Any) -> list[str]:
    values = {"number_of_nodes": nodes, "accelerators_per_node": gpus}
    log = Log("r", [Event(0, "POINT_IN_TIME", k, v, {}, "", i) for i, (k, v) in enumerate(values.items(), 1)])
    run = make_run(log)
    run.telemetry.append(Telemetry("t.h5", "node_1", 0, 9, 0.1, 10.0, 0.1, quantities, **more))
    return [finding.message for finding in one.check(one, run, load_ruleset())]


def quantity(name: str, low: float | None, high: float | None, source: str = "nvml_processes") -> Quantity:
    return Quantity(source, name, "1", "gpu0", 5, high, low, high)


def test_foreign_processes() -> None:
    assert judge(sampling.alone, [quantity("gpu_foreign_processes", 0, 0)]) == []
    assert "up to 2 compute processes" in judge(sampling.alone, [quantity("gpu_foreign_processes", 0, 2)])[0]
    with pytest.raises(NotChecked):  # in a container: absent
        judge(sampling.alone, [quantity("gpu_foreign_processes", None, None)])
    with pytest.raises(NotApplicable):
        judge(sampling.alone, [], gpus=0)


def test_energies() -> None:
    good = [
        MeasuredEnergy("nvml", "gpu0", "counter", 100.0),
        MeasuredEnergy("nvml", "gpu0", "trapezoid", 104.0, 0.04),
    ]
    assert judge(sampling.meters_agree, [], energies=good) == []
    wide = [MeasuredEnergy("nvml", "gpu0", "right_rectangle", 80.0, -0.2)]
    assert "by right rectangle is -20 %" in judge(sampling.meters_agree, [], energies=wide)[0]
    with pytest.raises(NotChecked):
        judge(sampling.meters_agree, [], energies=[MeasuredEnergy("nvml", "gpu0", "counter", None)])


def test_clocks() -> None:
    def clock(low: float | None, high: float | None, doubt_s: float) -> list[Quantity]:
        return [
            quantity("clock_offset", low, high, "clock"),
            quantity("clock_uncertainty", 0, doubt_s, "clock"),
        ]

    assert judge(sampling.clocks_agree, clock(-0.1, 0.1, 0.0), nodes=2) == []
    assert judge(sampling.clocks_agree, clock(-0.9, 0.1, 0.8), nodes=2) == []  # within what is not known
    assert "0.900 s from" in judge(sampling.clocks_agree, clock(-0.9, 0.1, 0.01), nodes=2)[0]
    with pytest.raises(NotChecked):
        judge(sampling.clocks_agree, clock(None, None, 0.0), nodes=2)
    with pytest.raises(NotApplicable):
        judge(sampling.clocks_agree, [])
