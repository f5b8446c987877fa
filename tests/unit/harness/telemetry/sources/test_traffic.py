"""Bytes through disks and network devices."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from harness.telemetry.sources import traffic
from harness.telemetry.sources.traffic import TrafficSource


def test_traffic_is_a_rate_and_starts_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [{"sda": (0, 0)}, {"sda": (5000, 100)}, {"sda": (4000, 100)}]
    counters = namedtuple("disk", "read_bytes write_bytes")
    clock = [0.0, 2.0, 4.0]
    monkeypatch.setattr(traffic.time, "monotonic", lambda: clock.pop(0))
    monkeypatch.setattr(
        traffic.psutil, "disk_io_counters", lambda **_: {n: counters(*v) for n, v in seen.pop(0).items()}
    )
    monkeypatch.setattr(traffic.psutil, "net_io_counters", lambda **_: {})
    source = TrafficSource()
    assert list(source.read()) == [None] * 4
    assert list(source.read()) == [2500.0, 50.0, None, None]
    assert list(source.read())[0] is None  # the counter went back: the device is another one


def test_virtual_devices_do_not_count_twice(tmp_path: Path) -> None:
    (tmp_path / "sda" / "device").mkdir(parents=True)
    (tmp_path / "dm-0").mkdir()
    assert traffic._hardware_names(tmp_path) == {"sda"}
    assert traffic._hardware_names(tmp_path / "missing") is None
