"""What a report reads from logs, valid or not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.report.curves import clock, curve, logged, phases
from rules.model.log import Event, Log
from rules.model.run_facts import RunFacts
from tests.support.runs import make_facts


def run_of(*lines: tuple[float, str, Any, dict[str, Any]]) -> RunFacts:
    """(seconds, key, value, metadata) as a run with that log."""
    log = Log(
        "result_0.txt",
        [
            Event(round(1e12 + 1000 * s), "POINT_IN_TIME", k, v, m, "", n)
            for n, (s, k, v, m) in enumerate(lines, 1)
        ],
    )
    return make_facts(log)


RUN = run_of(
    (-5, "init_start", None, {}),
    (0, "init_stop", None, {}),
    (0, "run_start", None, {}),
    (0, "epoch_start", None, {"epoch_num": 1}),
    (9, "epoch_stop", None, {"epoch_num": 1}),
    (9, "tracked_stats", {"train_loss": 0.5, "throughput": 33.0}, {"epoch_num": 1}),
    (9, "eval_start", None, {"epoch_num": 1}),
    (10, "eval_loss", 0.4, {"epoch_num": 1}),
    (10, "eval_accuracy", 0.85, {"epoch_num": 1}),
    (10, "eval_stop", None, {"epoch_num": 1}),
    (19, "epoch_start", None, {"epoch_num": 2}),
    (30, "eval_accuracy", 0.91, {"epoch_num": 2}),
    (30, "run_stop", None, {"status": "success"}),
)


def test_curve_has_one_entry_per_epoch() -> None:
    first, second = curve(RUN)
    assert (first.epoch, first.eval_accuracy, first.eval_loss, first.train_loss) == (1, 0.85, 0.4, 0.5)
    assert (first.at_s, first.patches_per_s, first.train_accuracy) == (10.0, 33.0, None)
    assert (second.epoch, second.eval_accuracy, second.train_loss) == (2, 0.91, None)


def test_phases_are_closed_intervals_relative_to_run_start() -> None:
    found = [(p.kind, p.start_s, p.stop_s) for p in phases(RUN)]
    assert found == [("init", -5.0, 0.0), ("train", 0.0, 9.0), ("evaluate", 9.0, 10.0)]


def test_without_run_start_there_are_no_times() -> None:
    run = run_of((1, "eval_accuracy", 0.5, {"epoch_num": 1}), (0, "epoch_start", None, {}))
    assert curve(run)[0].at_s is None
    assert phases(run) == []
    assert clock(run) == (None, None) and run.status is None and logged(run, "seed") is None


def test_the_clock_runs_from_run_start_to_run_stop() -> None:
    assert clock(RUN) == (1e12, 30.0)
    assert RUN.status == "success" and logged(RUN, "eval_loss") == 0.4


JUNK = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5), st.lists(st.none())
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["run_start", "epoch_start", "epoch_stop", "eval_accuracy", "tracked_stats", "x"]
            ),
            JUNK,
            JUNK,
            JUNK,
        ),
        max_size=12,
    )
)
def test_junk_never_raises(lines: list[tuple[str, Any, Any, Any]]) -> None:
    events = [
        Event(time, "POINT_IN_TIME", key, value, {"epoch_num": epoch}, "", n)
        for n, (key, time, value, epoch) in enumerate(lines, 1)
    ]
    run = make_facts(Log("result_0.txt", events))
    assert all(p.stop_s >= p.start_s for p in phases(run))
    assert [e.epoch for e in curve(run)] == sorted({e.epoch for e in curve(run)})
