"""Numbers out of telemetry and system descriptions, for rules that hold one against the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rules.model.evidence import Quantity, Telemetry
from rules.model.values import whole

_UNITS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_CAPACITY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([kmgtp])(i?)b\b", re.IGNORECASE)
_FREQUENCY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)\s*([gm])hz", re.IGNORECASE)


def of_name(quantities: Iterable[Quantity], name: str, scope: str | None = None) -> list[Quantity]:
    """Series of that name (and scope) with a mean."""
    return [
        q for q in quantities if q.name == name and q.mean is not None and (scope is None or q.scope == scope)
    ]


def mean(quantities: Iterable[Quantity], name: str, scope: str) -> float | None:
    """Mean of one series; None where there is none."""
    return next((q.mean for q in of_name(quantities, name, scope)), None)


def largest(quantities: Iterable[Quantity], name: str, scope: str) -> float | None:
    """Largest reading of one series; None where there is none."""
    return next((q.maximum for q in of_name(quantities, name, scope)), None)


def threads(sampled: Telemetry) -> int:
    """Hardware threads that have a series of their own; 0 where single ones were not sampled."""
    return len({q.scope for q in sampled.quantities if q.name == "core_utilization"})


def accelerators(sampled: Telemetry) -> set[str]:
    """Scopes of the accelerators that have a series."""
    return {q.scope for q in sampled.quantities if re.fullmatch(r"gpu\d{1,4}", q.scope)}


def described_threads(fields: Mapping[str, Any]) -> int | None:
    """Hardware threads of a node, from its description; None where it does not say."""
    found = whole(fields.get("host_processor_vcpu_count"))
    return found if found is not None else whole(fields.get("host_processor_core_count"))


def capacity_bytes(text: Any) -> float | None:
    """Bytes that a description such as '2.0 TiB' or '16 GB' means; None where it is not one.

    A capacity in GB is read as GiB: memory is sold so, and the larger reading excuses more.
    """
    match = _CAPACITY.search(text) if isinstance(text, str) else None
    return float(match[1]) * 1024.0 ** _UNITS[match[2].lower()] if match else None


def frequency_hz(text: Any) -> float | None:
    """Hertz that a description such as '2.45 GHz (maximum)' or '1410 MHz' means."""
    match = _FREQUENCY.search(text) if isinstance(text, str) else None
    return float(match[1]) * (1e9 if match[2].lower() == "g" else 1e6) if match else None
