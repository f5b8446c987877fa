"""Logs of meters as tools write them: the dates of ipmitool's versions, CSV headers that are odd."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from harness.core.errors import UserError
from harness.power.meter_import import MeterLog, read_meter

AT_MS = round(datetime(2026, 11, 22, 21, 0, 0, tzinfo=timezone.utc).timestamp() * 1000)


def ipmi(tmp_path: Path, time: str, offset_h: int = 0) -> list[int]:
    path = tmp_path / "log.txt"
    path.write_text(
        f"    Instantaneous power reading:                   143 Watts\n"
        f"    IPMI timestamp:                           {time}\n"
        f"    Power reading state is:                   activated\n"
    )
    return read_meter(MeterLog(path, utc_offset=timedelta(hours=offset_h))).times_ms


def table(tmp_path: Path, text: str, time: str = "time", power: str = "power") -> list[float]:
    path = tmp_path / "log.csv"
    path.write_text(text)
    return read_meter(MeterLog(path, "csv", time, power)).watts


@pytest.mark.parametrize(
    "time",
    [
        "Sun Nov 22 21:00:00 2026",  # 1.8.18
        "11/22/2026 09:00:00 PM UTC    Sampling period:                          00000001 Seconds.",  # 1.8.19
        "11/22/2026 09:00:00 PM UTC",
        "11/22/2026 21:00:00",
        "11/22/26 21:00:00 UTC",
        "Sun 22 Nov 2026 09:00:00 PM UTC",
        "2026-11-22 21:00:00 GMT",
        "11/22/2026 10:00:00 PM +01:00",
    ],
)
def test_times_of_ipmitool(tmp_path: Path, time: str) -> None:
    assert ipmi(tmp_path, time) == [AT_MS]


def test_times_of_a_12_hour_clock(tmp_path: Path) -> None:
    assert ipmi(tmp_path, "11/22/2026 12:00:00 AM UTC") == [AT_MS - 21 * 3_600_000]
    assert ipmi(tmp_path, "11/22/2026 12:00:00 PM UTC") == [AT_MS - 9 * 3_600_000]


def test_a_stated_zone_comes_before_the_offset_given(tmp_path: Path) -> None:
    assert ipmi(tmp_path, "11/22/2026 09:00:00 PM UTC", offset_h=2) == [AT_MS]
    assert ipmi(tmp_path, "11/22/2026 11:00:00 PM", offset_h=2) == [AT_MS]


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("11/22/2026 09:00:00 PM CST", "ambiguous"),  # five zones are called CST
        ("22/11/2026 21:00:00", "not a time"),
        ("Unspecified", "not a time"),
        ("11/22/2026 21:00:00 PM UTC", "not a time"),
    ],
)
def test_times_that_cannot_be_told(tmp_path: Path, time: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        ipmi(tmp_path, time)


def test_a_sentinel_in_a_log_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 3.*unknown"):
        table(tmp_path, "time,power\n1,200\n2,65535\n")


@pytest.mark.parametrize("header", ["time, power", " time ,power ", "\ufefftime,power", '"time","power"'])
def test_headers_with_blanks(tmp_path: Path, header: str) -> None:
    assert table(tmp_path, f"{header}\n1, 312.5\n\n2,81.5\n") == [312.5, 81.5]


@pytest.mark.parametrize("header", ["time,power,power", "time,power, power", "time,time,power"])
def test_a_column_twice_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(UserError, match="2 columns"):
        table(tmp_path, f"{header}\n1,312.5,81.5\n")


def test_another_column_twice_is_of_no_importance(tmp_path: Path) -> None:
    assert table(tmp_path, "time,power,note,note\n1,312.5,a,b\n") == [312.5]


@pytest.mark.parametrize("text", ["", "\n", "time;watts\n1;2\n"])
def test_files_without_the_column(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="no column"):
        table(tmp_path, text)


@pytest.mark.parametrize(
    "time",
    [
        "11/22/2026 09:00:00 PM",
        "11/22/2026 9:00 PM",
        "2026-11-22 09:00:00 PM",
        "2026/11/22 21:00:00",
        "11/22/2026 10:00:00 PM +01:00",
        "2026-11-22T21:00:00Z",
        "22 Nov 2026 21:00:00",
    ],
)
def test_times_of_a_csv(tmp_path: Path, time: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"time;power\n{time};200\n")
    assert read_meter(MeterLog(path, "csv", "time", "power")).times_ms == [AT_MS]


@pytest.mark.parametrize(
    "time", ["11/12/2026 21:00:00", "09:00 PM", "22/11/2026 09:00:00 PM", "11/22/2026 09:00:00 PM CST"]
)
def test_times_of_a_csv_that_could_be_another(tmp_path: Path, time: str) -> None:
    with pytest.raises(UserError, match="line 2.*not a time"):
        table(tmp_path, f"time,power\n{time},200\n")


def test_a_decimal_comma_has_to_be_said(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time;power\n1;412,5\n2;1234\n")
    assert read_meter(MeterLog(path, "csv", "time", "power", decimal_comma=True)).watts == [412.5, 1234.0]
    with pytest.raises(UserError, match="line 2.*not a number") as caught:  # or thousands: 1,234
        table(tmp_path, "time;power\n1;1,234\n")
    assert "--decimal-comma" in (caught.value.fix or "")


@pytest.mark.parametrize("number", ["1_000", "412 W", "0x10", "1.234,5", ""])
def test_numbers_that_are_not_written_as_such(tmp_path: Path, number: str) -> None:
    with pytest.raises(UserError, match="line 2.*not a number"):
        table(tmp_path, f"time;power\n1;{number}\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_logs_as_other_systems_save_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("time,power,Größe\r\n1,412.5,x\r\n".encode(encoding))
    assert read_meter(MeterLog(path, "csv", "time", "power")).watts == [412.5]


def test_latin_1_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("time,power,°C\n1,412.5,3\n".encode("latin-1"))
    with pytest.raises(UserError, match="not a text") as caught:
        read_meter(MeterLog(path, "csv", "time", "power"))
    assert "UTF-8" in (caught.value.fix or "")
