"""cloudmask system, doctor and monitor, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.commands.doctor import doctor
from harness.commands.monitor import monitor
from harness.commands.system import system
from harness.diagnosis import Check, State
from harness.errors import ExitCode, UserError
from harness.system import FIELDS

EXAMPLE = Path(__file__).resolve().parents[2] / "submissions/examples/systems/a100.json"


def invoke(command: object, *arguments: str) -> tuple[int, str]:
    """Exit code (the return value, as the entry point uses it) and output."""
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.output


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
    monkeypatch.setattr("harness.commands.doctor.diagnose", lambda folder: broken)
    code, output = invoke(doctor)
    assert code == ExitCode.FINDINGS and "not ready" in output and "make setup" in output


def test_doctor_looks_at_the_official_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from harness.diagnosis import _official_data

    monkeypatch.setenv("CLOUDMASK_DATA", str(tmp_path))
    assert _official_data().state is State.WARNING
    (tmp_path / "one-day").mkdir()
    (tmp_path / "ssts").mkdir()
    assert _official_data().state is State.OK


def test_doctor_does_not_import_tensorflow() -> None:
    code = (
        "import sys; from pathlib import Path; from harness.diagnosis import diagnose; diagnose(Path());"
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras')])"
    )
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert run.stdout.strip() == "[]"


def test_monitor_once_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.commands.monitor.PERIOD_S", 0.1)
    code, output = invoke(monitor, "--once", "--json")
    found = json.loads(output)
    assert code == ExitCode.OK
    quantities = {(q["source"], q["scope"], q["name"]): q for q in found["quantities"]}
    assert quantities["psutil", "node", "memory_used"]["value"] > 0
    assert all(q["unit"] and q["kind"] in ("gauge", "rate", "counter") for q in found["quantities"])


def test_monitor_once_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.commands.monitor.PERIOD_S", 0.1)
    code, output = invoke(monitor, "--once", "--pid", "1")
    assert code == ExitCode.OK
    assert "memory_used" in output and "GiB" in output and "process_tree" in output
