"""From a source of whole-node power to a checked package with power files, an energy and a report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.node_fakes import dcmi, ipmitool, noisy, redfish_service, saying, varying

FAST = {"CLOUDMASK_POWER_INTERVAL_S": "0.02"}  # the fake runs take a second, 60 readings are wanted
RUNS = 2


@pytest.fixture
def measured(trial):
    trial.recipe(division="open", runs=RUNS, best_of=RUNS, power={"conversion_efficiency": 0.94})
    return trial


def power_files(trial) -> list[Path]:
    folder = trial.org / "results/box/strong/cloudmask/power"
    return sorted(folder.glob("*/*")) if folder.exists() else []


def upstream_accepts(trial) -> bool:
    checker = pytest.importorskip("mlperf_logging.package_checker.power_checker")
    folder = trial.org / "results/box/strong/cloudmask"
    results = sorted(str(p) for p in folder.glob("result_*.txt"))
    valid, errors = checker.PowerChecker("4.1.0").check_power(str(folder / "power"), results)
    return bool(valid and not errors)


def test_redfish_to_power_score(measured):
    with redfish_service() as service:
        service.resources["/redfish/v1/Chassis/1/EnvironmentMetrics"] = noisy(380, 460)
        done = measured.submit(**service.environment(), **FAST)
        address = service.url.partition("//")[2]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "energy to train:" in done.stdout
    assert [p.parent.name + "/" + p.name for p in power_files(measured)] == [
        f"result_{i}/node_0.txt" for i in range(RUNS)
    ]
    assert upstream_accepts(measured)
    check = measured.cloudmask("check", str(measured.org), "--format", "json")
    verdict = json.loads(check.stdout)
    assert check.returncode == 0 and verdict["verdict"] == "compliant"
    found = [f for f in verdict["findings"] if f["rule"].startswith("PWR")]
    assert [f for f in found if f["severity"] == "error"] == []
    report = json.loads((measured.org / "reports/box/data.json").read_text())
    energy = report["node_energy"]
    assert energy["joules"] > 0 and len(energy["rows"]) == RUNS
    assert abs(energy["upstream_difference"]) < 0.05
    for path in measured.org.rglob("*"):
        if path.is_file():
            assert b"s3cret-word" not in path.read_bytes() and address.encode() not in path.read_bytes(), path


def test_ipmitool_to_power_files(measured, tmp_path):
    ipmitool(tmp_path / "bin", varying())
    measured.submitted(**FAST, PATH=f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    assert len(power_files(measured)) == RUNS and upstream_accepts(measured)
    text = power_files(measured)[0].read_text()
    assert '"source": "ipmi"' in text and '"measurement_type": "AC"' in text


def test_a_meter_that_dies_spoils_no_submission(measured, tmp_path):
    # works when it is opened, and 20 readings later no more
    count = tmp_path / "count"
    count.write_text("")
    ipmitool(
        tmp_path / "bin",
        f"echo x >> {count}\n[ $(wc -l < {count}) -lt 20 ] || exit 1\n{saying(dcmi())}",
    )
    done = measured.submitted(**FAST, PATH=f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    assert "no power files are written: run 0: node 0, ipmi: the last reading" in done.stdout
    assert power_files(measured) == []


def test_without_a_source_there_is_no_energy(measured):
    done = measured.submitted()
    assert "energy to train" not in done.stdout and power_files(measured) == []
    assert json.loads((measured.org / "reports/box/data.json").read_text())["node_energy"] is None
