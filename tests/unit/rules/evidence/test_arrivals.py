"""How far the child's clock and the harness' may be apart, by how the lines travel."""

from __future__ import annotations

from typing import Any

import pytest

from rules.evidence.arrivals import time_as_measured
from rules.model.log import ArrivalColumns, Event, Log, Timeline
from rules.ruleset import load_ruleset
from tests.support.runs import make_header, make_run


def judge(off_s: float, recipe: dict[str, Any] | None, took_s: float = 20.0) -> str | None:
    """What EVD004 says on a run that took so long by the harness' clock, and `off_s` longer by the log's."""
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
    found = list(time_as_measured.check(time_as_measured, run, load_ruleset("cloudmask-1.1")))
    return found[0].severity.value if found else None


@pytest.mark.parametrize("recipe", [None, {}, {"launcher": "local"}])
def test_on_this_machine(recipe: dict[str, Any] | None) -> None:
    assert judge(0.09, recipe) is judge(-0.09, recipe) is None
    assert judge(0.12, recipe) == "error"
    assert judge(0.19, recipe, took_s=100.0) is None and judge(0.21, recipe, took_s=100.0) == "error"


@pytest.mark.parametrize("launcher", ["slurm", "lsf"])
def test_through_a_batch_system(launcher: str) -> None:
    recipe = {"launcher": launcher}
    assert judge(0.24, recipe) is judge(-0.24, recipe) is None
    assert judge(0.27, recipe) == "error"


@pytest.mark.parametrize(("recipe", "more_s"), [({}, 0.0), ({"launcher": "slurm"}, 0.15)])
def test_a_late_run_stop_only_warns_since_the_score_counts_it(recipe: dict[str, Any], more_s: float) -> None:
    assert judge(-0.12 - more_s, recipe) == judge(-0.24 - more_s, recipe) == "warning"
    assert judge(-0.26 - more_s, recipe) == judge(-15, recipe) == "error"
