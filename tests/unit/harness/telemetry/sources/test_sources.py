"""psutil, process tree and RAPL sources, and what stands in for one that does not work."""

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from harness.telemetry.recorder import pacing
from harness.telemetry.sources import host, memory, rapl, registry
from harness.telemetry.sources.base import Kind, Source, SourceUnavailable
from harness.telemetry.sources.host import (
    CoreSource,
    FrequencySource,
    HostSource,
    ProcessTreeSource,
    SelfSource,
    TrafficSource,
)
from harness.telemetry.sources.memory import MemorySource
from harness.telemetry.sources.proc_files import PROC, ProcFile
from harness.telemetry.sources.rapl import RaplSource
from tests.support.telemetry_fakes import wait_for


def by_name(source: Source) -> dict[str, float | None]:
    return {q.key: v for q, v in zip(source.quantities(), source.read(), strict=True)}


@pytest.mark.parametrize(
    ("cost_s", "interval_s"), [(0.00001, HostSource.interval_s), (0.001, 0.5), (0.5, 1.0)]
)
def test_a_slow_proc_is_read_less_often(
    cost_s: float, interval_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 10 Hz a reading of 1 ms would take 1 % of a core; utilisation once in 0.5 s takes 0.2."""
    used_s = iter(number // 2 * 1.0 + number % 2 * cost_s for number in range(100))
    monkeypatch.setattr(pacing.time, "thread_time", lambda: next(used_s))
    source = HostSource()
    source.open()
    assert source.interval_s == pytest.approx(interval_s)
    notes = source.notes()
    assert [note.split(":")[0] for note in notes] == (["psutil"] if interval_s > 0.1 else [])
    assert source.notes() == []


def test_host_reads_plausible_values() -> None:
    source, of_memory = HostSource(), MemorySource()
    source.open()
    of_memory.open()
    wait_for(lambda: by_name(source)["node.cpu_utilization"] is not None)
    values = by_name(of_memory)
    total = psutil.virtual_memory().total
    assert 0 < values["node.memory_used"] < total
    assert {q.unit for q in of_memory.quantities()} == {"B", "B/s", "%"}


CPU_TIMES = [
    namedtuple("cpu", "user system idle iowait guest guest_nice")(*row)
    for row in ([10, 10, 70, 10, 5, 0], [40, 20, 120, 20, 35, 0])
]


def test_cpu_share_is_the_busy_part_of_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [host._times(cpu) for cpu in CPU_TIMES]
    monkeypatch.setattr(host, "node_times", lambda stat: times.pop(0))
    source = HostSource()
    assert source.read() == [None]
    # 40 busy of 100 elapsed: guest time is part of user time and must not count twice
    assert source.read() == [pytest.approx(40.0)]


def test_node_times_are_those_of_psutil(tmp_path: Path) -> None:
    ours, theirs = host.node_times(ProcFile(PROC / "stat")), host._times(psutil.cpu_times())
    assert ours == pytest.approx(theirs, rel=0.01)
    stat = ProcFile(tmp_path / "stat")
    assert host.node_times(stat) == pytest.approx(theirs, rel=0.01)  # no such file
    (tmp_path / "stat").write_text("cpu  100 0 50 800 50 0 0 0 10 0\ncpu0 1 2\n")
    assert host.node_times(stat) == (10.0, 8.5)
    (tmp_path / "stat").write_text("nonsense\n")
    assert host.node_times(stat) == pytest.approx(theirs, rel=0.01)
    stat.close()


def test_each_core_on_its_own_and_absent_when_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = CPU_TIMES
    opening = [[first, first]] * (1 + pacing.PROBES)
    seen = [*opening, [second, first], [second]]
    monkeypatch.setattr(host.psutil, "cpu_times", lambda percpu: seen.pop(0))
    source = CoreSource()
    source.open()
    assert [q.key for q in source.quantities()] == ["core0.core_utilization", "core1.core_utilization"]
    assert source.read() == [pytest.approx(40.0), None]  # no tick passed on the second core
    assert source.read() == [None, None]


def test_frequency_is_mean_and_slowest_or_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    core = namedtuple("freq", "current min max")
    answers: list[object] = [[core(1000.0, 0, 0), core(3000.0, 0, 0)], None, []]
    monkeypatch.setattr(host.psutil, "cpu_freq", lambda percpu: answers.pop(0), raising=False)
    source = FrequencySource()
    assert source.read() == [2000.0, 1000.0]
    assert source.read() == [None, None]
    with pytest.raises(SourceUnavailable, match="clocks cannot be read"):
        source.open()


def test_page_cache_pressure_is_a_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0, 2.0, 4.0]
    monkeypatch.setattr(host.time, "monotonic", lambda: clock.pop(0))
    (tmp_path / "pressure").mkdir()

    def state(refault: int, stalled_us: int) -> None:
        (tmp_path / "vmstat").write_text(f"nr_free 7\npswpin 0\nworkingset_refault_file {refault}\n")
        (tmp_path / "pressure" / "memory").write_text(
            f"some avg10=0.00 avg60=0.00 avg300=0.00 total={stalled_us}\nfull avg10=0.00 total=0\n"
        )

    state(1000, 0)
    source = MemorySource(tmp_path)
    source.open()
    state(1500, 400_000)
    values = by_name(source)
    assert values["node.cache_refault"] == 500 * memory.PAGE_BYTES / 2
    assert values["node.memory_stall"] == pytest.approx(20.0)
    assert values["node.swap_in"] == 0.0
    assert values["node.swap_out"] is None  # this kernel does not count it
    (tmp_path / "vmstat").write_text("nr_free 7\n")
    (tmp_path / "pressure" / "memory").write_text("")
    values = by_name(source)
    assert values["node.cache_refault"] is None and values["node.memory_stall"] is None


def test_memory_is_what_psutil_says(tmp_path: Path) -> None:
    """From /proc/meminfo where there is one, else from psutil."""
    (tmp_path / "meminfo").write_text(
        "MemTotal: 100 kB\nMemAvailable: 70 kB\nCached: 20 kB\nSReclaimable: 5 kB\nSwapTotal: 9 kB\nSwapFree: 6 kB\n"
    )
    assert MemorySource(tmp_path).read()[:3] == [30 * 1024, 25 * 1024, 3 * 1024]
    for text in (
        "MemTotal: 100 kB\n",
        "MemTotal: 100 kB\nMemAvailable: 300 kB\n",
        "MemTotal:\n",
        "nonsense\n",
        "",
    ):
        (tmp_path / "meminfo").write_text(text)
        used, _, swapped = MemorySource(tmp_path).read()[:3]
        there = psutil.virtual_memory()
        assert used == pytest.approx(there.total - there.available, rel=0.2) and swapped is not None
    if (PROC / "meminfo").exists():
        _, cached, swapped = MemorySource().read()[:3]
        assert cached == pytest.approx(psutil.virtual_memory().cached, rel=0.05)
        assert swapped == pytest.approx(psutil.swap_memory().used, rel=0.05)


def test_a_failed_reading_is_absent_not_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source, of_memory, cores = HostSource(), MemorySource(tmp_path), CoreSource()
    source.open()
    of_memory.open()
    cores.open()

    def broken(*_: object, **__: object) -> None:
        raise OSError("gone")

    for name in ("cpu_times", "virtual_memory", "swap_memory"):
        monkeypatch.setattr(host.psutil, name, broken)
    monkeypatch.setattr(host, "node_times", broken)
    for one in (source, of_memory, cores):
        assert set(one.read()) == {None}


def test_traffic_is_a_rate_and_starts_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [{"sda": (0, 0)}, {"sda": (5000, 100)}, {"sda": (4000, 100)}]
    counters = namedtuple("disk", "read_bytes write_bytes")
    clock = [0.0, 2.0, 4.0]
    monkeypatch.setattr(host.time, "monotonic", lambda: clock.pop(0))
    monkeypatch.setattr(
        host.psutil, "disk_io_counters", lambda **_: {n: counters(*v) for n, v in seen.pop(0).items()}
    )
    monkeypatch.setattr(host.psutil, "net_io_counters", lambda **_: {})
    source = TrafficSource()
    assert list(source.read()) == [None] * 4
    assert list(source.read()) == [2500.0, 50.0, None, None]
    assert list(source.read())[0] is None  # the counter went back: the device is another one


def test_virtual_devices_do_not_count_twice(tmp_path: Path) -> None:
    (tmp_path / "sda" / "device").mkdir(parents=True)
    (tmp_path / "dm-0").mkdir()
    assert host._hardware_names(tmp_path) == {"sda"}
    assert host._hardware_names(tmp_path / "missing") is None


def test_process_tree_sees_children_and_their_end() -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", grandchild], stdin=subprocess.PIPE) as child:
        source = ProcessTreeSource(child.pid)
        source.scan_share = 1.0
        wait_for(lambda: by_name(source)["process_tree.processes"] == 2)
        values = by_name(source)
        assert values["process_tree.rss"] > 1 << 20
        assert values["process_tree.cpu"] >= 0
        child.communicate(b"\n")
    assert list(wait_for(lambda: (v := source.read()) and v[2] is None and v)) == [None, None, None]


def test_process_that_has_ended_has_no_memory_not_zero() -> None:
    """A child that nobody has waited for yet is still listed, with a resident set of 0."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    source = ProcessTreeSource(child.pid)
    assert source.read()[0] > 1 << 20
    assert child.stdin is not None
    child.stdin.close()
    wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert list(source.read()) == [None, None, None]
    child.wait()


def test_process_tree_without_a_process_is_absent() -> None:
    assert list(ProcessTreeSource().read()) == [None, None, None]
    source = ProcessTreeSource()
    source.watch(2**22 + 7)  # beyond the largest pid Linux gives
    assert list(source.read()) == [None, None, None]


def test_process_cpu_is_what_was_used_since_the_last_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {1: [10.0, 11.0], 2: [0.5]}

    def process(pid: int) -> SimpleNamespace:
        return SimpleNamespace(
            pid=pid,
            oneshot=nullcontext,
            cpu_times=lambda: (used[pid].pop(0), 0.0, 99.0),
            memory_info=lambda: SimpleNamespace(rss=100),
        )

    clock = iter([0.0, 0.0, 2.0, 2.0])
    monkeypatch.setattr(host.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(host, "_children", lambda pid: [])
    children = [[], [process(2)]]
    source = ProcessTreeSource()
    source._root = SimpleNamespace(children=lambda recursive: children.pop(0))
    source._known = {1: process(1)}
    assert list(source.read()) == [100.0, None, 1.0]
    # one second of the first process and half a second of the new child, in two seconds
    assert list(source.read()) == [200.0, pytest.approx(75.0), 2.0]


def test_self_source_needs_two_readings() -> None:
    source = SelfSource()
    assert list(source.read()) == [None]
    assert source.read()[0] >= 0


def test_the_sampler_counts_the_tools_that_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, own_s, tools_s = iter([0.0, 2.0]), iter([1.0, 1.01]), iter([5.0, 5.03])
    monkeypatch.setattr(host.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(host.time, "process_time", lambda: next(own_s))
    times = namedtuple("times", "children_user children_system")
    monkeypatch.setattr(host.os, "times", lambda: times(next(tools_s), 0.5))
    source = SelfSource()
    assert [*source.read(), *source.read()] == [None, pytest.approx(2.0)]


# ---------------------------------------------------------------- RAPL


def powercap(root: Path, zones: dict[str, tuple[str, int]], wrap: int = 1_000_000) -> Path:
    for folder, (name, energy) in zones.items():
        zone = root / folder
        zone.mkdir(parents=True)
        (zone / "name").write_text(name + "\n")
        (zone / "energy_uj").write_text(f"{energy}\n")
        (zone / "max_energy_range_uj").write_text(f"{wrap}\n")
    return root


def test_rapl_counts_joules_through_a_wrap(tmp_path: Path) -> None:
    zones = {
        "intel-rapl:0": ("package-0", 900_000),
        "intel-rapl:0:0": ("core", 0),
        "intel-rapl:0:1": ("dram", 10),
        "intel-rapl-mmio:0": ("package-0", 5),
        "dtpm": ("nothing of ours", 5),
    }
    root = powercap(tmp_path, zones)
    source = RaplSource(root)
    source.open()
    assert [(q.scope, q.name) for q in source.quantities()] == [
        ("cpu_package0", "cpu_energy"),
        ("cpu_cores0", "cpu_energy"),
        ("dram0", "dram_energy"),
    ]
    assert all(q.kind is Kind.COUNTER and q.unit == "J" for q in source.quantities())
    assert list(source.read()) == [0.0, 0.0, 0.0]
    energy = root / "intel-rapl:0" / "energy_uj"
    energy.write_text("950000\n")
    assert source.read()[0] == pytest.approx(0.05)
    energy.write_text("100000\n")  # wrapped at 1 J
    assert source.read()[0] == pytest.approx(0.2, abs=1e-5)


def test_rapl_reading_that_fails_is_absent_and_said_once(tmp_path: Path) -> None:
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1)})
    source = RaplSource(root)
    source.open()
    (root / "intel-rapl:0" / "energy_uj").unlink()
    assert list(source.read()) == [None]
    assert list(source.read()) == [None]
    assert len(source.notes()) == 1
    assert source.notes() == []


def test_rapl_without_permission_says_how_to_grant_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1)})

    def denied(path: Path) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(rapl, "_read_int", denied)  # tests may run as root, whom chmod does not stop
    with pytest.raises(SourceUnavailable) as raised:
        RaplSource(root).open()
    assert "root only" in raised.value.why
    assert "chmod" in raised.value.fix


def test_rapl_zone_names_of_dies_platforms_and_twins(tmp_path: Path) -> None:
    zones = {
        "intel-rapl:0": ("package-0-die-0", 1),
        "intel-rapl:1": ("package-0-die-1", 1),
        "intel-rapl:2": ("psys", 1),
        "intel-rapl:3": ("psys", 1),
        "intel-rapl:1:0": ("uncore", 1),
    }
    source = RaplSource(powercap(tmp_path, zones))
    source.open()
    keys = {"cpu_package0_die0", "cpu_package0_die1", "cpu_uncore1", "platform", "platform_3"}
    assert {q.scope for q in source.quantities()} == keys
    assert set(source.devices()) == keys


def test_rapl_says_which_zones_are_denied_beside_those_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1), "intel-rapl:0:0": ("dram", 1)})
    real = rapl._read_int

    def guarded(path: Path) -> int:
        if path.parent.name == "intel-rapl:0:0":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(rapl, "_read_int", guarded)
    source = RaplSource(root)
    source.open()
    assert [q.scope for q in source.quantities()] == ["cpu_package0"]
    (note,) = source.notes()
    assert "intel-rapl:0:0" in note and "chmod" in note


def test_rapl_of_nonsense_is_unavailable(tmp_path: Path) -> None:
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1)})
    (root / "intel-rapl:0" / "energy_uj").write_text("many\n")
    with pytest.raises(SourceUnavailable) as raised:
        RaplSource(root).open()
    assert "intel-rapl:0 cannot be read" in raised.value.why and "chmod" not in raised.value.fix


def test_rapl_absent_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no CPU energy counters"):
        RaplSource(tmp_path).open()


# ---------------------------------------------------------------- null object


def test_a_source_that_cannot_open_becomes_a_null_source(tmp_path: Path) -> None:
    source = registry.open_source(RaplSource(tmp_path))
    assert source.name == "rapl"
    assert source.quantities() == [] and list(source.read()) == []
    assert source.unavailable is not None and "intel-rapl" in str(source.unavailable)


def test_a_defect_in_one_source_does_not_stop_the_others() -> None:
    class Broken(Source):
        name = "broken"

        def open(self) -> None:
            raise ZeroDivisionError("oops")

    source = registry.open_source(Broken())
    assert source.unavailable is not None
    assert "ZeroDivisionError: oops" in source.unavailable.why


def test_unknown_source_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown source nvlm: known are psutil"):
        registry.open_all(["nvlm"])
