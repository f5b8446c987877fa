"""The NVML source against a stand-in for nvidia-ml-py: what the real package cannot be made to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from harness.machine.accelerators import accelerators
from harness.telemetry import pacing
from harness.telemetry.recorder import channel as schedule
from harness.telemetry.recorder.channel import Channel
from harness.telemetry.sources import bounds
from harness.telemetry.sources import nvml as nvml_source
from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.bounds import GPU, why_not
from harness.telemetry.sources.nvidia_gpus import NvmlSource
from tests.support.telemetry_fakes import by_name, fake_nvml


def opened(monkeypatch: pytest.MonkeyPatch, **state: object) -> tuple[NvmlSource, ModuleType]:
    nvml = fake_nvml(monkeypatch, **state)
    source = NvmlSource()
    source.open()
    return source, nvml


def test_lost_gpu_is_absent_and_left_alone_while_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [dict(nvml.A100), dict(nvml.A100)]
    source = NvmlSource()
    source.open()
    nvml.STATE["gpus"][0] = {name: {"error": nvml.NVML_ERROR_GPU_IS_LOST} for name in nvml.A100}
    nvml.CALLS.clear()
    read = by_name(source)
    assert all(v is None for k, v in read.items() if k.startswith("gpu0"))
    assert read["gpu1.gpu_power"] == 70.0
    (note,) = source.notes()
    assert "fallen off the bus" in note
    assert len([c for c in nvml.CALLS if c[0] == 0]) == 1  # asked once, then no more
    by_name(source)
    assert len([c for c in nvml.CALLS if c[0] == 0]) == 1


def test_a_slow_counter_does_not_slow_the_power_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an H100 the counter costs 4 ms of processor time and the power 6 us."""
    source, nvml = opened(monkeypatch)
    channel = Channel(source, 0.1)
    now_s, used_s = [1000.0], [0.0]
    clocks = SimpleNamespace(monotonic=lambda: now_s[0], thread_time=lambda: used_s[0])
    for module in (nvml_source, pacing, schedule):
        monkeypatch.setattr(module, "time", clocks)
    for call, cost_s in (("nvmlDeviceGetTotalEnergyConsumption", 4e-3), ("nvmlDeviceGetPowerUsage", 6e-6)):
        real = getattr(nvml, call)

        def costly(handle: int, real: Callable[[int], int] = real, cost_s: float = cost_s) -> int:
            used_s[0] += cost_s
            return real(handle)

        monkeypatch.setattr(nvml, call, costly)
    for _ in range(42):
        channel.take()
        now_s[0] += 0.1
    channel.take(last=True)  # it has to enclose the end of the run
    keys = [q.key for q in source.quantities()]
    rows = [dict(zip(keys, values, strict=True)) for _, values in channel.drain()[0]]
    assert all(row["gpu0.gpu_power"] is not None for row in rows)
    assert [n for n, row in enumerate(rows) if row["gpu0.gpu_energy"] is not None] == [0, 14, 28, 42]
    assert channel.pace.spacing_s == pytest.approx(0.1)


@pytest.mark.parametrize(("cost_s", "spacing_s"), [(10e-6, 0.1), (1.1e-3, 0.4), (2.3e-3, 0.8), (50e-3, 1.0)])
def test_a_slow_driver_is_asked_less_often_but_once_a_second(
    monkeypatch: pytest.MonkeyPatch, cost_s: float, spacing_s: float
) -> None:
    source, nvml = opened(monkeypatch)
    channel, used_s = Channel(source, 0.1), [0.0]

    def power(handle: int) -> int:
        used_s[0] += cost_s
        return 70_000

    monkeypatch.setattr(nvml, "nvmlDeviceGetPowerUsage", power)
    clocks = SimpleNamespace(monotonic=time.monotonic, thread_time=lambda: used_s[0])
    monkeypatch.setattr(pacing, "time", clocks)
    channel.take()
    assert channel.pace.spacing_s == pytest.approx(spacing_s)


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


@pytest.mark.parametrize("milliwatts", [0xFFFFFFFF, 0x7FFFFFFF, 65_535_000, 20_000_000])
def test_power_that_no_gpu_draws_is_absent_and_said_once(
    monkeypatch: pytest.MonkeyPatch, milliwatts: int
) -> None:
    source, nvml = opened(monkeypatch)
    nvml.STATE["gpus"][0]["power_mw"] = milliwatts
    assert by_name(source)["gpu0.gpu_power"] is None
    by_name(source)
    (note,) = source.notes()
    assert "gpu_power is absent where it cannot be" in note
    nvml.STATE["gpus"][0]["power_mw"] = 70_000
    assert by_name(source)["gpu0.gpu_power"] == 70.0


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (65535.0, "degC"),
        (-128.0, "degC"),
        (255.0, "%"),
        (2.0**64, "B"),
        (float("nan"), "MHz"),
        (4294967295.0, "1"),
    ],
)
def test_sentinels_by_unit(value: float, unit: str) -> None:
    assert why_not(value, unit, GPU)


@pytest.mark.parametrize("name", ["NVIDIA GH200 480GB", "NVIDIA GB200", "NVIDIA GB300 NVL72", "Grace Hopper"])
def test_the_counter_of_a_superchip_is_of_its_module(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [{**nvml.A100, "name": name}]
    source = NvmlSource()
    source.open()
    assert {q.key for q in source.quantities()} == {"gpu0.gpu_power", "module0.module_energy"}
    assert "not of the GPU" in source.devices()["gpu0"] and "module0" in source.devices()


@pytest.mark.parametrize("name", ["NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA B200", "Quadro GV100"])
def test_the_counter_of_a_board_is_of_the_gpu(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [{**nvml.A100, "name": name}]
    source = NvmlSource()
    source.open()
    assert "gpu0.gpu_energy" in {q.key for q in source.quantities()}


def test_a_name_that_is_not_a_text_takes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    monkeypatch.setattr(nvml, "nvmlDeviceGetName", lambda handle: b"\xf8\x95\xa0".decode())
    source = NvmlSource()
    source.open()
    assert by_name(source)["gpu0.gpu_power"] == 70.0
    assert "name not readable" in source.devices()["gpu0"]


def test_one_call_that_the_library_cannot_make_takes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-ml-py raises exceptions of other kinds, too: versions that do not fit, names that are not a text."""
    nvml = fake_nvml(monkeypatch)

    def mismatch(handle: int) -> int:
        raise RuntimeError("Unversioned function called and the pyNVML version does not match")

    monkeypatch.setattr(nvml, "nvmlDeviceGetTotalEnergyConsumption", mismatch)
    source = NvmlSource()
    source.open()
    assert by_name(source) == {"gpu0.gpu_power": 70.0}
    assert any("gpu_energy (nvidia-ml-py does not fit the driver" in note for note in source.notes())


@pytest.mark.parametrize("answer", [None, 4_294_967_295, 0])
def test_a_limit_that_is_not_known_takes_nothing_else(
    monkeypatch: pytest.MonkeyPatch, answer: int | None
) -> None:
    nvml = fake_nvml(monkeypatch)
    monkeypatch.setattr(nvml, "nvmlDeviceGetEnforcedPowerLimit", lambda handle: answer, raising=False)
    source = NvmlSource()
    source.open()
    assert by_name(source)["gpu0.gpu_power"] == 70.0
    assert "power limit" not in source.devices()["gpu0"]


def test_a_gpu_that_falls_off_while_the_source_opens_does_not_take_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [dict(nvml.A100), dict(nvml.A100)]
    asked: list[int] = []

    def handle(index: int) -> int:
        asked.append(index)
        if asked.count(0) == 2 and index == 0:
            raise nvml.NVMLError(nvml.NVML_ERROR_GPU_IS_LOST)
        return index

    monkeypatch.setattr(nvml, "nvmlDeviceGetHandleByIndex", handle)
    source = NvmlSource()
    source.open()
    assert by_name(source)["gpu1.gpu_power"] == 70.0
    assert source.notes() == ["gpu0: the GPU has fallen off the bus"]


def test_memory_and_clock_that_are_not_known_are_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = fake_nvml(monkeypatch)
    nvml.STATE["gpus"] = [{**nvml.A100, "memory_total": 0, "max_sm_clock": 4_294_967_295}]
    (gpu,) = accelerators().gpus
    assert (gpu.memory_bytes, gpu.sm_clock_mhz) == (None, None)


def test_a_counter_that_stands_still_is_absent_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some boards and virtual GPUs have one that never moves, and call reading it a success."""
    source, _ = opened(monkeypatch)
    key = "gpu0.gpu_energy"
    assert by_name(source)[key] == 1000.0
    later_s = time.monotonic() + 1
    monkeypatch.setattr(bounds.time, "monotonic", lambda: later_s)
    monkeypatch.setattr(source._seldom_pace, "is_due", lambda now_s: True)
    assert by_name(source)[key] is None
    assert any("does not count" in note for note in source.notes())


def test_a_number_of_gpus_that_no_machine_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    module = fake_nvml(monkeypatch)
    monkeypatch.setattr(module, "nvmlDeviceGetCount", lambda: 4_294_967_295)
    with pytest.raises(SourceUnavailable, match="cannot be listed"):
        NvmlSource().open()
    assert not accelerators().is_complete
