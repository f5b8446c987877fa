"""cloudmask power, as a user calls it: logs of external meters, sound and odd."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from harness.cli.power import power
from harness.core.errors import ExitCode, UserError
from harness.plan.recipe import Recipe
from harness.power.meter_import import MeterLog, parse_utc_offset, read_meter
from rules.model.findings import Severity
from tests.support.builders import BuiltPackage, build_package
from tests.support.command import cloudmask, invoke
from tests.support.node_fakes import dcmi

RUNS = 2


@pytest.fixture
def built(tmp_path: Path) -> BuiltPackage:
    return build_package(tmp_path, runs=RUNS, division="open")


def seconds_of(built: BuiltPackage) -> list[float]:
    """Every second from before the first run to after the last."""
    events = [e for run in range(RUNS) for e in built.events(run) if e["key"] in ("run_start", "run_stop")]
    begin, end = events[0]["time_ms"] / 1000 - 5.25, events[-1]["time_ms"] / 1000 + 5
    return [begin + k for k in range(int(end - begin))]


def csv_log(built: BuiltPackage, ahead_s: float = 0.0, unit_w: float = 1.0) -> Path:
    rng = random.Random(3)
    rows = [f"{t + ahead_s:.3f},outlet 3,{rng.uniform(200, 260) / unit_w:.4f}" for t in seconds_of(built)]
    path = built.root.parent / "pdu.csv"
    path.write_text("\n".join(["time,outlet,power", *rows]) + "\n")
    return path


def run_import(built: BuiltPackage, path: Path, *more: str) -> tuple[int, str]:
    arguments = ["import", str(path), "--system", built.layout.system, "--org", built.options.org]
    arguments += ["--submissions", str(built.root.parent), *more]
    try:
        return invoke(power, *arguments)
    except UserError as error:
        return int(ExitCode.USAGE), str(error)


COLUMNS = ("--time-column", "time", "--power-column", "power")


def test_a_csv_of_a_pdu_becomes_power_files(built: BuiltPackage, capsys: pytest.CaptureFixture[str]) -> None:
    path = csv_log(built)
    code, output = run_import(built, path, *COLUMNS)
    assert code == 0 and "for 2 runs;" in output
    first = (built.layout.power_dir(0) / "node_0.txt").read_text().splitlines()
    start = json.loads(first[1].removeprefix(":::MLLOG "))
    assert start["key"] == "power_measurement_start"
    assert start["metadata"]["source"] == "external meter"
    assert start["metadata"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()

    from harness.check import check_package

    _, verdict = check_package(built.root)
    assert [f for f in verdict.findings if f.severity is Severity.ERROR] == []
    assert {r.id: r.outcome.value for r in verdict.rules}["PWR013"] == "pass"
    code, output = invoke(power, "show", built.root)
    assert code == 0 and "energy to train:" in output and "external meter" in output
    energy = json.loads(invoke(power, "show", built.root, "--json")[1])["energy"]
    assert energy["joule"] == pytest.approx(energy["upstream_joule"], rel=0.01)


def test_the_meters_clock_is_set_right(built: BuiltPackage) -> None:
    code, said = run_import(built, csv_log(built, ahead_s=3600.0), *COLUMNS)
    assert code == 2 and "Run 0 is not covered" in said and "--clock-offset" in said
    assert not built.layout.power_dir(0).exists()
    code, _ = run_import(built, csv_log(built, ahead_s=3600.0), *COLUMNS, "--clock-offset", "3600")
    assert code == 0


def test_kilowatts_have_to_be_declared(built: BuiltPackage) -> None:
    path = csv_log(built, unit_w=1000.0)
    assert run_import(built, path, *COLUMNS, "--unit", "kW")[0] == 0
    text = (built.layout.power_dir(0) / "node_0.txt").read_text().splitlines()[2]
    assert 200 <= json.loads(text.removeprefix(":::MLLOG "))["value"] <= 260


def test_nothing_is_replaced_unasked(built: BuiltPackage) -> None:
    path = csv_log(built)
    assert run_import(built, path, *COLUMNS, "--run", "1")[0] == 0
    assert not built.layout.power_dir(0).exists()
    code, said = run_import(built, path, *COLUMNS)
    assert code == 2 and "--replace" in said
    assert run_import(built, path, *COLUMNS, "--replace")[0] == 0


@pytest.mark.parametrize("joined", [True, False], ids=["one line", "blocks"])
def test_ipmi_text_is_read(built: BuiltPackage, joined: bool) -> None:
    path = built.root.parent / "ipmi.txt"
    zone = timezone(timedelta(hours=1))
    blocks = []
    for k, second in enumerate(seconds_of(built)):
        at = datetime.fromtimestamp(second, zone).strftime("%a %b %d %H:%M:%S %Y")
        if joined:
            blocks.append(f"Instantaneous power reading:   {200 + k % 50} Watts\tIPMI timestamp:   {at}")
        else:
            blocks.append(dcmi(f"{200 + k % 50} Watts").replace("Sun Nov 22 21:00:00 2026", at))
    path.write_text("\n".join(blocks))
    code, said = run_import(built, path, "--utc-offset", "+01:00")
    assert code == 0, said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "its columns have to be named"),
        ("a,b\n1,2\n", "no column 'time'"),
        ("time,power\n", "holds no readings"),
        ("time,power\n1790000000,200\n1789999999,200\n", "line 3: the time goes back"),
        ("time,power\n1790000000,many\n", "line 2: 'many' is not a number"),
        ("time,power\n1790000000,0\n", "line 2: it reads 0 W"),
        ("time,power\n1790000000,nan\n", "line 2: the reading is not a number"),
        ("time,power\n1790000000,9e9\n", "more than a node"),
        ("time,power\nyesterday,200\n", "line 2: 'yesterday' is not a time"),
        ("time,power\n-5,200\n", "is not a time"),
        ("time,power\n1790000000\n", "too short"),
        ('time,power\n"17,200\n', "not valid CSV"),
        (
            "Instantaneous power reading:  214 Watts\nInstantaneous power reading:  214 Watts\n",
            "no IPMI timestamp",
        ),
        (
            "Instantaneous power reading:  214 Watts   IPMI timestamp: Sun Abc 99 21:00:00 2026",
            "is not a time",
        ),
    ],
)
def test_odd_logs_are_refused_with_their_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    columns = {"time_column": "time", "power_column": "power"} if text else {}
    with pytest.raises(UserError) as caught:
        read_meter(MeterLog(path, **columns))
    assert why in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Cannot read"):
        read_meter(MeterLog(tmp_path / "missing"))
    (tmp_path / "binary").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(UserError, match="not a text"):
        read_meter(MeterLog(tmp_path / "binary"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1790000000.5", 1790000000.5),
        ("1790000000500", 1790000000.5),
        ("2026-09-21T14:13:20.500Z", 1790000000.5),
    ],
)
def test_times_of_a_csv(tmp_path: Path, text: str, seconds: float) -> None:
    path = tmp_path / "log"
    path.write_text(f"when;W\n{text};250\n")
    readings = read_meter(MeterLog(path, time_column="when", power_column="W", clock_offset_s=0.25))
    assert readings.times_ms == [round((seconds - 0.25) * 1000)]


@pytest.mark.parametrize(("text", "hours"), [("+01:00", 1), ("-0530", -5.5), ("Z", 0)])
def test_utc_offsets(text: str, hours: float) -> None:
    assert parse_utc_offset(text) == timedelta(hours=hours)
    with pytest.raises(UserError):
        parse_utc_offset("CET")


def test_a_package_without_power_says_so(built: BuiltPackage) -> None:
    code, output = invoke(power, "show", built.root)
    assert code == 1 and "was not measured" in output


def test_the_verb_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = cloudmask(capsys, "power", "import", "--help")
    assert code == 0 and "--clock-offset" in out


def test_recipe_explains_power() -> None:
    with pytest.raises(ValueError, match="DC readings are not converted"):
        Recipe.model_validate({"power": {"measurement_type": "DC", "conversion_efficiency": 0.9}})
