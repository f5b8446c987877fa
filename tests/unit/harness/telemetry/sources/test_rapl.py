"""Energy counters of processors, in a powercap tree of the test's own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.telemetry.sources import bounds, rapl
from harness.telemetry.sources.base import Kind, SourceUnavailable
from harness.telemetry.sources.rapl import RaplSource
from tests.support.telemetry_fakes import opened


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
    source = opened(RaplSource(root))
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


def test_a_counter_that_is_set_anew_goes_back_instead_of_wrapping(tmp_path: Path) -> None:
    """After a suspend, or a driver that was loaded again: 262 kJ that nobody drew would be counted."""
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 900_000_000)}, wrap=262_143_328_850)
    source = opened(RaplSource(root))
    energy = root / "intel-rapl:0" / "energy_uj"
    energy.write_text("950000000\n")
    assert source.read()[0] == pytest.approx(50.0)
    energy.write_text("5\n")
    assert source.read()[0] == 0.0
    energy.write_text("1000005\n")
    assert source.read()[0] == pytest.approx(1.0)
    (note,) = source.notes()
    assert "set anew" in note


def test_rapl_reading_that_fails_is_absent_and_said_once(tmp_path: Path) -> None:
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1)})
    source = opened(RaplSource(root))
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
    source = opened(RaplSource(powercap(tmp_path, zones)))
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
    source = opened(RaplSource(root))
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


def test_a_hole_that_may_hide_a_wrap_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """65 kJ at 200 W are 330 s: after a hole of ten minutes the difference says nothing."""
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 0)}, wrap=65_532_610_987)
    source, now_s = opened(RaplSource(root)), time.monotonic()
    energy = root / "intel-rapl:0" / "energy_uj"
    for later_s, counted, joule in [
        (30, 6_000_000_000, 6000.0),
        (630, 7_000_000_000, 0.0),
        (631, 7_200_000_000, 200.0),
    ]:
        energy.write_text(f"{counted}\n")
        monkeypatch.setattr(rapl.time, "monotonic", lambda at_s=now_s + later_s: at_s)
        assert source.read()[0] == pytest.approx(joule)
    (note,) = source.notes()
    assert "not read for 600 s" in note


def test_a_counter_that_stands_still_is_absent_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = powercap(tmp_path, {"intel-rapl:0": ("package-0", 0), "intel-rapl:1": ("psys", 7)})
    source, now_s = opened(RaplSource(root)), time.monotonic()
    assert list(source.read()) == [0.0, 0.0]
    monkeypatch.setattr(bounds.time, "monotonic", lambda: now_s + 3)
    (root / "intel-rapl:0" / "energy_uj").write_text("3000000")
    assert list(source.read()) == [3.0, None] and list(source.read()) == [3.0, None]
    (note,) = source.notes()
    assert "platform.platform_energy: the counter does not count" in note
