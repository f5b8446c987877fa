"""The NVML source against a stand-in for nvidia-ml-py: what the real package cannot be made to do."""

from __future__ import annotations

import itertools
import sys

import pytest

from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.nvidia_gpus import NvmlSource
from tests.support.telemetry_fakes import fake_nvml


def opened(monkeypatch: pytest.MonkeyPatch, **state: object) -> tuple[NvmlSource, object]:
    nvml = fake_nvml(monkeypatch, **state)
    source = NvmlSource()
    source.open()
    return source, nvml


def values(source: NvmlSource) -> dict[str, float | None]:
    return {q.key: v for q, v in zip(source.quantities(), source.read(), strict=True)}


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


@pytest.mark.parametrize(("cost_s", "interval_s"), [(10e-6, 0.02), (1.8e-3, 0.6), (50e-3, 1.0)])
def test_a_slow_driver_is_asked_less_often_but_once_a_second(
    monkeypatch: pytest.MonkeyPatch, cost_s: float, interval_s: float
) -> None:
    clock = itertools.count()
    monkeypatch.setattr("harness.telemetry.sources.nvml.time.thread_time", lambda: next(clock) * cost_s)
    source, _ = opened(monkeypatch)
    assert source.interval_s == pytest.approx(interval_s)
    assert len([note for note in source.notes() if "read at most every" in note]) == 2 * (interval_s > 0.1)


def test_a_slow_counter_does_not_slow_the_power_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an H100 the counter costs 4 ms of processor time and the power 6 us."""
    source, nvml = opened(monkeypatch)
    for channel in source._channels:
        if channel.reading.names == "gpu_energy":
            channel.every_s = 2.0
    now = [1000.0]
    monkeypatch.setattr("harness.telemetry.sources.nvml.time.monotonic", lambda: now[0])
    rows = []
    for _ in range(41):
        rows.append(values(source))
        now[0] += 0.1
    assert all(row["gpu0.gpu_power"] is not None for row in rows)
    assert [n for n, row in enumerate(rows) if row["gpu0.gpu_energy"] is not None] == [0, 20, 40]
    assert values(source)["gpu0.gpu_energy"] is None
    source.ending()  # its last reading has to enclose the end of the run
    assert values(source)["gpu0.gpu_energy"] is not None


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
