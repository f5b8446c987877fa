"""cloudmask times, as a user calls it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.support import SHARED
from tests.support.builders import BuiltPackage, build_package
from tests.support.command import cloudmask

CORPUS = SHARED / "corpus/hpc30"


@pytest.fixture
def built(tmp_path: Path) -> BuiltPackage:
    return build_package(tmp_path, runs=2, division="open")


def times(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    ended, out, err = cloudmask(capsys, "times", *arguments)
    assert ended == code, err
    return out if code == 0 else err


def test_run_equals_the_logs_difference(built: BuiltPackage, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(times(capsys, str(built.root), "--json"))
    assert [run["run"] for run in found["runs"]] == [0, 1]
    at = {e["key"]: e["time_ms"] for e in built.events(0) if e["key"] in ("run_start", "run_stop")}
    (phase,) = [p for p in found["runs"][0]["phases"] if p["name"] == "run"]
    assert phase["total_s"] == pytest.approx((at["run_stop"] - at["run_start"]) / 1000)
    assert 0 < phase["share"] <= 1


def test_csv_has_a_line_per_phase_and_run(built: BuiltPackage, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(times(capsys, str(built.root), "--csv"))))
    assert {(row["run"], row["name"]) for row in rows} >= {("0", "epoch"), ("1", "eval"), ("1", "run")}


def test_table_shows_every_run(built: BuiltPackage, capsys: pytest.CaptureFixture[str]) -> None:
    shown = times(capsys, str(built.root))
    assert "run 0" in shown and "run 1" in shown and "share" in shown


def test_archive_is_read(built: BuiltPackage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = shutil.make_archive(str(tmp_path / "packed"), "gztar", built.root.parent, built.root.name)
    assert times(capsys, packed, "--csv") == times(capsys, str(built.root), "--csv")


def test_what_a_log_says_cannot_control_a_terminal(
    built: BuiltPackage, capsys: pytest.CaptureFixture[str]
) -> None:
    log = built.layout.result(0)
    log.write_text(log.read_text().replace('"epoch_start"', '"\\u001b[31m=1_start"'))
    shown = times(capsys, str(log))
    assert "\x1b" not in shown and "[31m=1" in shown


@pytest.mark.parametrize("what", ["nowhere", "empty"])
def test_nothing_to_read_is_said(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert "fix: " in times(capsys, str(tmp_path / what), code=2)


def test_forms_exclude_each_other(built: BuiltPackage, capsys: pytest.CaptureFixture[str]) -> None:
    assert "exclude" in times(capsys, str(built.root), "--csv", "--json", code=2)


def test_logs_of_the_hpc_ruleset(capsys: pytest.CaptureFixture[str]) -> None:
    if not CORPUS.is_dir():
        pytest.skip("the published packages are not at hand")
    log = min(CORPUS.rglob("result_0.txt"))
    names = {p["name"] for p in json.loads(times(capsys, str(log), "--json"))["runs"][0]["phases"]}
    assert {"init", "run"} <= names


def test_a_file_without_times_is_not_an_empty_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result_0.txt").write_bytes(b"junk\n\x00\xff")
    assert "holds no MLLOG line with a time" in times(capsys, str(tmp_path / "result_0.txt"), code=2)
