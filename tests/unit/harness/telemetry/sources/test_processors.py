"""Use and clock of the processors."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from harness.telemetry.sources import processors
from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.proc_files import PROC, ProcFile
from harness.telemetry.sources.processors import CoreSource, FrequencySource, HostSource
from tests.support.telemetry_fakes import opened
from tests.support.waiting import wait_for

CPU_TIMES = [
    namedtuple("cpu", "user system idle iowait guest guest_nice")(*row)
    for row in ([10, 10, 70, 10, 5, 0], [40, 20, 120, 20, 35, 0])
]


def test_use_of_the_node_is_known_after_a_tick() -> None:
    source = opened(HostSource())
    (percent,) = wait_for(lambda: (found := source.read()) != [None] and found)
    assert 0 <= percent <= 100
    assert [q.unit for q in source.quantities()] == ["%"]


def test_cpu_share_is_the_busy_part_of_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [processors._times(cpu) for cpu in CPU_TIMES]
    monkeypatch.setattr(processors, "node_times", lambda stat: times.pop(0))
    source = HostSource()
    assert source.read() == [None]
    # 40 busy of 100 elapsed: guest time is part of user time and must not count twice
    assert source.read() == [pytest.approx(40.0)]


def test_node_times_are_those_of_psutil(tmp_path: Path) -> None:
    ours, theirs = processors.node_times(ProcFile(PROC / "stat")), processors._times(psutil.cpu_times())
    assert ours == pytest.approx(theirs, rel=0.01)
    stat = ProcFile(tmp_path / "stat")
    assert processors.node_times(stat) == pytest.approx(theirs, rel=0.01)  # no such file
    (tmp_path / "stat").write_text("cpu  100 0 50 800 50 0 0 0 10 0\ncpu0 1 2\n")
    assert processors.node_times(stat) == (10.0, 8.5)
    (tmp_path / "stat").write_text("nonsense\n")
    assert processors.node_times(stat) == pytest.approx(theirs, rel=0.01)
    stat.close()


def test_each_core_on_its_own_and_absent_when_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = CPU_TIMES
    seen = [[first, first], [second, first], [second]]
    monkeypatch.setattr(processors.psutil, "cpu_times", lambda percpu: seen.pop(0))
    source = opened(CoreSource())
    assert [q.key for q in source.quantities()] == ["core0.core_utilization", "core1.core_utilization"]
    assert source.read() == [pytest.approx(40.0), None]  # no tick passed on the second core
    assert source.read() == [None, None]


def test_frequency_is_mean_and_slowest_or_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    core = namedtuple("freq", "current min max")
    answers: list[object] = [[core(1000.0, 0, 0), core(3000.0, 0, 0)], None, []]
    monkeypatch.setattr(processors.psutil, "cpu_freq", lambda percpu: answers.pop(0), raising=False)
    source = FrequencySource()
    assert source.read() == [2000.0, 1000.0]
    assert source.read() == [None, None]
    with pytest.raises(SourceUnavailable, match="clocks cannot be read"):
        source.open()


def test_a_failed_reading_is_absent_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    source, cores = HostSource(), CoreSource()
    source.open()
    cores.open()

    def broken(*_: object, **__: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(processors.psutil, "cpu_times", broken)
    monkeypatch.setattr(processors, "node_times", broken)
    for one in (source, cores):
        assert set(one.read()) == {None}
