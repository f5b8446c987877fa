"""What a telemetry source is: named quantities with unit, scope and kind, read on demand.

Every vendor hides behind `Source`. A source that cannot work here raises SourceUnavailable when it
is opened and is replaced by a NullSource that keeps the reason, so that callers never branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

KERNEL = "kernel"  # the lane of what the kernel answers at once: one thread wakes up for all of it


class Kind(str, Enum):
    GAUGE = "gauge"  # a state at the moment of reading (memory used, temperature, power)
    RATE = "rate"  # mean per second, or share in %, since the previous reading
    COUNTER = "counter"  # only grows while the source lives; a difference is what happened between


@dataclass(frozen=True)
class QuantitySpec:
    """One measured quantity. `scope` says of what: node, gpu0, cpu_package0, process_tree, ..."""

    name: str
    unit: str
    scope: str
    kind: Kind = Kind.GAUGE

    @property
    def key(self) -> str:
        """Unique within its source; the name of the data set in the telemetry file."""
        return f"{self.scope}.{self.name}"


@dataclass(frozen=True)
class Unavailable:
    """Why a source gives nothing here, and what a person can do about it."""

    source: str
    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.source}: {self.what}: {self.why}. {self.fix}"


class SourceUnavailable(Exception):
    """Raised by Source.open(). Carries what, why and fix as separate sentences."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what, self.why, self.fix = what, why, fix


class Source:
    """Base of all sources. The order of calls is open, quantities, read (many times), close.

    `interval_s` is the shortest time between readings that makes sense for it: the sampler never
    reads a source more often, so a slow one sets its own pace; `stretch_to_s`, where there is one, is
    how seldom it may be read when sampling costs too much. Sources that name the same `lane` are read by one
    thread, the others by one each; a source is always read by the same thread.
    """

    name: str = "source"
    interval_s: float = 0.02
    stretch_to_s: float | None = None
    lane: str = ""
    unavailable: Unavailable | None = None

    def open(self) -> None:
        """Get ready. Raises SourceUnavailable when there is nothing to read here."""

    def quantities(self) -> list[QuantitySpec]:
        """What read() returns, in that order; fixed once the source is open."""
        return []

    def read(self) -> Sequence[float | None]:
        """One value per quantity; None where this reading failed (never 0 for absent)."""
        return []

    def notes(self) -> list[str]:
        """Remarks since the last call (a GPU that was lost, a reading that is not supported)."""
        return []

    def devices(self) -> dict[str, str]:
        """What stands behind each scope, e.g. {"gpu0": "NVIDIA A100 ..., GPU-uuid"}."""
        return {}

    def watch(self, pid: int) -> None:
        """The process tree to follow from now on; most sources do not care."""

    def ending(self) -> None:
        """The next reading is the last one: what is read seldom is to be read then."""

    def close(self) -> None:
        """Let go. Safe to call twice, or without open()."""


class NullSource(Source):
    """Stands in for a source that does not work here: measures nothing and knows why."""

    def __init__(self, reason: Unavailable) -> None:
        self.name = reason.source
        self.unavailable = reason


def per_second(new: float | None, old: float | None, elapsed_s: float) -> float | None:
    """Growth per second; None for the first reading and after a counter went back (device removed)."""
    if new is None or old is None or elapsed_s <= 0 or new < old:
        return None
    return (new - old) / elapsed_s
