"""How far the child's clock and the harness' may be apart, by how the lines travel."""

from __future__ import annotations

from typing import Any

import pytest

from rules.evidence.arrivals import time_as_measured
from rules.model.log import ArrivalColumns, Event, Log, Timeline
from rules.ruleset import load_ruleset
from tests.support.runs import make_header, make_run


def judge(off_s: float, recipe: dict[str, Any] | None, took_s: float = 20.0) -> int:
    """Findings of EVD004 on a run that took so long by the harness' clock, and `off_s` longer by the log's."""
    status = {"status": "success"}
    ends = [(0, "run_start", {}), (round((took_s + off_s) * 1000), "run_stop", status)]
    log = Log(
        "r",
        [Event(at, "INTERVAL_START", key, None, more, "", i) for i, (at, key, more) in enumerate(ends, 1)],
    )
    run = make_run(log, package=make_header(recipe=recipe))
    run.timeline = Timeline(
        ArrivalColumns([1, 2], [5.0, 5.0 + took_s], [5.0, 5.0 + took_s], ["child"] * 2, ["0" * 16] * 2)
    )
    return len(list(time_as_measured.check(time_as_measured, run, load_ruleset("cloudmask-1.1"))))


@pytest.mark.parametrize("recipe", [None, {}, {"launcher": "local"}])
def test_on_this_machine(recipe: dict[str, Any] | None) -> None:
    assert judge(0.09, recipe) == judge(-0.09, recipe) == 0
    assert judge(0.12, recipe) == judge(-0.12, recipe) == 1
    assert judge(0.19, recipe, took_s=100.0) == 0 and judge(0.21, recipe, took_s=100.0) == 1


@pytest.mark.parametrize("launcher", ["slurm", "lsf"])
def test_through_a_batch_system(launcher: str) -> None:
    recipe = {"launcher": launcher}
    assert judge(0.24, recipe) == judge(-0.24, recipe) == 0
    assert judge(0.27, recipe) == judge(-0.27, recipe) == 1
