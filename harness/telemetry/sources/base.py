"""What a telemetry source is: named quantities with unit, scope and kind, read on demand.

A new source is one file in this folder with one class, which the registry finds by itself:

    class Meter(Source):                      # NodePowerSource for watts of the whole node
        name = "meter"                        # its group in the telemetry file, its name in --sources
        subject = Subject.NODE_POWER          # where it stands in lists, and what it may be used for
        interval_s = 1.0                      # the shortest time between readings that makes sense
        slowest_s = 5.0                       # how seldom it may be read when sampling costs too much

        def open(self) -> None: ...           # raises SourceUnavailable: what, why, fix
        def quantities(self) -> list[QuantitySpec]: ...
        def read(self) -> Sequence[float | None]: ...    # one value per quantity, None where it failed

`name`, `quantities` and `read` are required. Whatever belongs to the device is passed to the constructor
with a default (a path under /sys, a time limit), so that a test can stand in for it; the constructor itself
touches nothing, and takes no argument without a default. A source that cannot work here raises
SourceUnavailable when it is opened and is replaced by a NullSource that keeps the reason, so that callers
never branch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar

from harness.telemetry.pacing import Pace

KERNEL = "kernel"  # the lane of what the kernel answers at once: one thread wakes up for all of it


class Kind(str, Enum):
    """How the values of a quantity follow from one another."""

    GAUGE = "gauge"  # a state at the moment of reading (memory used, temperature, power)
    RATE = "rate"  # mean per second, or share in %, since the previous reading
    COUNTER = "counter"  # only grows while the source lives; a difference is what happened between


class Subject(IntEnum):
    """What a source is about. Lists of sources are in this order."""

    HOST = 1
    RUN = 2
    GPU = 3
    PROCESSOR_POWER = 4
    SAMPLER = 5
    NODE_POWER = 6


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
    """Why a source gives nothing here, and what can be done about it."""

    source: str
    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.source}: {self.what}: {self.why}. {self.fix[:1].upper()}{self.fix[1:]}"


class SourceUnavailable(Exception):
    """Raised by Source.open(). Carries what, why and fix as separate sentences."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what, self.why, self.fix = what, why, fix


class Source(ABC):
    """Base of all sources. The order of calls is open, quantities, read (many times), close.

    Sources that name the same `lane` are read by one thread, the others by one each; a source is always
    read by the same thread. How often is decided by its Pace (pacing.py) from the three times below.
    """

    name: str = "source"
    subject: ClassVar[Subject] = Subject.HOST
    preference: ClassVar[int] = 9  # among those of one subject: the lowest is listed first, and taken first
    interval_s: float = 0.02  # it is never read more often
    slowest_s: float | None = None  # it is never read less often; None: always at `interval_s`
    costly_s: float | None = None  # never less often where one reading of its own is very expensive
    lane: str = ""
    open_s: ClassVar[float] = 10.0  # open() may take this long; after that the source counts as unavailable
    unavailable: Unavailable | None = None

    def open(self) -> None:  # noqa: B027  # optional
        """Get ready. Raises SourceUnavailable when there is nothing to read here."""

    @abstractmethod
    def quantities(self) -> list[QuantitySpec]:
        """What read() returns, in that order; fixed once the source is open."""

    @abstractmethod
    def read(self) -> Sequence[float | None]:
        """One value per quantity; None where this reading failed (never 0 for absent)."""

    def parts(self) -> Sequence[Pace]:
        """Paces of what read() reads less often than the rest; in between, its values are None."""
        return ()

    def notes(self) -> list[str]:
        """Remarks since the last call (a GPU that was lost, a reading that is not supported)."""
        return []

    def devices(self) -> dict[str, str]:
        """What stands behind each scope, e.g. {"gpu0": "NVIDIA A100 ..., GPU-uuid"}."""
        return {}

    def watch(self, pid: int) -> None:  # noqa: B027  # optional
        """Follow the process tree below `pid` from now on; only a few sources have use for it."""

    def close(self) -> None:  # noqa: B027  # optional
        """Release what open() took. Safe to call twice, or without open()."""


class NullSource(Source):
    """Stands in for a source that does not work here: measures nothing and keeps the reason."""

    def __init__(self, reason: Unavailable) -> None:
        self.name = reason.source
        self.unavailable = reason

    def quantities(self) -> list[QuantitySpec]:
        """Nothing."""
        return []

    def read(self) -> Sequence[float | None]:
        """Nothing."""
        return []


def per_second(new: float | None, old: float | None, elapsed_s: float) -> float | None:
    """Growth per second; None for the first reading and after a counter went back (device removed)."""
    if new is None or old is None or elapsed_s <= 0 or new < old:
        return None
    return (new - old) / elapsed_s
