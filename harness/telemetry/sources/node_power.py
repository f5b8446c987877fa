"""What the sources of whole-node power (IPMI, Redfish, hwmon) share.

Only these measure what MLPerf's power rules ask for (power_measurement.adoc, 3.1): the node with its
memory, disks, fans and supplies. GPU and processor counters are parts of it and never stand for it.
"""

from __future__ import annotations

import math
import os
import re
import sys
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from harness.telemetry.sources.base import QuantitySpec, Source, Subject

NODE = "node"
NODE_POWER = "node_power"
INTERVAL_VARIABLE = "CLOUDMASK_POWER_INTERVAL_S"
SLOWEST_S = 1.0  # the power rules require at least one reading a second (3.4)
INTERVAL_S = 0.5  # so that a reading that fails or is late breaks no rule
FASTEST_S = 0.01
MIN_W, MAX_W = 1.0, 100_000.0  # of one node that is on; the ruleset's watts_maximum
# What firmware and drivers put where a reading is not known, in watts: all bits of the 16-bit field of IPMI's
# Get Power Reading (DCMI 1.5, table 6-16) and its largest signed value; all bits of 32, and the largest signed value,
# in the milliwatts of NVML and the microwatts of the kernel's hwmon.
UNKNOWN_W = (65_535.0, 32_767.0, 4_294_967.295, 2_147_483.647, 4_294.967295, 2_147.483647)
MAX_REASON = 200
_PART = re.compile(
    r"\b(cpus?|processors?|gpus?|dpus?|accelerators?|memory|dimms?|dram|fans?|cooling|drives?|storage|hdds?|batter(?:y|ies)|"
    r"nics?|pcie|psus?|power suppl\w*|vrs?|voltage regulators?|sub-?systems?|modules?|boards?|sockets?|retimers?|"
    r"nvswitch(?:es)?|nvlink|erots?|bmc)(?:\d|\b)",
    re.IGNORECASE,
)


def names_a_part(name: str) -> bool:
    """Whether a name that firmware gives says that something is a part of a node: "CPU Sub-system", "HGX_GPU_SXM_1"."""
    return bool(_PART.search(name.replace("_", " ")))


class ReadingFailed(Exception):
    """One reading gave no value; the message says why, in one line and without addresses."""


def watts(value: Any, least_w: float = MIN_W) -> float:
    """A reading in watts. Raises ReadingFailed for what a machine that is on, or a part of it, cannot draw."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        kind = (
            "it is absent"
            if value is None
            else "it is a text"
            if isinstance(value, str)
            else "of another kind"
        )
        raise ReadingFailed(f"the reading is not a number: {kind}")
    value = min(value, sys.float_info.max)  # integers of JSON know no bound
    if not math.isfinite(value):
        raise ReadingFailed("the reading is not a number")
    if value <= 0:
        raise ReadingFailed(f"it reads {value:g} W, which no machine that is on draws")
    if value < least_w:
        raise ReadingFailed(f"it reads {value:g} W, less than a machine draws: of another unit")
    if any(math.isclose(value, unknown, rel_tol=1e-9) for unknown in UNKNOWN_W):
        raise ReadingFailed(f"it reads {value:.10g} W, which firmware puts where the power is unknown")
    if value > MAX_W:
        raise ReadingFailed(f"it reads {value:g} W, more than a node can draw")
    return float(value)


def interval_s() -> float:
    """Seconds between readings: CLOUDMASK_POWER_INTERVAL_S, from 0.01 to 1; 0.5 when that is not set to a number."""
    try:
        wanted = float(os.environ.get(INTERVAL_VARIABLE, ""))
    except ValueError:
        return INTERVAL_S
    return min(max(wanted, FASTEST_S), SLOWEST_S) if math.isfinite(wanted) else INTERVAL_S


class Remarks:
    """One remark when a reading begins to fail and one when it works again, not one per reading."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}
        self._new: list[str] = []

    def failed(self, what: str, reason: object) -> None:
        """A reading failed; a remark when the reason is new."""
        short = " ".join(str(reason).split())[:MAX_REASON]
        if self._failing.get(what) != short:
            self._failing[what] = short
            self._new.append(f"{what}: reading failed: {short}")

    def works(self, what: str) -> None:
        """A reading gave a value; a remark when the one before failed."""
        if self._failing.pop(what, None) is not None:
            self._new.append(f"{what}: readings are back")

    def add(self, remark: str) -> None:
        """A remark of another kind."""
        self._new.append(remark)

    def take(self) -> list[str]:
        """The remarks since the last call."""
        new, self._new = self._new, []
        return new


class NodePowerSource(Source):
    """One quantity, the power of this node in watts. A subclass says how to `measure` it."""

    subject = Subject.NODE_POWER

    def __init__(self) -> None:
        self.interval_s = interval_s()
        self._remarks = Remarks()

    @abstractmethod
    def measure(self) -> float:
        """Watts now. Raises ReadingFailed."""

    def quantities(self) -> list[QuantitySpec]:
        """The power of the node."""
        return [QuantitySpec(NODE_POWER, "W", NODE)]

    def read(self) -> Sequence[float | None]:
        """Watts now, or absent with a remark."""
        try:
            value = self.measure()
        except ReadingFailed as reason:
            self._remarks.failed(f"{self.name} {NODE_POWER}", reason)
            return [None]
        self._remarks.works(f"{self.name} {NODE_POWER}")
        return [value]

    def notes(self) -> list[str]:
        """Readings that failed, and that are back."""
        return self._remarks.take()
