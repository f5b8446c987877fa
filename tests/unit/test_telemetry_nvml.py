"""The NVML source against a stand-in for the driver's library."""

from __future__ import annotations

import sys

import pytest
from telemetry_fakes import fake_nvml

from harness.telemetry.nvml import NvmlSource
from harness.telemetry.source import Kind, SourceUnavailable


def opened(monkeypatch: pytest.MonkeyPatch, **state: object) -> tuple[NvmlSource, object]:
    nvml = fake_nvml(monkeypatch, **state)
    source = NvmlSource()
    source.open()
    return source, nvml


def values(source: NvmlSource) -> dict[str, float | None]:
    return {q.key: v for q, v in zip(source.quantities(), source.read(), strict=True)}


def test_every_gpu_with_units(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [nvml.A100, {**nvml.A100, "uuid": "GPU-1", "power_mw": 300_000}]
    source = NvmlSource()
    source.open()
    read = values(source)
    assert read["gpu0.gpu_power"] == 70.0 and read["gpu1.gpu_power"] == 300.0
    assert read["gpu0.gpu_energy"] == 1000.0
    assert read["gpu0.gpu_utilization"] == 50 and read["gpu0.gpu_memory_used"] == 2**30
    units = {q.name: (q.unit, q.kind) for q in source.quantities()}
    assert units["gpu_energy"] == ("J", Kind.COUNTER) and units["gpu_power"] == ("W", Kind.GAUGE)
    assert source.devices() == {
        "gpu0": "NVIDIA A100-SXM4-40GB, GPU-0",
        "gpu1": "NVIDIA A100-SXM4-40GB, GPU-1",
    }
    assert source.notes() == []


def test_what_a_gpu_does_not_support_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"][0]["energy_mj"] = {"error": nvml.NVML_ERROR_NOT_SUPPORTED}
    source = NvmlSource()
    source.open()
    assert "gpu0.gpu_energy" not in values(source) and "gpu0.gpu_power" in values(source)
    (note,) = source.notes()
    assert "gpu_energy" in note and "does not report" in note


def test_reading_that_fails_later_is_absent_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source, nvml = opened(monkeypatch)
    nvml.STATE["gpus"][0]["power_mw"] = {"error": nvml.NVML_ERROR_NOT_SUPPORTED}
    assert values(source)["gpu0.gpu_power"] is None
    assert values(source)["gpu0.gpu_utilization"] == 50
    assert len(source.notes()) == 1
    nvml.STATE["gpus"][0]["power_mw"] = 80_000
    assert values(source)["gpu0.gpu_power"] == 80.0  # it came back


def test_lost_gpu_is_absent_and_left_alone_while_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [dict(nvml.A100), dict(nvml.A100)]
    source = NvmlSource()
    source.open()
    nvml.STATE["gpus"][0] = {name: {"error": nvml.NVML_ERROR_GPU_IS_LOST} for name in nvml.A100}
    nvml.CALLS.clear()
    read = values(source)
    assert all(v is None for k, v in read.items() if k.startswith("gpu0"))
    assert read["gpu1.gpu_power"] == 70.0
    (note,) = source.notes()
    assert "fallen off the bus" in note
    assert len([c for c in nvml.CALLS if c[0] == 0]) == 1  # asked once, then no more
    values(source)
    assert len([c for c in nvml.CALLS if c[0] == 0]) == 1


@pytest.mark.parametrize(
    ("code", "why", "fix"),
    [
        (12, "libnvidia-ml.so.1", "driver"),
        (9, "kernel module", "modprobe"),
        (18, "different driver versions", "restart"),
        (4, "may not ask", "/dev/nvidia"),
        (999, "error 999", "nvidia-smi"),
    ],
)
def test_driver_errors_are_explained(monkeypatch: pytest.MonkeyPatch, code: int, why: str, fix: str) -> None:
    fake_nvml(monkeypatch, init_error=code)
    with pytest.raises(SourceUnavailable) as raised:
        NvmlSource().open()
    assert why in raised.value.why and fix in raised.value.fix


def test_no_gpu_behind_a_working_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvml(monkeypatch, gpus=[])
    with pytest.raises(SourceUnavailable, match="reports no GPU"):
        NvmlSource().open()


def test_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(SourceUnavailable) as raised:
        NvmlSource().open()
    assert "pip install nvidia-ml-py" in raised.value.fix


def test_close_twice_shuts_down_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source, nvml = opened(monkeypatch)
    source.close()
    source.close()
    assert nvml.CALLS.count(("all", "shutdown")) == 1
    assert all(v is None for v in source.read())
