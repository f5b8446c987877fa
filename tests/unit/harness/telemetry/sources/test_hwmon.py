"""The kernel's power sensors: the node and its parts, sensors that lie, are denied or disappear."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.telemetry.sources.hwmon import HwmonSource
from harness.telemetry.sources.registry import open_source
from tests.support.node_fakes import hwmon
from tests.support.telemetry_fakes import by_name, opened, unavailable

METER = {"power1_average": 231_000_000, "power1_average_interval": 1000}


def test_hwmon_tells_the_node_from_its_parts(tmp_path: Path) -> None:
    root = hwmon(
        tmp_path,
        {
            "coretemp": {"temp1_input": 40_000},
            "power_meter": METER,
            "amdgpu": {"power1_average": 45_000_000, "power1_input": 46_000_000, "power1_label": "PPT"},
            "amdgpu#2": {"power1_average": 47_500_000, "power1_label": "PPT"},
            "ina3221": {"power1_input": 3_000_000, "power1_label": "VDD_CPU"},
        },
    )
    source = opened(HwmonSource(root))
    assert by_name(source) == {
        "node.node_power": 231.0,
        "amdgpu0.power": 46.0,
        "amdgpu1.power": 47.5,
        "ina3221_VDD_CPU.power": 3.0,
    }
    assert source.devices()["node"] == "power_meter, power1_average"


def test_two_meters_are_not_one_node(tmp_path: Path) -> None:
    source = opened(HwmonSource(hwmon(tmp_path, {"power_meter": METER, "power_meter#2": METER})))
    assert [q.key for q in source.quantities()] == ["power_meter0.power", "power_meter1.power"]
    assert "which of them does is not known" in source.notes()[0]


def test_hwmon_without_power(tmp_path: Path) -> None:
    error = unavailable(HwmonSource(hwmon(tmp_path, {"coretemp": {"temp1_input": 40_000}})))
    assert "no power sensor" in error.why and "acpi_power_meter" in error.fix
    assert unavailable(HwmonSource(tmp_path / "missing")).why


def test_hwmon_for_root_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = hwmon(tmp_path, {"power_meter": METER})
    allowed = Path.read_text

    def read_text(path: Path, *arguments: str, **options: str) -> str:
        if path.name == "power1_average":
            raise PermissionError(13, "Permission denied")
        return allowed(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert "root only" in unavailable(HwmonSource(root)).why


def test_hwmon_that_lies_or_disappears(tmp_path: Path) -> None:
    root = hwmon(tmp_path, {"power_meter": METER, "amdgpu": {"power1_input": 0}})
    source = opened(HwmonSource(root))
    sensor = root / "hwmon0/power1_average"
    for said in ("0", "-5", "garbage", "9" * 30):
        sensor.write_text(said)
        assert list(source.read()) == [None, 0.0]  # a part may be off, the node is not
    sensor.unlink()
    assert list(source.read())[0] is None
    sensor.write_text("5000000")
    assert list(source.read())[0] == 5.0
    assert "back" in source.notes()[-1]


def test_a_source_that_does_not_work_becomes_a_null_object(tmp_path: Path) -> None:
    stand_in = open_source(HwmonSource(tmp_path))
    assert stand_in.unavailable is not None and stand_in.quantities() == [] and list(stand_in.read()) == []


@pytest.mark.parametrize("said", ["4294967295", "2147483647", "65535000000"])
def test_all_bits_set_is_not_a_power(tmp_path: Path, said: str) -> None:
    """Of the node and of a part; the sensor beside it is read all the same."""
    root = hwmon(tmp_path, {"power_meter": METER, "amdgpu": {"power1_input": 5_000_000}})
    source = opened(HwmonSource(root))
    (root / "hwmon0/power1_average").write_text(said)
    assert list(source.read()) == [None, 5.0]
    (root / "hwmon1/power1_input").write_text(said)
    assert list(source.read()) == [None, None]
    assert "unknown" in " ".join(source.notes())


def test_a_sensor_that_is_not_a_text_does_not_take_the_others(tmp_path: Path) -> None:
    root = hwmon(tmp_path, {"power_meter": METER, "amdgpu": {"power1_input": 5_000_000}})
    (root / "hwmon0/power1_average").write_bytes(b"\xff\xfe\x80")
    source = opened(HwmonSource(root))
    assert [q.key for q in source.quantities()] == ["amdgpu0.power"]
    assert "cannot be read" in source.notes()[0]


def test_a_meter_whose_files_are_below_device_is_read(tmp_path: Path) -> None:
    """Drivers that register their chip the older way, for years the ACPI power meter among them."""
    root = hwmon(tmp_path, {"power_meter": {}})
    (root / "hwmon0" / "device").mkdir()
    (root / "hwmon0" / "device" / "power1_average").write_text("246000000\n")
    assert by_name(opened(HwmonSource(root))) == {"node.node_power": 246.0}
    (root / "hwmon0" / "name").rename(root / "hwmon0" / "device" / "name")
    assert by_name(opened(HwmonSource(root))) == {"node.node_power": 246.0}


def test_a_meter_that_says_that_it_is_of_a_part_is_not_the_node(tmp_path: Path) -> None:
    meters = {
        "power_meter": {**METER, "power1_oem_info": "CPU Power Socket 0"},
        "power_meter#2": {**METER, "power1_is_battery": 1},
    }
    source = opened(HwmonSource(hwmon(tmp_path, meters)))
    assert by_name(source) == {"power_meter_CPU_Power_Socket_0.power": 231.0, "power_meter.power": 231.0}


def test_a_meter_of_another_unit_is_absent_and_a_small_part_is_not(tmp_path: Path) -> None:
    chips = {"power_meter": {"power1_average": 246_000}, "ina3221": {"power1_input": 300_000}}
    source = opened(HwmonSource(hwmon(tmp_path, chips)))
    assert by_name(source) == {"node.node_power": None, "ina3221.power": 0.3}
    assert "of another unit" in source.notes()[0]
