"""Values as text: numbers with units, "not measured" for what is absent, strings made safe to show.

The template engine escapes. This module removes what escaping leaves: control characters, text-direction
overrides and excessive length.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, TypeGuard

from harness.core.words import plural

NOT_MEASURED = "not measured"
MAX_TEXT = 400  # characters of one string from a package that a page shows

_RUN = re.compile(r"(?:^|/)result_(\d+)(?=[./]|$)")
# C0 and C1 controls, zero-width and direction-changing characters, lone surrogates, BOM.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff\ufeff]+")


def clean(value: Any, limit: int = MAX_TEXT) -> str:
    """One printable line of at most `limit` characters from any value; None gives an empty string."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, (bool, int, float)):
        text = number_text(value)
    else:
        text = json.dumps(value, default=str, sort_keys=True)[: 8 * limit]
    text = " ".join(_UNSAFE.sub(" ", text[: 8 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def number_text(value: bool | int | float) -> str:
    """A number in short: 0.1, not 0.10000000000000001; true and false as words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return str(value) if isinstance(value, int) else f"{value:.10g}"
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "a number too long to show"


def finite(value: Any) -> float | None:
    """The value as a float when it is a real, finite number; None otherwise, and for a bool."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """The value as an int when it is a whole number that fits 63 bits; None otherwise."""
    number = finite(value)
    if number is None or number != int(number) or abs(number) >= 2**63:
        return None
    return int(value)


def known(value: float | None) -> TypeGuard[float]:
    """Whether there is a number to show."""
    return value is not None and math.isfinite(value)


def fixed(value: float | None, digits: int = 3, absent: str = NOT_MEASURED) -> str:
    """A number to `digits` decimals, below zero with a minus sign and not a hyphen."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if known(value) else absent


def quantity(value: float | None, unit: str, digits: int = 3, absent: str = NOT_MEASURED) -> str:
    """Number and unit with a no-break space between, to `digits` significant digits, thousands grouped."""
    if not known(value):
        return absent
    return f"{significant(value, digits)}\N{NO-BREAK SPACE}{unit}".rstrip("\N{NO-BREAK SPACE}")


def significant(value: float, digits: int = 3) -> str:
    """At least `digits` significant digits, never in exponents between 1e-4 and 1e12."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude > 12:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - magnitude)}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: float | None) -> tuple[str, str]:
    """Number and unit of a time: seconds below two minutes, minutes below two hours, then hours."""
    if not known(seconds):
        return NOT_MEASURED, ""
    if abs(seconds) >= 1e9:
        return significant(seconds), "s"
    if abs(seconds) < 120:
        return f"{seconds:.2f}", "s"
    if abs(seconds) < 7200:
        return f"{seconds / 60:.2f}", "min"
    return f"{seconds / 3600:.2f}", "h"


def seconds_text(seconds: float | None, absent: str = NOT_MEASURED) -> str:
    """A time in seconds to two decimals, so that a column of them compares."""
    if not known(seconds):
        return absent
    number = f"{seconds:.2f}" if abs(seconds) < 1e7 else significant(seconds)
    return f"{number}\N{NO-BREAK SPACE}s"


def duration_text(seconds: float | None) -> str:
    """A time as `duration` states it, in one string."""
    number, unit = duration(seconds)
    return f"{number}\N{NO-BREAK SPACE}{unit}" if unit else number


def size(count: float | None) -> str:
    """Bytes in binary units."""
    if not known(count):
        return NOT_MEASURED
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return quantity(count, unit)
        count /= 1024
    return quantity(count, "TiB")


def energy(joules: float | None) -> str:
    """Joules as J, kJ or MJ, with watt hours beside them from 1 kJ."""
    if not known(joules):
        return NOT_MEASURED
    for unit, factor in (("MJ", 1e6), ("kJ", 1e3)):
        if abs(joules) >= factor:
            return f"{quantity(joules / factor, unit)} ({quantity(joules / 3600, 'Wh')})"
    return quantity(joules, "J")


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction as a percentage."""
    return f"{100 * fraction:.{digits}f}\N{NO-BREAK SPACE}%" if known(fraction) else NOT_MEASURED


def timestamp(now: datetime | float) -> str:
    """UTC, to the second, as ISO 8601; from seconds since 1970 or a datetime (a naive one is UTC)."""
    if isinstance(now, (int, float)):
        now = datetime.fromtimestamp(now, timezone.utc)
    aware = now if now.tzinfo else now.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def broken(errors: Iterable[tuple[str, str]]) -> str:
    """Which rules errors (rule, path) break, in words: "5 rules, each in 5 runs"; empty for none."""
    runs: dict[str, set[str]] = {}
    for rule, path in errors:
        runs.setdefault(rule, set()).update(_RUN.findall(path))
    counts = [len(found) for found in runs.values()]
    if not counts or not max(counts):
        return plural(len(counts), "rule") if counts else ""
    if min(counts) == max(counts):
        return f"{plural(len(counts), 'rule')}, {'each ' if len(counts) > 1 else ''}in {plural(counts[0], 'run')}"
    return f"{plural(len(counts), 'rule')}, in up to {plural(max(counts), 'run')}"


def said(value: str, message: str) -> bool:
    """Whether a message already has this value, as words of its own; nothing is always said."""
    return not value or re.search(rf"(?<![\w.]){re.escape(value)}(?![\w]|\.\d)", message) is not None


def runs_of(places: Iterable[str]) -> str:
    """The runs in which places lie: "run 4" or "5 runs"; empty where they lie in none."""
    found = {number for place in places for number in _RUN.findall(place)}
    return f"run {found.pop()}" if len(found) == 1 else plural(len(found), "run") if found else ""


def left_over(errors: int, warnings: int) -> str:
    """What a shortened list leaves out: "and 2 more errors, 3 warnings"; empty for nothing."""
    if errors > 0:
        return f"and {plural(errors, 'more error')}" + (
            f", {plural(warnings, 'warning')}" if warnings > 0 else ""
        )
    return f"and {plural(warnings, 'more warning')}" if warnings > 0 else ""


def daylight(value: Any) -> str:
    """ "day" or "night" for a flag, any other value as text; empty when unknown."""
    if isinstance(value, bool):
        return "day" if value else "night"
    return clean(value, 40)


def position(latitude: float | None, longitude: float | None) -> str:
    """Latitude and longitude (degrees) as text; empty when unknown or impossible."""
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 360:
        return ""
    east = east_of_greenwich(longitude)
    return (
        f"{abs(latitude):.1f}° {'N' if latitude >= 0 else 'S'}, {abs(east):.1f}° {'E' if east >= 0 else 'W'}"
    )


def east_of_greenwich(longitude: float) -> float:
    """The longitude between -180 and 180 degrees."""
    return (longitude + 180) % 360 - 180
