"""Convergence points: our arithmetic against scipy's and against mlperf_logging's own checker."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts.reference_points import (
    Limit,
    Point,
    compare,
    find_limit,
    limits,
    olympic_mean,
    points_for,
    smallest_mean,
)
from rules.facts.student_t import t_distribution, t_quantile

RUNS = {"cosmoflow": 10, "deepcam": 5, "oc20": 5, "openfold": 10}


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 7, 11, 20, 26, 41, 200])
@pytest.mark.parametrize("probability", [0.001, 0.05, 0.3, 0.5, 0.9, 0.95, 0.975, 0.999])
def test_t_quantile_is_scipys(probability, degrees):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.t.ppf(probability, degrees)
    assert t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(st.floats(0.001, 0.999), st.floats(0.5, 300))
def test_t_quantile_inverts_the_distribution(probability, degrees):
    assert t_distribution(t_quantile(probability, degrees), degrees) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize("arguments", [(0, 3), (1, 3), (0.5, 0), (math.nan, 2)])
def test_t_quantile_bounds(arguments):
    with pytest.raises(ValueError, match="t_quantile"):
        t_quantile(*arguments)


def _theirs(benchmark):
    rcp_checker = pytest.importorskip("mlperf_logging.rcp_checker.rcp_checker")
    return rcp_checker.RCP_Checker("hpc", "3.0.0", benchmark, False)


@pytest.mark.parametrize("benchmark", RUNS)
def test_limits_are_upstreams(benchmark):
    theirs = [
        (r["BS"], float(r["RCP Mean"]), float(r["RCP Stdev"]), float(r["Min Epochs"]))
        for r in _theirs(benchmark).pruned_rcp_data.values()
    ]
    ours = limits(points_for("hpc-3.0.0", benchmark, None), RUNS[benchmark], "upstream")
    assert [m.batch_size for m in ours] == [batch for batch, *_ in theirs]
    for found, (_, mean, deviation, smallest) in zip(ours, theirs, strict=True):
        assert (found.mean, found.deviation) == pytest.approx((mean, deviation))
        assert found.smallest == pytest.approx(smallest, abs=2e-4)  # theirs is found by bisection


@pytest.mark.parametrize("benchmark", RUNS)
@pytest.mark.parametrize("pace", [0.5, 0.9, 0.93, 0.96, 0.99, 1.0, 1.02, 1.3])
def test_verdicts_are_upstreams(benchmark, pace, tmp_path):
    """Every batch size from below the first point to above the last, at several paces."""
    theirs, points = _theirs(benchmark), points_for("hpc-3.0.0", benchmark, None)
    runs, largest = RUNS[benchmark], max(p.batch_size for p in points)
    for batch in [*range(8, largest + 1, 24), *(p.batch_size for p in points), largest + 1]:
        found = find_limit(batch, limits(points, runs, "upstream"), runs, "upstream")
        epochs = [round(pace * (found.mean if found else 50), 3)] * runs
        ours = compare(epochs, batch, points, runs, "upstream")
        passed, factor = _upstream_verdict(theirs, epochs, batch)
        assert (ours.outcome == "pass") == passed, (batch, ours)
        if passed:
            assert ours.factor == pytest.approx(factor)


def _upstream_verdict(checker, epochs, batch):
    """The branches of rcp_checker.check_directory, without its files."""
    record = checker._find_rcp(batch, "pruned_rcps")
    if record is None:
        low = checker._find_top_min_rcp(batch, "pruned_rcps")
        high = checker._find_bottom_max_rcp(batch, "pruned_rcps")
        if low is not None and high is not None:
            _, record = checker._create_interp_rcp(batch, low, high)
        elif high is not None:
            record = checker._find_min_rcp("pruned_rcps")
        else:
            return False, 1.0
    return checker._eval_submission_record(record, list(epochs), "")


def test_closed_form_is_the_t_test():
    """At the smallest mean the one-sided p value of the pooled two-sample test is 5 %."""
    stats = pytest.importorskip("scipy.stats")
    smallest = smallest_mean(20.0, 1.5, 18, 8)
    t, p = stats.ttest_ind_from_stats(smallest, 1.5, 8, 20.0, 1.5, 18, equal_var=True)
    assert t < 0 and p / 2 == pytest.approx(0.05)


def test_smallest_mean_at_the_edges():
    assert smallest_mean(10, 0, 18, 8) == 10
    assert smallest_mean(10, 1, 1, 1) == 10
    assert smallest_mean(1, 100, 3, 3) == 0


def test_trimming_makes_outliers_harmless():
    """One reference run gone astray widens upstream's limit and leaves the prose's alone."""
    calm = Point(64, (20, 20, 21, 21, 20, 21, 20, 21, 20, 21))
    astray = Point(64, (*calm.epochs[:-1], 40))
    for method, moved in (("trimmed", False), ("upstream", True)):
        before, after = (limits([p], 5, method)[0] for p in (calm, astray))
        assert (abs(before.smallest - after.smallest) > 1) is moved


def test_hull_and_sweep_differ():
    """Batch sizes 1, 2, 3, 4 with means 10, 15, 21, 22 (sources W19): the sweep keeps 2, the hull does not."""
    points = [Point(b, (m,) * 10) for b, m in ((1, 10), (2, 15), (3, 21), (4, 22))]
    assert [m.batch_size for m in limits(points, 5, "upstream")] == [1, 2, 4]
    assert [m.batch_size for m in limits(points, 5, "trimmed")] == [1, 4]


def test_points_below_the_fastest_are_pruned():
    points = [Point(b, (m,) * 10) for b, m in ((1, 30), (2, 10), (4, 12))]
    assert [m.batch_size for m in limits(points, 5, "trimmed")] == [2, 4]


def test_interpolation_counts_the_smaller_neighbour():
    points = [Point(10, tuple(range(10, 20))), Point(20, tuple(range(20, 40)))]
    found = find_limit(15, limits(points, 5, "trimmed"), 5, "trimmed")
    assert isinstance(found, Limit) and found.runs == 8
    assert found.mean == pytest.approx((14.5 + 29.5) / 2)
    other = find_limit(15, limits(points, 5, "upstream"), 5, "upstream")
    assert other is not None and other.runs == 10


def test_outcomes():
    points = [Point(16, (10, 11, 10, 11, 10, 11, 10, 11, 10, 11)), Point(64, (20,) * 10)]

    def outcome(epochs, batch):
        return compare([epochs] * 5, batch, points, 5, "trimmed").outcome

    assert outcome(11, 16) == "pass" and outcome(5, 16) == "fail"
    assert outcome(11, 8) == "pass" and outcome(5, 8) == "missing"
    assert outcome(50, 65) == "missing"
    assert outcome(16, 40) == "pass" and outcome(12, 40) == "fail"
    scaled = compare([10.3] * 5, 16, points, 5, "trimmed")
    assert scaled.outcome == "pass" and scaled.factor == pytest.approx(10.5 / 10.3)


def test_olympic_mean():
    assert olympic_mean([1, 2, 3, 4, math.inf]) == 3
    assert olympic_mean([1, math.inf, math.inf, 2]) == math.inf
    assert olympic_mean([1, 2]) == math.inf
