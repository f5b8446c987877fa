"""Energy from counters and from power readings."""

from __future__ import annotations

import numpy as np
import pytest

from harness.telemetry.reader.energy import energies, gaps, measure, quoted
from harness.telemetry.reader.reader import Series


def energy_j(times: np.ndarray, values: np.ndarray, kind: str, start_s: float, stop_s: float) -> float | None:
    return measure(times, values, kind, start_s, stop_s)[0]


TIMES = np.arange(0.0, 20.05, 0.1)
# 70 W for 10 s, then 300 W for 10 s: 3700 J
STEP_W = np.where(TIMES < 10.0, 70.0, 300.0)
STEP_J = np.where(TIMES < 10.0, 70.0 * TIMES, 700.0 + 300.0 * (TIMES - 10.0))


def test_step_load_by_both_methods_within_one_percent() -> None:
    assert energy_j(TIMES, STEP_W, "gauge", 0.0, 20.0) == pytest.approx(3700, rel=0.01)
    assert energy_j(TIMES, STEP_J, "counter", 0.0, 20.0) == pytest.approx(3700, rel=1e-6)


@pytest.mark.parametrize(
    ("start_s", "stop_s", "joule"), [(0.0, 10.0, 700.0), (10.0, 20.0, 3000.0), (9.5, 10.5, 185.0)]
)
def test_a_counter_read_seldom_takes_its_edges_from_the_power(
    start_s: float, stop_s: float, joule: float
) -> None:
    """NVML's energy counter is read every 1.5 s because it is slow: a step of load lies between readings."""
    seldom = TIMES[::15]
    counter = Series("nvml", "energy", "J", "gpu0", "counter", seldom, STEP_J[::15])
    power = Series("nvml", "gpu_power", "W", "gpu0", "gauge", TIMES, STEP_W)
    other = Series("nvml", "gpu_power", "W", "gpu1", "gauge", TIMES, STEP_W[::-1])

    def counted(*series: Series) -> float | None:
        return next(e.joule for e in energies(series, start_s, stop_s) if e.method == "counter")

    # power steps between readings, too
    assert counted(power, counter, other) == pytest.approx(joule, rel=0.015)
    evenly = counted(counter, other)
    assert evenly == energy_j(seldom, STEP_J[::15], "counter", start_s, stop_s)
    assert abs(evenly / joule - 1) > 0.02


@pytest.mark.parametrize("kind", ["gauge", "counter"])
def test_readings_of_less_than_half_of_a_short_window_are_no_energy(kind: str) -> None:
    """A GPU that falls off the bus 0.1 s into a run of 1.2 s: two equal counts are not 0 J."""
    times, values = np.array([9.0, 9.9, 10.1]), np.array([70.0, 70.0, 70.0])
    joule, _, note = measure(times, values, kind, 10.0, 11.2)
    assert (joule, note) == (None, "the readings span 0.1 s of the window's 1.2 s")
    before = measure(times - 1, values, kind, 10.0, 10.9)
    assert (before[0], before[2]) == (None, "the readings span 0.0 s of the window's 0.9 s")
    assert measure(times, values, kind, 10.0, 10.2)[0] == pytest.approx(0.0 if kind == "counter" else 14.0)


def test_a_counter_without_power_at_the_edge_moves_evenly() -> None:
    holes = (TIMES < 5) | (TIMES > 14)
    power, seldom = (TIMES[holes], STEP_W[holes]), TIMES[::15]
    found = measure(seldom, STEP_J[::15], "counter", 9.7, 12.0, power=power)
    assert found == measure(seldom, STEP_J[::15], "counter", 9.7, 12.0)


@pytest.mark.parametrize("kind", ["gauge", "right_rectangle"])
def test_repeated_equal_readings_count_in_full(kind: str) -> None:
    times = np.linspace(0, 10, 101)
    assert energy_j(times, np.full(101, 70.0), kind, 0.0, 10.0) == pytest.approx(700.0)


def test_only_the_window_counts_and_edges_are_interpolated() -> None:
    times = np.arange(0.0, 11.0)
    assert energy_j(times, 10 * times, "counter", 2.5, 4.5) == pytest.approx(20.0)
    assert energy_j(times, np.full(11, 50.0), "gauge", 2.5, 4.5) == pytest.approx(100.0)
    assert energy_j(times, 10 * times, "gauge", 2.0, 4.0) == pytest.approx(60.0)


def test_window_between_two_readings() -> None:
    assert energy_j(np.array([0.0, 1.0]), np.array([100.0, 100.0]), "gauge", 0.25, 0.75) == pytest.approx(
        50.0
    )


@pytest.mark.parametrize("kind", ["gauge", "counter"])
def test_not_measured_is_none(kind: str) -> None:
    nothing = np.array([])
    assert energy_j(nothing, nothing, kind, 0, 10) is None
    assert energy_j(np.array([5.0]), np.array([1.0]), kind, 0, 10) is None
    assert energy_j(TIMES, np.full(TIMES.size, np.nan), kind, 0, 10) is None
    assert energy_j(TIMES, STEP_J, kind, 10, 10) is None


@pytest.mark.parametrize("kind", ["gauge", "counter"])
def test_window_that_is_not_covered_gives_no_number(kind: str) -> None:
    joule, gap, note = measure(TIMES, STEP_J, kind, 0.0, 60.0)
    assert joule is None and gap == pytest.approx(40.0) and "miss 40.0 s" in note
    assert energy_j(TIMES, STEP_J, kind, -10.0, 20.0) is None
    assert energy_j(TIMES, STEP_J, kind, 100.0, 120.0) is None


def test_a_hole_spoils_power_readings_but_not_a_counter() -> None:
    kept = (TIMES < 5) | (TIMES > 12)
    joule, _, note = measure(TIMES[kept], STEP_W[kept], "gauge", 0.0, 20.0)
    assert joule is None and "hole of 7" in note
    assert energy_j(TIMES[kept], STEP_J[kept], "counter", 0.0, 20.0) == pytest.approx(3700)
    with_nan = np.where(kept, STEP_W, np.nan)
    assert energy_j(TIMES, with_nan, "gauge", 0.0, 20.0) is None


def test_counter_that_went_back_gives_no_number() -> None:
    joules = STEP_J.copy()
    joules[100:] -= 600
    joule, _, note = measure(TIMES, joules, "counter", 0.0, 20.0)
    assert joule is None and "went back" in note


def test_list_keeps_scopes_apart_and_leaves_out_what_is_no_energy() -> None:
    def one(name: str, unit: str, scope: str, kind: str, values: np.ndarray) -> Series:
        return Series("nvml", name, unit, scope, kind, TIMES, values)

    found = energies(
        [
            one("gpu_power", "W", "gpu0", "gauge", STEP_W),
            one("gpu_energy", "J", "gpu1", "counter", STEP_J),
            one("gpu_utilization", "%", "gpu0", "gauge", STEP_W),
            one("gpu_power", "W", "gpu2", "gauge", np.full(TIMES.size, np.nan)),
        ],
        0.0,
        20.0,
    )
    assert [(e.scope, e.method) for e in found] == [
        ("gpu0", "right_rectangle"),
        ("gpu0", "trapezoid"),
        ("gpu1", "counter"),
        ("gpu2", "right_rectangle"),
        ("gpu2", "trapezoid"),
    ]
    assert [e.joule for e in found[:3]] == pytest.approx([3700] * 3, rel=0.01)
    assert found[-1].joule is None and found[-1].note
    assert [(e.scope, e.method) for e in quoted(found)] == [
        ("gpu0", "right_rectangle"),
        ("gpu1", "counter"),
        ("gpu2", "right_rectangle"),
    ]


def series_of(name: str, values: np.ndarray, kind: str = "gauge", times: np.ndarray = TIMES) -> Series:
    return Series("nvml", name, "J" if kind == "counter" else "W", "gpu0", kind, times, values)


def test_right_rectangle_takes_the_reading_at_the_end_of_each_step() -> None:
    times, watts = np.array([0.0, 1.0, 2.0]), np.array([10.0, 20.0, 60.0])
    assert energy_j(times, watts, "right_rectangle", 0.0, 2.0) == pytest.approx(80.0)
    # cut at the window: the reading after its end counts for the last piece
    assert energy_j(times, watts, "right_rectangle", 0.5, 1.5) == pytest.approx(0.5 * 20 + 0.5 * 60)


def test_methods_that_disagree_are_flagged() -> None:
    found = energies(
        [series_of("gpu_energy", 0.9 * STEP_J, "counter"), series_of("gpu_power", STEP_W)], 0, 20
    )
    counter, rectangle, trapezoid = found
    assert counter.difference is None and not counter.disagrees
    assert rectangle.difference == pytest.approx(0.11, abs=0.01) and rectangle.disagrees
    assert "beside counter: one of them is wrong" in trapezoid.note
    agreeing = energies([series_of("gpu_energy", STEP_J, "counter"), series_of("gpu_power", STEP_W)], 0, 20)
    assert not any(e.disagrees for e in agreeing)


def test_counter_that_stands_still_is_flagged() -> None:
    lying = energies(
        [series_of("gpu_energy", np.full(TIMES.size, 5.0), "counter"), series_of("gpu_power", STEP_W)], 0, 20
    )
    assert lying[0].joule == 0.0 and "equal to the last digit" in lying[0].note
    assert lying[1].disagrees


def test_counter_that_gives_no_number_leaves_it_to_the_power() -> None:
    back = np.where(TIMES < 10, STEP_J, 0.0)
    found = energies([series_of("gpu_energy", back, "counter"), series_of("gpu_power", STEP_W)], 0, 20)
    (best,) = quoted(found)
    assert best.method == "right_rectangle" and best.joule == pytest.approx(3700, rel=0.01)
    assert found[0].joule is None and "went back" in found[0].note


def test_gaps_are_listed_with_the_edges_of_the_window() -> None:
    kept = (TIMES > 3) & ((TIMES < 5) | (TIMES > 12))
    found = np.array(gaps(TIMES, np.where(kept, STEP_W, np.nan), 0.0, 30.0))
    assert found == pytest.approx(np.array([(0.0, 3.1), (4.9, 12.1), (20.0, 30.0)]))
    (one, _) = energies([series_of("gpu_power", np.where(kept, STEP_W, np.nan))], 3.1, 20)
    assert one.joule is None and one.gaps[0] == pytest.approx((4.9, 12.1)) and len(one.gaps) == 1
    assert gaps(np.array([]), np.array([]), 0.0, 30.0) == [(0.0, 30.0)]


def test_smoothed_power_and_limits_are_no_second_energy() -> None:
    found = energies([series_of("gpu_power_average", STEP_W), series_of("gpu_power_limit", STEP_W)], 0, 20)
    assert found == []


def test_readings_beyond_all_bounds_give_no_number() -> None:
    (rectangle, trapezoid) = energies([series_of("gpu_power", np.full(TIMES.size, 1e308))], 0, 20)
    assert rectangle.joule is None and trapezoid.joule is None and "plausible" in rectangle.note
