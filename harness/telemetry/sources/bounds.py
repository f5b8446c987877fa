"""What a device can report at all. Drivers fill a value that they do not know with all bits set, with zeros or with
noise and call it a success: 4,294,967 W, 65535 degrees. Such a value is absent, and a remark says so once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from harness.telemetry.sources.node_power import UNKNOWN_W


@dataclass(frozen=True)
class Bound:
    """The range of a unit, and where its ends come from."""

    low: float
    high: float
    source: str


# of one GPU, by unit
GPU: dict[str, Bound] = {
    "W": Bound(0.0, 10_000.0, "no board or module has a power limit above 3 kW (NVIDIA GB300: 2.8 kW)"),
    "J": Bound(0.0, 1e12, "10 kW for three years"),
    "%": Bound(0.0, 100.0, "a share (NVML, nvmlUtilization_t)"),
    "degC": Bound(
        -50.0, 200.0, "silicon is shut down near 110 degrees (NVML, TEMPERATURE_THRESHOLD_SHUTDOWN)"
    ),
    "MHz": Bound(0.0, 20_000.0, "memory clocks reach some 14 GHz effective (GDDR7)"),
    "B": Bound(0.0, 2.0**44, "16 TiB, fifty times the memory of a GPU of 2026"),
    "B/s": Bound(0.0, 1e12, "PCIe 6.0 x16 carries 128 GB/s (PCI-SIG)"),
    "1": Bound(0.0, 4_294_967_294.0, "a counter of 32 bits with all bits set is not known"),
}


STANDSTILL_S = 0.5  # counters of energy step every millisecond (RAPL) or every 100 ms (NVML)


@dataclass
class Standstill:
    """Whether a counter of energy has not moved since it was read first: hypervisors, firmware and drivers show such
    counters where they have none. That is not 0 J."""

    first: float | None = None
    since_s: float = 0.0
    moved: bool = False

    def is_one(self, value: float) -> bool:
        """Whether it stands still, this reading included; False for as long as it may still move."""
        if self.moved:
            return False
        if self.first is None:
            self.first, self.since_s = value, time.monotonic()
        self.moved = value != self.first
        return not self.moved and time.monotonic() - self.since_s >= STANDSTILL_S


def why_not(value: float, unit: str, bounds: dict[str, Bound]) -> str | None:
    """Why a device cannot have reported this value in earnest; None where it can."""
    if not math.isfinite(value):
        return "not a number"
    if unit == "W" and any(math.isclose(value, unknown, rel_tol=1e-9) for unknown in UNKNOWN_W):
        return f"{value:.10g} W stands for unknown"
    bound = bounds.get(unit)
    if bound is None or bound.low <= value <= bound.high:
        return None
    return f"{value:.10g} {unit} is outside {bound.low:g} to {bound.high:g} {unit}: {bound.source}"
