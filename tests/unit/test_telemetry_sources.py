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
from telemetry_fakes import wait_for

from harness.telemetry import host, sources
from harness.telemetry.host import HostSource, ProcessTreeSource, SelfSource, TrafficSource
from harness.telemetry.rapl import RaplSource
from harness.telemetry.source import Kind, Source, SourceUnavailable


def by_name(source: Source) -> dict[str, float | None]:
    return {q.key: v for q, v in zip(source.quantities(), source.read(), strict=True)}


def test_host_reads_plausible_values() -> None:
    source = HostSource()
    source.open()
    wait_for(lambda: by_name(source)["node.cpu_utilization"] is not None)
    values = by_name(source)
    total = psutil.virtual_memory().total
    assert 0 < values["node.memory_used"] < total
    assert all(q.unit in ("%", "B") for q in source.quantities())


def test_cpu_share_is_the_busy_part_of_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [
        namedtuple("cpu", "user system idle iowait guest guest_nice")(*row)
        for row in ([10, 10, 70, 10, 5, 0], [40, 20, 120, 20, 35, 0])
    ]
    monkeypatch.setattr(host.psutil, "cpu_times", lambda: times.pop(0))
    source = HostSource()
    assert source._cpu_percent() is None
    # 40 busy of 100 elapsed: guest time is part of user time and must not count twice
    assert source._cpu_percent() == pytest.approx(40.0)


def test_a_failed_reading_is_absent_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    source = HostSource()
    source.open()

    def broken() -> None:
        raise OSError("gone")

    monkeypatch.setattr(host.psutil, "cpu_times", broken)
    monkeypatch.setattr(host.psutil, "virtual_memory", broken)
    assert list(source.read()) == [None, None, None]


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
    real = Path.read_text

    def guarded(path: Path, *args: object, **kwargs: object) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", guarded)  # tests may run as root, whom chmod does not stop
    with pytest.raises(SourceUnavailable) as raised:
        RaplSource(root).open()
    assert "root only" in raised.value.why
    assert "chmod" in raised.value.fix


def test_rapl_absent_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no CPU energy counters"):
        RaplSource(tmp_path).open()


# ---------------------------------------------------------------- null object


def test_a_source_that_cannot_open_becomes_a_null_source(tmp_path: Path) -> None:
    source = sources.open_source(RaplSource(tmp_path))
    assert source.name == "rapl"
    assert source.quantities() == [] and list(source.read()) == []
    assert source.unavailable is not None and "intel-rapl" in str(source.unavailable)


def test_a_defect_in_one_source_does_not_stop_the_others() -> None:
    class Broken(Source):
        name = "broken"

        def open(self) -> None:
            raise ZeroDivisionError("oops")

    source = sources.open_source(Broken())
    assert source.unavailable is not None
    assert "ZeroDivisionError: oops" in source.unavailable.why


def test_unknown_source_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown source nvlm: known are psutil"):
        sources.open_all(["nvlm"])
