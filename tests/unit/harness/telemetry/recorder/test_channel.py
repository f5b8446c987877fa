"""When sources are read: schedules and lanes, on a clock that the test moves."""

from __future__ import annotations

import re
import threading
import time
from types import SimpleNamespace

import pytest

from harness.telemetry import pacing
from harness.telemetry.recorder import channel as schedule
from harness.telemetry.recorder.channel import SILENT_S, Channel, Lane, in_lanes
from harness.telemetry.sources.base import Kind, QuantitySpec, Source


class Clock:
    """Stands for time.monotonic and Event.wait: waiting moves it."""

    def __init__(self, stop_s: float) -> None:
        self.waits = 0
        self.now, self.stop_s = 0.0, stop_s

    def monotonic(self) -> float:
        """Seconds since the beginning of the test."""
        return self.now

    def wait(self, seconds: float) -> bool:
        """Moves the clock; whether it is time to stop."""
        self.waits += 1
        self.now += max(0.0, seconds)
        return self.now >= self.stop_s


class Scripted(Source):
    """Its readings take as long as the test says."""

    name = "scripted"

    def __init__(self, clock: Clock, costs_s: list[float]) -> None:
        self.clock, self.costs_s = clock, costs_s

    def quantities(self) -> list[QuantitySpec]:
        """One number."""
        return [QuantitySpec("x", "1", "node")]

    def read(self) -> list[float | None]:
        """Moves the clock."""
        if self.costs_s:
            self.clock.now += self.costs_s.pop(0)
        return [1.0]


def use(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks of the schedule; readings take no processor time."""
    times = SimpleNamespace(monotonic=clock.monotonic, thread_time=lambda: 0.0)
    for module in (schedule, pacing):
        monkeypatch.setattr(module, "time", times)


def run_channel(monkeypatch: pytest.MonkeyPatch, costs_s: list[float], stop_s: float) -> list[float]:
    clock = Clock(stop_s)
    channel = Channel(Scripted(clock, costs_s), 0.1)
    use(clock, monkeypatch)
    Lane("one", [channel], clock)._run()  # type: ignore[arg-type]
    return [t for t, _ in channel.drain()[0]]


def test_delays_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    times = run_channel(monkeypatch, [0.02] * 1000, 9.99)
    assert len(times) == 101  # and one more at the end
    assert times[-2:] == pytest.approx([9.9 + 0.01, 10.0 + 0.01])


def test_readings_that_come_too_late_are_skipped_not_bunched(monkeypatch: pytest.MonkeyPatch) -> None:
    times = run_channel(monkeypatch, [0.0, 0.55], 1.2)
    gaps = [round(b - a, 3) for a, b in zip(times, times[1:], strict=False)]
    assert times[2] >= 0.65 and min(gaps) >= 0.05
    assert len(times) < 10


def test_a_source_that_raises_ends_alone_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Source):
        name = "broken"

        def quantities(self) -> list[QuantitySpec]:
            return [QuantitySpec("x", "1", "node")]

        def read(self) -> list[float | None]:
            raise KeyError("nonsense")

    channel = Channel(Broken(), 0.1)
    Lane("one", [channel], threading.Event())._run()
    rows, remarks = channel.drain()
    assert rows == [] and remarks == ["broken ended: KeyError: 'nonsense'"]
    assert list(channel.newest) == [None]


def test_sources_of_one_lane_are_read_in_one_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(2.0)
    use(clock, monkeypatch)
    quick, slow, alone = (Scripted(clock, []) for _ in range(3))
    quick.lane = slow.lane = "host"
    slow.interval_s = 1.0
    lanes = in_lanes([Channel(source, 0.1) for source in (quick, slow, alone)], clock)  # type: ignore[arg-type]
    assert [len(lane.channels) for lane in lanes] == [2, 1]
    lanes[0]._run()
    counts = [len(channel.drain()[0]) for channel in lanes[0].channels]
    assert counts == [21, 3]
    assert clock.waits <= 21


def test_at_the_end_counters_are_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow in the same lane must not move the last reading of an energy counter."""
    clock = Clock(0.95)
    use(clock, monkeypatch)
    slow, energy = Scripted(clock, [0.0, 2.0]), Scripted(clock, [])
    slow.interval_s = 60.0
    energy.quantities = lambda: [QuantitySpec("x", "J", "node", Kind.COUNTER)]  # type: ignore[method-assign]
    channels = [Channel(slow, 0.1), Channel(energy, 0.1)]
    Lane("one", channels, clock)._run()  # type: ignore[arg-type]
    at_s = [channel.drain()[0][-1][0] for channel in channels]
    assert at_s[1] == pytest.approx(1.0) and at_s[0] > 1.9


class Stuck(Source):
    """Its reading ends when the test says so."""

    name, lane = "stuck", "both"

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()

    def quantities(self) -> list[QuantitySpec]:
        """One number."""
        return [QuantitySpec("x", "1", "node")]

    def read(self) -> list[float | None]:
        """Waits for the test."""
        self.entered.set()
        self.released.wait(60)
        return [1.0]


def test_of_a_lane_that_hangs_nothing_is_known_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, stuck = threading.Event(), Stuck()
    other = Scripted(Clock(0.0), [])
    other.lane = "both"
    lane = Lane("both", [Channel(other, 0.1), Channel(stuck, 0.1)], stop)
    lane.start()
    assert stuck.entered.wait(60)
    beside, hanging = lane.channels
    lane.watch_the_time()
    assert beside.newest == [1.0]  # not yet
    now = time.monotonic
    with monkeypatch.context() as later:
        later.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: now() + 2 * SILENT_S))
        lane.watch_the_time()
        lane.watch_the_time()  # said once
    assert list(beside.newest) == list(hanging.newest) == [None]
    (said,) = hanging.drain()[1]
    assert re.fullmatch(r"stuck hangs: no reading for \d+ s, nor of scripted", said)
    assert beside.drain()[1] == []
    assert not lane.join(0.0)
    stop.set()
    stuck.released.set()
    assert lane.join(60)
    lane.watch_the_time()
    assert hanging.drain()[1] == ["stuck answers again"]
    assert list(hanging.newest) == [1.0]
