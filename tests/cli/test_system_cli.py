"""cloudmask system, doctor and monitor, as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.doctor import doctor
from harness.cli.monitor import Reading, _table, monitor
from harness.cli.system import system
from harness.core.errors import ExitCode, UserError
from harness.machine.detect import FIELDS
from harness.machine.doctor import Check, State
from harness.telemetry.sources.base import QuantitySpec
from tests.support import ROOT, STARTERS
from tests.support.command import invoke
from tests.support.fakes.nvml import FakeNvml
from tests.support.waiting import HANG_S

EXAMPLE = STARTERS / "systems/a100.json"


def test_detect_writes_a_description_that_verify_agrees_with(tmp_path: Path) -> None:
    out = tmp_path / "systems" / "mine.json"
    code, output = invoke(system, "detect", "--submitter", "org", "--status", "research", "--out", str(out))
    assert code == ExitCode.OK and str(out) in output
    fields = json.loads(out.read_text())
    assert tuple(fields) == FIELDS
    assert (fields["submitter"], fields["status"], fields["system_name"]) == ("org", "research", "mine")
    code, output = invoke(system, "verify", str(out))
    assert code == ExitCode.OK and "DIFFERS" not in output


def test_detect_never_overwrites(tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    out.write_text("precious")
    with pytest.raises(UserError, match="is there already"):
        invoke(system, "detect", "--out", str(out))
    assert out.read_text() == "precious"


def test_detect_json_has_provenance() -> None:
    code, output = invoke(system, "detect", "--json", "--name", "x")
    found = json.loads(output)
    assert code == ExitCode.OK and set(found["fields"]) == set(FIELDS) == set(found["provenance"])
    assert found["fields"]["system_name"] == "x"


def test_verify_finds_another_machine(tmp_path: Path) -> None:
    fields = {
        **json.loads(EXAMPLE.read_text()),
        "accelerators_per_node": "77",
        "accelerator_model_name": "H9000",
    }
    path = tmp_path / "other.json"
    path.write_text(json.dumps(fields))
    code, output = invoke(system, "verify", str(path))
    assert code == ExitCode.FINDINGS
    assert "DIFFERS" in output and "fix:" in output
    code, output = invoke(system, "verify", str(path), "--json")
    found = json.loads(output)
    assert code == ExitCode.FINDINGS and found["agrees"] is False
    assert {"field", "declared", "detected", "agrees", "note"} == set(found["fields"][0])


def test_verify_of_no_description_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        invoke(system, "verify", str(tmp_path / "none.json"))
    assert raised.value.code == ExitCode.USAGE


def test_doctor_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDMASK_DATA", raising=False)
    code, output = invoke(doctor, "--json")
    found = json.loads(output)
    names = {check["name"] for check in found["checks"]}
    assert {"python", "tensorflow", "devices", "disk", "memory", "official data", "page cache"} <= names
    assert {"telemetry psutil", "telemetry nvml", "telemetry rapl"} <= names
    assert code == (ExitCode.OK if found["healthy"] else ExitCode.FINDINGS)
    for check in found["checks"]:
        assert check["detail"] and (check["state"] == "ok" or check["fix"]), check
    code, output = invoke(doctor)
    assert "page cache" in output


def test_doctor_exits_1_when_something_needed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [Check("tensorflow", State.PROBLEM, "not installed", "make setup")]
    monkeypatch.setattr("harness.cli.doctor.diagnose", lambda folder: broken)
    code, output = invoke(doctor)
    assert code == ExitCode.FINDINGS and "not ready" in output and "make setup" in output


def test_doctor_looks_at_the_official_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from harness.machine.doctor import _official_data

    monkeypatch.setenv("CLOUDMASK_DATA", str(tmp_path))
    assert _official_data().state is State.WARNING
    (tmp_path / "one-day").mkdir()
    (tmp_path / "ssts").mkdir()
    assert _official_data().state is State.OK


def test_doctor_does_not_import_tensorflow() -> None:
    code = (
        "import sys; from pathlib import Path; from harness.machine.doctor import diagnose; diagnose(Path());"
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.strip() == "[]"


def test_monitor_once_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.monitor.PERIOD_S", 0.1)
    code, output = invoke(monitor, "--once", "--json")
    found = json.loads(output)
    assert code == ExitCode.OK
    quantities = {(q["source"], q["scope"], q["name"]): q for q in found["quantities"]}
    assert quantities["psutil_memory", "node", "memory_used"]["value"] > 0
    assert quantities["psutil", "node", "cpu_utilization"]["value"] is not None  # rates are there at once
    assert all(q["unit"] and q["kind"] in ("gauge", "rate", "counter") for q in found["quantities"])
    assert all(u["source"] and u["why"] and u["fix"] for u in found["unavailable"])


def test_monitor_once_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.monitor.PERIOD_S", 0.1)
    code, output = invoke(monitor, "--once", "--pid", str(os.getpid()))
    assert code == ExitCode.OK
    assert "memory used" in output and "GiB" in output and "process_tree" in output


def test_monitor_shows_gpus_side_by_side_and_energy_as_power(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 power 0:70", "1 power 0:300", "0 mig 0:1", count=2)
    command = [sys.executable, "-m", "harness", "monitor", "--once"]
    run = subprocess.run(command, capture_output=True, text=True, env=fake_nvml.environment, check=True)
    lines = run.stdout.splitlines()
    assert any(line.split() == ["gpu0", "gpu1"] for line in lines)
    assert any(line.startswith("gpu power ") and "70.0 W" in line for line in lines)
    assert any(line.startswith("gpu energy, as power") for line in lines)
    assert "MIG is on" in run.stdout and "gpu_power is instantaneous" in run.stdout
    assert run.stdout.count("not measured: rapl") + run.stdout.count("cpu_package") > 0


def test_monitor_of_a_process_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.monitor.psutil.pid_exists", lambda pid: False)
    with pytest.raises(UserError, match=r"There is no process 4242\."):
        invoke(monitor, "--once", "--pid", "4242")


def test_monitor_with_a_gpu_that_hangs(fake_nvml: FakeNvml) -> None:
    fake_nvml.script("0 hang.power 0:0 0.001:600", start_s=time.monotonic() + 3600)
    command = [sys.executable, "-c", MONITOR_AND_HANG]
    run = subprocess.run(command, capture_output=True, text=True, env=fake_nvml.environment, timeout=HANG_S)
    assert run.returncode == 0, run.stderr
    found = {(q["source"], q["name"]): q["value"] for q in json.loads(run.stdout)["quantities"]}
    assert found["psutil", "cpu_utilization"] is not None
    assert found["nvml", "gpu_power"] is None


# the GPU answers while the sources are opened and never again
MONITOR_AND_HANG = """
import ctypes
from harness.cli import monitor
opened = monitor.open_all
def open_all(**how):
    sources = opened(**how)
    clock = ctypes.CDLL("libnvidia-ml.so.1").fake_nvml_clock
    clock.argtypes = [ctypes.c_double]
    clock(1.0)
    return sources
monitor.open_all = open_all
monitor.monitor(["--once", "--json"], standalone_mode=False)
"""


def test_many_scopes_are_shown_as_their_spread() -> None:
    values = [None, *range(1, 20)]
    cores = [Reading("x", QuantitySpec("core_utilization", "%", f"core{i}"), v) for i, v in enumerate(values)]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(_table(cores))
    shown = captured.get()
    assert "20 x core" in shown and "1.0 %" in shown and "10.0 %" in shown and "19.0 %" in shown


def test_telemetry_sources_that_share_a_reason_are_one_line_in_doctor() -> None:
    _, output = invoke(doctor, "--json")
    nvml = [c for c in json.loads(output)["checks"] if c["name"].startswith("telemetry nvml")]
    assert len(nvml) == 1 or all(c["state"] == "ok" for c in nvml)
