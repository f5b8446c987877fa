"""Olympic mean, worked by hand."""

from __future__ import annotations

import pytest

from harness.check import check_package
from harness.score.score import score
from rules.ruleset import load_ruleset
from tests.support.builders import build_package

RULESET = load_ruleset("cloudmask-1.0")  # reads times from the log alone, which tests can edit


def scored(built):
    package, _ = check_package(built.root, RULESET)
    return score(package, RULESET)


def set_times(built, times_s):
    """Make run i take times_s[i] from run_start to run_stop."""
    for run, time_s in enumerate(times_s):

        def change(events, time_s=time_s):
            start = next(e for e in events if e["key"] == "run_start")["time_ms"]
            next(e for e in events if e["key"] == "run_stop")["time_ms"] = start + round(time_s * 1000)

        built.edit_events(run, change)


def test_fastest_and_slowest_are_dropped(tmp_path):
    built = build_package(tmp_path)
    set_times(built, [50, 30, 20, 60, 40])
    result = scored(built)
    assert result.time_to_train_s == pytest.approx(40.0)
    assert [r.dropped for r in result.runs] == [None, None, "fastest", "slowest", None]
    assert [r.time_to_train_s for r in result.runs] == [50, 30, 20, 60, 40]


def test_one_that_did_not_converge_counts_as_the_slowest(tmp_path):
    built = build_package(tmp_path, not_converged=(3,), max_epochs=8)
    set_times(built, [50, 30, 20, 1, 40])
    result = scored(built)
    assert result.time_to_train_s == pytest.approx((50 + 30 + 40) / 3)
    assert [r.dropped for r in result.runs] == [None, None, "fastest", "did not converge", None]
    assert result.runs[3].time_to_train_s is None and "slowest" in result.note


def test_two_that_did_not_converge_have_no_score(tmp_path):
    result = scored(build_package(tmp_path, not_converged=(0, 3), max_epochs=8))
    assert result.time_to_train_s is None and "2 of 5" in result.note


def test_wrong_number_of_runs_has_no_score(tmp_path):
    assert scored(build_package(tmp_path, runs=4)).time_to_train_s is None
    assert scored(build_package(tmp_path, runs=6, org="Other")).time_to_train_s is None


def test_success_without_the_target_does_not_count(tmp_path):
    built = build_package(tmp_path)

    def change(events):
        [e for e in events if e["key"] == "eval_accuracy"][-1]["value"] = 0.5

    built.edit_events(1, change)
    assert scored(built).runs[1].dropped == "did not converge"


@pytest.mark.parametrize(("runs", "expected"), [(1, 10.0), (2, 20.0), (3, 30.0), (4, 25.0)])
def test_open(tmp_path, runs, expected):
    """Up to two runs: plain mean; from three the fastest and the slowest are dropped."""
    built = build_package(tmp_path, division="open", runs=runs, seeds=(5, 77, 910, 20_003)[:runs])
    set_times(built, [10, 30, 90, 20][:runs])
    assert scored(built).time_to_train_s == pytest.approx(expected)


def test_open_alone_and_not_converged(tmp_path):
    result = scored(build_package(tmp_path, division="open", runs=1, not_converged=(0,), max_epochs=8))
    assert result.time_to_train_s is None and result.note


def test_a_second_run_start_does_not_shorten_the_time(tmp_path):
    built = build_package(tmp_path)
    honest = scored(built).runs[2].time_to_train_s

    def change(events):
        stop = next(i for i, e in enumerate(events) if e["key"] == "run_stop")
        start = next(e for e in events if e["key"] == "run_start")
        events.insert(stop, {**start, "time_ms": events[stop]["time_ms"] - 5000})

    built.edit_events(2, change)
    assert scored(built).runs[2].time_to_train_s == honest


def test_secondary_numbers(tmp_path):
    built = build_package(tmp_path)
    package, _ = check_package(built.root)
    result = score(package, RULESET)
    expected = sum(r.science["overall"]["accuracy"] for r in package.runs) / 5
    assert result.science["accuracy"] == pytest.approx(expected)
    assert 1.4 < result.seconds_per_scene < 1.6
    assert 25 < result.samples_per_s < 40


def test_nothing_there(tmp_path):
    built = build_package(tmp_path)
    for run in range(5):
        built.layout.result(run).unlink()
    result = scored(built)
    assert result.time_to_train_s is None and result.runs == [] and result.science == {}
