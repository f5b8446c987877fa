"""What sampling may cost, and which readings give way: on clocks that the test moves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.telemetry import pacing
from harness.telemetry.pacing import LEVELS, SHARE, WAKE_S, WINDOW_S, Budget, Pace
from harness.telemetry.sources.registry import FACTORIES, NODE_POWER_SOURCES


class Clocks:
    """Stand in for the clocks of the module: wall, process and thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_s = self.process_s = self.thread_s = 0.0
        times = SimpleNamespace(
            monotonic=lambda: self.wall_s,
            process_time=lambda: self.process_s,
            thread_time=lambda: self.thread_s,
        )
        monkeypatch.setattr(pacing, "time", times)

    def spend(self, cost_s: float) -> None:
        """Processor time of the thread that reads."""
        self.thread_s += cost_s


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Stopped at zero."""
    return Clocks(monkeypatch)


def read(pace: Pace, clocks: Clocks, *costs_s: float) -> float:
    """The spacing after readings that cost this much."""
    for cost_s in costs_s:
        pace.measured(lambda cost_s=cost_s: clocks.spend(cost_s))
    return pace.spacing_s


# ---------------------------------------------------------------- one pace


@pytest.mark.parametrize(("cost_s", "spacing_s"), [(0.00001, 0.1), (0.0014, 0.5), (0.5, 1.0)])
def test_what_is_expensive_is_read_less_often(clocks: Clocks, cost_s: float, spacing_s: float) -> None:
    """At 10 Hz a reading of 1.4 ms would take 1.4 % of a core; once in 0.5 s it takes 0.3."""
    assert read(Pace("psutil", 0.1, 1.0), clocks, cost_s) == pytest.approx(spacing_s)


def test_the_power_of_gpus_is_read_twice_a_second_unless_a_reading_is_very_expensive(clocks: Clocks) -> None:
    for cost_s, spacing_s in ((10e-6, 0.1), (1.4e-3, 0.5), (2.3e-3, 0.8), (50e-3, 1.0)):
        pace = Pace("nvml", 0.1, 0.5, 1.0)
        assert read(pace, clocks, cost_s) == pytest.approx(spacing_s)
        pace.level = LEVELS[-1]  # whatever the others cost
        assert pace.spacing_s == pytest.approx(max(0.5, spacing_s))


def test_rounding_breaks_no_promise(clocks: Clocks) -> None:
    pace = Pace("nvml", 0.3, 0.5, 1.0)
    read(pace, clocks, 10e-6)
    pace.level = LEVELS[-1]
    assert pace.spacing_s == 0.5


def test_what_names_no_slowest_rate_keeps_its_own(clocks: Clocks) -> None:
    assert read(Pace("ipmi", 0.5), clocks, 3.0) == 0.5


def test_spacings_are_multiples_so_that_a_thread_wakes_up_once_for_all(clocks: Clocks) -> None:
    pace = Pace("psutil", 0.1, 1.0)
    for cost_s in (0.35e-3, 0.65e-3, 0.95e-3):
        steps = read(pace, clocks, cost_s, cost_s) / 0.1
        assert steps == pytest.approx(round(steps)) and steps > 1


def test_one_reading_out_of_the_ordinary_changes_nothing(clocks: Clocks) -> None:
    assert read(Pace("psutil", 0.1, 1.0), clocks, 1e-5, 1e-5, 0.2) == 0.1
    assert read(Pace("psutil", 0.1, 1.0), clocks, 0.2, 1e-5) == 0.1  # the first, say


def test_a_part_has_a_cost_of_its_own(clocks: Clocks) -> None:
    """On an H100 the counter costs 4 ms of processor time and the power 6 us."""
    whole, part = Pace("nvml", 0.1, 0.5), Pace("nvml gpu_energy", 0.1, 10.0)

    def source() -> None:
        clocks.spend(6e-6)
        part.measured(lambda: clocks.spend(4e-3))

    for _ in range(3):
        whole.measured(source, [part])
    assert whole.cost_s == pytest.approx(6e-6) and part.cost_s == pytest.approx(4e-3)
    assert (whole.spacing_s, part.spacing_s) == (0.1, pytest.approx(1.4))


def test_a_slower_pace_of_another_thread_is_taken_whole(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main thread may change the spacing while a reading ends."""
    spacings_s = iter([1.0, 0.1])
    monkeypatch.setattr(Pace, "spacing_s", property(lambda self: next(spacings_s)))
    pace = Pace("psutil", 0.1)
    pace.due_s, clocks.wall_s = 0.1, 0.65
    pace.measured(lambda: None)
    assert pace.due_s == 1.1


# ---------------------------------------------------------------- all of them


def spend(
    clocks: Clocks, shares: list[float], interval_s: float = 0.1, slowest_s: float | None = 1.0
) -> list[str | None]:
    """Remarks and spacings of two paces, whose budget finds these shares of a core taken, one window after
    the other. One reading of either costs as much as waking up."""
    power, fixed = Pace("power", interval_s, slowest_s), Pace("fixed", interval_s)
    for pace in (power, fixed):
        read(pace, clocks, WAKE_S)
    budget, remarks = Budget([power, fixed], interval_s), []
    for share in shares:
        clocks.wall_s += 1.0
        assert budget.look() is None  # a window is longer
        clocks.wall_s += WINDOW_S - 1.0
        clocks.process_s += WINDOW_S * share
        remarks.append(budget.look())
        remarks.append(f"{power.spacing_s:.3f} {fixed.spacing_s:.3f}")
    return remarks


def test_readings_come_further_apart_while_they_cost_too_much(clocks: Clocks) -> None:
    said = spend(clocks, [0.009, 0.011, 0.009, 0.004, 0.004, 0.011])
    assert said[:2] == [None, "0.100 0.100"]
    assert said[2] == "the sampler took 1.1 % of a core; it reads less often for a while: power 0.3 s"
    assert said[3] == "0.300 0.100"  # what names no slowest rate keeps its own
    assert said[4:6] == [None, "0.300 0.100"]
    assert said[6:10] == [None, "0.200 0.100", None, "0.100 0.100"]  # back, in steps
    assert said[10:] == [None, "0.300 0.100"]  # not further apart than ever before


def test_a_source_is_read_as_often_as_it_must_whatever_it_costs(clocks: Clocks) -> None:
    said = spend(clocks, [0.5, 0.5, 0.5], slowest_s=0.5)
    assert said[1::2] == ["0.500 0.100"] * 3
    assert said[2::2] == [None, None]  # no news


def test_who_asks_for_more_readings_accepts_that_they_cost_more(clocks: Clocks) -> None:
    assert spend(clocks, [0.04], interval_s=0.02) == [None, "0.020 0.020"]
    assert spend(clocks, [0.04], interval_s=0.1)[1] == "1.000 0.100"


def test_nothing_is_said_where_nothing_can_be_read_less_often(clocks: Clocks) -> None:
    assert spend(clocks, [0.04], slowest_s=None) == [None, "0.100 0.100"]


def test_the_most_expensive_gives_way_first_and_the_share_is_kept(clocks: Clocks) -> None:
    """A model of a machine with many cores and GPUs: what is taken follows from the spacings."""
    costs_s = {"psutil": 30e-6, "nvml": 150e-6, "cores": 4e-3, "process": 9e-3, "counter": 10e-3}
    paces = {
        "psutil": Pace("psutil", 0.1, 1.0),
        "nvml": Pace("nvml", 0.1, 0.5, 1.0),
        "cores": Pace("cores", 1.0, 10.0),
        "process": Pace("process", 1.0, 5.0),
        "counter": Pace("counter", 0.1, 10.0),
    }
    for name, cost_s in costs_s.items():
        read(paces[name], clocks, cost_s)
    budget = Budget(list(paces.values()), 0.1)

    def taken() -> float:
        return sum((costs_s[name] + 1.5 * WAKE_S) / pace.spacing_s for name, pace in paces.items())

    assert taken() > SHARE
    for _ in range(20):
        clocks.wall_s += WINDOW_S
        clocks.process_s += WINDOW_S * taken()
        budget.look()
    assert 0.5 * SHARE < taken() < SHARE
    assert paces["nvml"].spacing_s <= 0.5 and paces["psutil"].spacing_s <= 0.5
    assert paces["process"].spacing_s >= 3.0 and paces["counter"].spacing_s >= 3.0


# ---------------------------------------------------------------- what the sources promise


def test_what_costs_most_can_be_read_less_often() -> None:
    """Else the power would be, for what others cost: a tree of a hundred processes takes 1 % of a core."""
    fixed = {name for name, source in FACTORIES.items() if source.slowest_s is None}
    assert fixed - set(NODE_POWER_SOURCES) == {"psutil_frequency", "sampler"}
    assert fixed >= {"redfish", "ipmi", "hwmon"}  # a node's meter is read once a second, whatever that costs


def test_power_is_read_twice_a_second_and_processes_on_gpus_every_ten() -> None:
    assert {FACTORIES[name].slowest_s for name in ("nvml", "rapl")} == {0.5}
    assert {name for name, source in FACTORIES.items() if source.costly_s is not None} == {"nvml"}
    assert FACTORIES["nvml"].costly_s == 1.0  # readings more than 2 s apart are a hole
    assert FACTORIES["nvml_processes"].slowest_s == 10.0
    (counter,) = [FACTORIES["nvml"]()._seldom_pace]
    assert counter.slowest_s == 10.0
