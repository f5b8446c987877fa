"""The NVML sources through nvidia-ml-py itself, on a stand-in for the driver's library written in C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.telemetry.reader.energy import measure
from harness.telemetry.sources.nvidia_processes import NvmlProcessSource
from tests.support.fakes.nvml import LOST, NO_PERMISSION, NOT_SUPPORTED, FakeNvml

STEP = "0 power 0:70 10:300"  # 10 s at 70 W, then 300 W: 3700 J in 20 s
TIMES_S = tuple(round(0.1 * k, 6) for k in range(201))


def test_fast_quantities_of_two_gpus(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 power 0:70", "1 power 0:300", "1 utilization 0:97", count=2)
    found = fake_nvml.read(times_s=(0.0, 2.0))
    assert found.row(1) == {
        "gpu0.gpu_power": 70.0,
        "gpu0.gpu_energy": 140.0,
        "gpu1.gpu_power": 300.0,
        "gpu1.gpu_energy": 600.0,
    }
    assert found.kinds["gpu0.gpu_energy"] == ["J", "counter"]
    assert found.notes == []
    busy = fake_nvml.read("NvmlUtilizationSource")
    assert busy.row()["gpu0.gpu_utilization"] == 0.0 and busy.row()["gpu1.gpu_utilization"] == 97.0
    assert busy.interval_s < 1.0
    assert found.devices["gpu1"] == "Fake GPU, GPU-fake-1; gpu_power is instantaneous; power limit 700 W"


def test_state_and_slow_quantities(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 reasons 0:4 5:96", "0 ecc_uncorrected 0:0 5:2", STEP)
    state = fake_nvml.read("NvmlStateSource", (0.0, 10.5))
    assert state.row(0)["gpu0.gpu_memory_used"] == 2**30
    assert state.row(0)["gpu0.gpu_sm_clock"] == 1410 and state.row(0)["gpu0.gpu_memory_clock"] == 1593
    throttled = [f"gpu0.gpu_throttled_by_{why}" for why in ("power", "heat", "other")]
    assert [state.row(0)[key] for key in throttled] == [1.0, 0.0, 0.0]
    assert [state.row(1)[key] for key in throttled] == [0.0, 1.0, 0.0]
    assert state.row(1)["gpu0.gpu_power_average"] == pytest.approx(185.0)  # half a second of each
    slow = fake_nvml.read("NvmlSlowSource", (0.0, 6.0))
    assert slow.row(0)["gpu0.gpu_pcie_receive"] == 1e6 and slow.row(0)["gpu0.gpu_pcie_send"] == 5e5
    assert slow.column("gpu0.gpu_ecc_uncorrected") == [0.0, 2.0]
    assert slow.interval_s >= 5.0 and state.interval_s >= 1.0


def test_step_load_by_every_method_within_one_percent(fake_nvml: FakeNvml) -> None:
    fake_nvml.script(STEP)
    found = fake_nvml.read(times_s=TIMES_S)
    times = np.array(TIMES_S)
    power = np.array(found.column("gpu0.gpu_power"), float)
    joules = np.array(found.column("gpu0.gpu_energy"), float)
    for method, column in (("counter", joules), ("trapezoid", power), ("right_rectangle", power)):
        assert measure(times, column, method, 0.0, 20.0)[0] == pytest.approx(3700, rel=0.01), method


def test_older_driver_without_power_fields(fake_nvml: FakeNvml) -> None:
    fake_nvml.script(f"0 error.fields 0:{NOT_SUPPORTED}", STEP)
    found = fake_nvml.read(times_s=(0.0, 12.0))
    assert found.column("gpu0.gpu_power") == [70.0, 300.0]
    assert found.column("gpu0.gpu_energy") == [0.0, 1300.0]
    assert "nvmlDeviceGetPowerUsage" in found.devices["gpu0"]


def test_what_a_gpu_does_not_support_is_left_out_and_said(fake_nvml: FakeNvml) -> None:
    fake_nvml.script(f"0 error.energy 0:{NOT_SUPPORTED}", f"0 error.temperature 0:{NO_PERMISSION}")
    found = fake_nvml.read()
    assert found.keys == ["gpu0.gpu_power"]
    (note,) = found.notes
    assert "gpu_energy (this GPU or its MIG mode does not report it)" in note
    (note,) = fake_nvml.read("NvmlStateSource").notes
    assert "gpu_temperature (this user may not ask the driver)" in note


def test_gpu_without_any_answer_is_unavailable(fake_nvml: FakeNvml) -> None:
    fake_nvml.script(f"0 error.utilization 0:{NOT_SUPPORTED}")
    found = fake_nvml.read("NvmlUtilizationSource")
    assert found.unavailable is not None and "gpu_utilization" in found.unavailable["why"]


def test_mig_is_stated(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 mig 0:1")
    found = fake_nvml.read()
    assert "MIG is on: all readings are of the whole GPU" in found.devices["gpu0"]
    assert any("MIG is on" in note for note in found.notes)


def test_gpu_off_the_bus_is_absent_and_the_other_goes_on(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 lost 0:0 5:1", "0 power 0:250", "1 power 0:300", count=2)
    found = fake_nvml.read(times_s=(0.0, 4.0, 6.0, 7.0))
    assert found.column("gpu0.gpu_power") == [250.0, 250.0, None, None]
    assert found.column("gpu0.gpu_energy")[2:] == [None, None]
    assert found.column("gpu1.gpu_power") == [300.0] * 4
    assert sum("fallen off the bus" in note for note in found.notes) == 1


def test_reading_that_fails_for_a_while_comes_back(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 error.power 0:0 2:999 3:0")
    found = fake_nvml.read(times_s=(0.0, 2.5, 2.6, 3.5))
    assert found.column("gpu0.gpu_power") == [70.0, None, None, 70.0]
    assert len(found.notes) == 1


def test_power_of_zero_is_not_a_reading(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 power 0:0")
    assert fake_nvml.read().column("gpu0.gpu_power") == [None]


@pytest.mark.parametrize(
    ("code", "why"), [(9, "kernel module is not loaded"), (LOST, "fallen off"), (4, "may not")]
)
def test_library_that_refuses_to_start(fake_nvml: FakeNvml, code: int, why: str) -> None:
    fake_nvml.script(f"init {code}")
    found = fake_nvml.read()
    assert found.unavailable is not None and why in found.unavailable["why"] and found.unavailable["fix"]


def test_processes_of_the_run_and_foreign_ones(fake_nvml: FakeNvml) -> None:
    """The run: a child with a grandchild. Foreign: this test itself."""
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); input(); p.kill()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        grandchild = int(run.stdout.readline())
        fake_nvml.script(
            f"0 process0 0:{grandchild}", f"0 process1 0:{run.pid}", f"1 process0 0:{os.getpid()}", count=3
        )
        found = fake_nvml.read("NvmlProcessSource", watch=run.pid)
        nobody = fake_nvml.read("NvmlProcessSource")
        run.communicate("\n")
    assert found.row() == {
        "gpu0.gpu_processes": 2.0,
        "gpu0.gpu_foreign_processes": 0.0,
        "gpu1.gpu_processes": 1.0,
        "gpu1.gpu_foreign_processes": 1.0,
        "gpu2.gpu_processes": 0.0,
        "gpu2.gpu_foreign_processes": 0.0,
    }
    foreign = [note for note in found.notes if "not of the run" in note]
    assert any(f"process {os.getpid()} (" in note for note in foreign), found.notes
    assert nobody.row()["gpu1.gpu_foreign_processes"] is None  # nothing is watched: nobody can say


def test_worker_that_a_batch_system_started_is_of_the_run(fake_nvml: FakeNvml) -> None:
    """Not a descendant, not in the session: it has the run's spec in its environment."""

    def started(spec: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "CLOUDMASK_RUN_SPEC": spec}
        return subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True)

    run, worker, other = (
        started("/runs/1/spec.json"),
        started("/runs/1/spec.json"),
        started("/runs/2/spec.json"),
    )
    fake_nvml.script(f"0 process0 0:{worker.pid}", f"1 process0 0:{other.pid}", count=2)
    found = fake_nvml.read("NvmlProcessSource", watch=run.pid).row()
    for process in (run, worker, other):
        process.kill()
        process.wait()
    assert found["gpu0.gpu_foreign_processes"] == 0.0
    assert found["gpu1.gpu_foreign_processes"] == 1.0


def test_host_process_ids_in_a_container_say_nothing(tmp_path: Path) -> None:
    """Another name space, and no process of the run among those on the GPU."""
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "pid").symlink_to("pid:[4026532999]")
    source = NvmlProcessSource(tmp_path)
    source.watch(7)
    nvml = SimpleNamespace(nvmlDeviceGetComputeRunningProcesses=lambda h: [SimpleNamespace(pid=40_000)])
    assert source._count(nvml, None) == (1.0, None)  # type: ignore[arg-type]
    (tmp_path / "40000").mkdir()
    (tmp_path / "40000" / "stat").write_text("40000 (py (x) 1) S 7 7 7 " + "0 " * 15 + "123 0\n")
    assert source._count(nvml, None) == (1.0, 0.0)  # type: ignore[arg-type]
