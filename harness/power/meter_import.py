"""Logs of external meters (a PDU, a power analyser, a loop around ipmitool) as readings of one node.

Two formats: IPMI text, as `ipmitool dcmi power reading` prints it with its timestamp, on one line or many,
and CSV with a header whose columns are named. What cannot be understood is refused with its line: energy is
never guessed.
"""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from harness.core.errors import UserError
from harness.core.files import sha256
from harness.power.files import Readings
from harness.telemetry.sources.node_power import ReadingFailed, watts

MAX_BYTES = 256 << 20
SOURCE = "external meter"
UNITS = {"W": 1.0, "kW": 1e3, "mW": 1e-3}
FORMATS = ("auto", "ipmi", "csv")
MILLISECONDS_FROM = 1e11  # as seconds that would be the year 5138
# ipmitool prints the time of ctime (1.8.18: "Sun Nov 22 21:00:00 2026"), or that of the locale with the zone
# (1.8.19: "11/22/2026 09:00:00 PM UTC", "11/22/26 21:00:00 UTC") and the sampling period behind it.
_IPMI = re.compile(
    r"Instantaneous power reading\s*:\s*(?P<watts>\S+)\s+Watts?\b"
    r"|IPMI timestamp\s*:\s*(?P<time>\S.*?)\s*(?=Sampling period|Power reading state|Instantaneous power|\Z)"
)
_IPMI_TIMES = (
    "%a %b %d %H:%M:%S %Y",
    "%a %d %b %Y %H:%M:%S",
    "%a %d %b %Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%y %H:%M:%S",
    "%m/%d/%y %I:%M:%S %p",
    "%Y-%m-%d %H:%M:%S",
)
# in CSV, besides ISO 8601: what cannot be taken for another day (12-hour clocks put the month first)
_CSV_TIMES = (
    *("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%y %I:%M:%S %p", "%m/%d/%y %I:%M %p"),
    *("%Y-%m-%d %I:%M:%S %p", "%Y/%m/%d %I:%M:%S %p", "%Y/%m/%d %H:%M:%S", "%d %b %Y %H:%M:%S"),
)
_ZONE = re.compile(r"\s+(?P<name>UTC|GMT|Z)?(?P<offset>[+-]\d{2}:?\d{2})?\Z")
_NUMBER = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\Z|[+-]?(?:nan|inf(?:inity)?)\Z", re.IGNORECASE | re.ASCII
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CUT = "remove what is cut short: a meter that loses power leaves half a line, or zeros."
_LETTERS = re.compile(r"\s[A-Z]{3,5}\Z")


@dataclass(frozen=True)
class MeterLog:
    """How to read a meter's log."""

    path: Path
    format: str = "auto"
    time_column: str | None = None
    power_column: str | None = None
    unit: str = "W"
    decimal_comma: bool = False  # 412,5 instead of 412.5
    utc_offset: timedelta = timedelta(0)  # of times that state none
    clock_offset_s: float = 0.0  # the meter's clock minus the node's: positive when it is ahead


def read_meter(log: MeterLog) -> Readings:
    """The readings on the node's clock. Raises UserError, with the line, for what cannot be understood."""
    try:
        if log.path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"{log.path} is larger than {MAX_BYTES} bytes.", "cut it to the time of the runs."
            )
        data = log.path.read_bytes()
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
        digest = sha256(log.path)
    except OSError as error:
        raise UserError(f"Cannot read {log.path}: {error.strerror}.", "name the log of the meter.") from None
    except UnicodeDecodeError:
        raise UserError(
            f"{log.path} is not a text (UTF-8).", "save the log as text or CSV in UTF-8."
        ) from None
    lines = text.splitlines()
    found = _csv(log, lines) if _is_csv(log, text) else _ipmi(log, lines)
    times: list[int] = []
    powers: list[float] = []
    for number, at, power in found:
        if times and at < times[-1]:
            raise UserError(
                f"{log.path}, line {number}: the time goes back.",
                "sort the log by time; times at which clocks were set back need their zone.",
            )
        times.append(at)
        powers.append(power)
    if not times:
        raise UserError(f"{log.path} holds no readings.", "see docs/power.md for the formats.")
    details: dict[str, Any] = {
        "meter_file": log.path.name,  # "file" is mllog's own
        "sha256": digest,
        "clock_offset_s": log.clock_offset_s,
        "unit": log.unit,
    }
    return Readings(SOURCE, times, powers, details)


def parse_utc_offset(text: str) -> timedelta:
    """+01:00, -0530 or Z. Raises UserError."""
    match = re.fullmatch(r"([+-])(\d{2}):?([0-5]\d)", text)
    if text in ("Z", "UTC"):
        return timedelta(0)
    if not match or int(match[2]) > 14:
        raise UserError(f"'{text:.20}' is not an offset from UTC.", "write it like +01:00.")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -offset if match[1] == "-" else offset


def _is_csv(log: MeterLog, text: str) -> bool:
    if log.format != "auto":
        return log.format == "csv"
    return "Instantaneous power reading" not in text


def _watts(log: MeterLog, number: int, text: str) -> float:
    try:
        return round(watts(_number(log, text) * UNITS[log.unit]), 6)
    except ValueError:
        reason = f"'{text:.40}' is not a number"
        if "," in text and not log.decimal_comma:
            said = "remove commas between thousands; where it is the decimal point, add --decimal-comma."
            raise UserError(f"{log.path}, line {number}: {reason}.", said) from None
    except ReadingFailed as error:
        reason = str(error)
    raise UserError(
        f"{log.path}, line {number}: {reason}.", "check --power-column and --unit, or remove the line."
    )


def _number(log: MeterLog, text: str) -> float:
    """The number. Raises ValueError: a comma can be a decimal point or stand between thousands."""
    plain = text.replace(",", ".") if log.decimal_comma and "." not in text else text
    if not _NUMBER.match(plain):
        raise ValueError(text)
    return float(plain)


def _on_node_clock(log: MeterLog, seconds: float) -> int:
    return round((seconds - log.clock_offset_s) * 1000)


def _ipmi(log: MeterLog, lines: list[str]) -> Iterator[tuple[int, int, float]]:
    """Each reading with the timestamp that follows it."""
    waiting: tuple[int, float] | None = None
    for number, line in enumerate(lines, 1):
        for match in _IPMI.finditer(line):
            if match["watts"] is not None:
                if waiting is not None:
                    raise UserError(f"{log.path}, line {waiting[0]}: the reading has no IPMI timestamp.")
                waiting = number, _watts(log, number, match["watts"])
            elif waiting is not None:
                yield number, _on_node_clock(log, _ipmi_time(log, number, match["time"])), waiting[1]
                waiting = None


def _ipmi_time(log: MeterLog, number: int, text: str) -> float:
    """Seconds since 1970. UTC and offsets behind the time are read; other zones by letters are ambiguous."""
    seconds = _by_form(log, text, _IPMI_TIMES)
    if seconds is not None:
        return seconds
    letters = _LETTERS.search(" ".join(text.split()))
    if letters and letters[0].strip() not in ("AM", "PM", "UTC", "GMT"):
        raise UserError(
            f"{log.path}, line {number}: the time zone '{letters[0].strip()}' is ambiguous.",
            "remove the letters from the log, and state the offset with --utc-offset.",
        )
    raise UserError(f"{log.path}, line {number}: '{text:.40}' is not a time.")


def _by_form(log: MeterLog, text: str, forms: tuple[str, ...]) -> float | None:
    """Seconds since 1970 by the first form that fits; UTC or an offset may stand behind the time."""
    plain, zone = " ".join(text.split()), timezone(log.utc_offset)
    stated = _ZONE.search(plain)
    if stated and stated[0].strip():
        plain, zone = plain[: stated.start()], timezone(parse_utc_offset(stated["offset"] or "Z"))
    for form in forms:
        with contextlib.suppress(ValueError, OverflowError):
            return datetime.strptime(plain, form).replace(tzinfo=zone).timestamp()
    return None


def _csv(log: MeterLog, lines: list[str]) -> Iterator[tuple[int, int, float]]:
    if log.time_column is None or log.power_column is None:
        raise UserError(
            f"{log.path} is read as CSV: its columns have to be named.",
            f"add --time-column and --power-column; its header is: {lines[0][:120] if lines else '(empty)'}",
        )
    delimiter = max(",;\t", key=(lines[0] if lines else "").count)
    try:
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(rows, [])]
        time_at, power_at = _column(log, header, log.time_column), _column(log, header, log.power_column)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            number = rows.line_num
            if len(row) <= max(time_at, power_at):
                raise UserError(f"{log.path}, line {number}: the row is too short.", _CUT)
            at = _csv_time(log, number, row[time_at].strip())
            yield number, _on_node_clock(log, at), _watts(log, number, row[power_at].strip())
    except csv.Error as error:
        raise UserError(f"{log.path} is not valid CSV: {error}.", _CUT) from None


def _column(log: MeterLog, header: list[str], name: str) -> int:
    """Where the one column of this name stands. Raises UserError."""
    count = header.count(name.strip())
    if count == 0:
        known = ", ".join(header)[:200]
        raise UserError(
            f"{log.path} has no column '{name:.60}'.",
            f"its columns are: {known}; lines above the header have to be removed.",
        )
    if count > 1:
        raise UserError(
            f"{log.path} has {count} columns '{name:.60}': which of them is meant is not known.",
            "give each column of the header a name of its own.",
        )
    return header.index(name.strip())


def _csv_time(log: MeterLog, number: int, text: str) -> float:
    """Seconds since 1970: seconds or milliseconds as a number, or ISO 8601."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(seconds) and seconds > 0:
            return seconds / 1000 if seconds >= MILLISECONDS_FROM else seconds
    try:
        at = datetime.fromisoformat(re.sub(r"Z\Z", "+00:00", text))
        return (at if at.tzinfo else at.replace(tzinfo=timezone(log.utc_offset))).timestamp()
    except (ValueError, OverflowError):
        by_form = _by_form(log, text, _CSV_TIMES)
        if by_form is not None:
            return by_form
        raise UserError(
            f"{log.path}, line {number}: '{text:.40}' is not a time.",
            "times are seconds or milliseconds since 1970, ISO 8601, or of a 12-hour clock "
            "(11/22/2026 09:00:00 PM).",
        ) from None
