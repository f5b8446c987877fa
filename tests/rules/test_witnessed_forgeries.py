"""Times shortened afterwards in a witnessed package, all derived evidence restated: without the witness each agrees."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.check import check_package
from tests.rules.cases.edits import find, index, resample
from tests.rules.test_mutations import errors
from tests.rules.test_witness import ruleset
from tests.support.builders import Lines


def _cut(events: Lines, after: int, until: int, share: float) -> None:
    """Shorten what lies between two lines to a share, and move all that follows."""
    begin, end = events[after]["time_ms"], events[until]["time_ms"]
    for event in events[after + 1 :]:
        inside = min(event["time_ms"], end) - begin
        event["time_ms"] -= round((1 - share) * inside)


def fast_evaluations(events: Lines) -> None:
    for nth in range(3):
        _cut(events, index(events, "eval_start", nth), index(events, "eval_stop", nth), 0.5)


def slowest_epoch_shortened(events: Lines) -> None:
    _cut(events, index(events, "epoch_start", 1), index(events, "epoch_stop", 1), 0.8)
    find(events, "tracked_stats", 1)["value"]["throughput"] /= 0.8


def begun_late(events: Lines) -> None:
    """A quarter of epoch 1 before run_start."""
    start, stop = find(events, "run_start"), find(events, "epoch_stop")
    late = round(0.25 * (stop["time_ms"] - start["time_ms"]))
    for event in events[index(events, "init_stop") : index(events, "epoch_stop")]:
        event["time_ms"] += late
    find(events, "tracked_stats")["value"]["throughput"] /= 0.75


@pytest.mark.parametrize("change", [fast_evaluations, slowest_epoch_shortened, begun_late])
def test_shortened_times_are_found_by_the_witness(fresh, change: Callable[[Lines], None]):
    built = fresh(witness=True)
    for run in range(built.options.runs):
        built.edit_events(run, change, reseal=False)
        built.reseal()
        resample(built, run)
    _, verdict = check_package(built.root, ruleset())
    found = errors(verdict)
    assert "WIT002" in found and {rule for rule in found if not rule.startswith("WIT")} == set()
