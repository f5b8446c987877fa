"""Which sources exist, and which of them work on this machine. A new source is added here only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from harness.telemetry.sources.base import NullSource, Source, SourceUnavailable, Unavailable
from harness.telemetry.sources.gpu_processes import NvmlProcessSource
from harness.telemetry.sources.host import (
    CoreSource,
    FrequencySource,
    HostSource,
    ProcessTreeSource,
    SelfSource,
    TrafficSource,
)
from harness.telemetry.sources.hwmon import HwmonSource
from harness.telemetry.sources.ipmi import IpmiSource
from harness.telemetry.sources.memory import MemorySource
from harness.telemetry.sources.nvidia_gpus import (
    NvmlSlowSource,
    NvmlSource,
    NvmlStateSource,
    NvmlUtilizationSource,
)
from harness.telemetry.sources.rapl import RaplSource
from harness.telemetry.sources.redfish import RedfishSource

OPEN_S = 10.0

FACTORIES: dict[str, Callable[[], Source]] = {
    HostSource.name: HostSource,
    CoreSource.name: CoreSource,
    FrequencySource.name: FrequencySource,
    MemorySource.name: MemorySource,
    TrafficSource.name: TrafficSource,
    ProcessTreeSource.name: ProcessTreeSource,
    NvmlSource.name: NvmlSource,
    NvmlUtilizationSource.name: NvmlUtilizationSource,
    NvmlStateSource.name: NvmlStateSource,
    NvmlSlowSource.name: NvmlSlowSource,
    NvmlProcessSource.name: NvmlProcessSource,
    RaplSource.name: RaplSource,
    SelfSource.name: SelfSource,
    RedfishSource.name: RedfishSource,
    IpmiSource.name: IpmiSource,
    HwmonSource.name: HwmonSource,
}


def open_source(source: Source) -> Source:
    """The source itself, ready to read, or a NullSource that says why it cannot be read.

    Any other exception means the same to the caller: a broken source must not stop the others.
    """
    try:
        source.open()
    except SourceUnavailable as error:
        return NullSource(Unavailable(source.name, error.what, error.why, error.fix))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return NullSource(
            Unavailable(source.name, "it failed to start", reason, "report this with the message")
        )
    return source


def open_all(names: list[str] | None = None, pid: int | None = None, limit_s: float = OPEN_S) -> list[Source]:
    """Every source of FACTORIES (or the named ones), opened, told which process tree to watch.

    They are opened side by side; one that is not ready after `limit_s` counts as unavailable and is
    left behind. Raises ValueError for a name that is not known.
    """
    wanted = list(FACTORIES) if names is None else names
    unknown = sorted(set(wanted) - set(FACTORIES))
    if unknown:
        raise ValueError(f"unknown source {', '.join(unknown)}: known are {', '.join(FACTORIES)}")
    opened: dict[str, Source] = {}

    def open_one(name: str) -> None:
        opened[name] = open_source(FACTORIES[name]())

    threads = [threading.Thread(target=open_one, args=(name,), daemon=True) for name in dict.fromkeys(wanted)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    ready = dict(opened)
    sources = [ready.get(name) or _late(name, limit_s) for name in dict.fromkeys(wanted)]
    if pid is not None:
        for source in sources:
            source.watch(pid)
    return sources


def _late(name: str, limit_s: float) -> NullSource:
    why = f"no answer within {limit_s:g} s"
    return NullSource(Unavailable(name, "it does not start", why, "see whether its device or driver hangs"))


def reasons(sources: Iterable[Source]) -> list[Unavailable]:
    """Why sources cannot be read here; what several share is said once, by the first of them."""
    found: dict[tuple[str, str, str], Unavailable] = {}
    for source in sources:
        if source.unavailable is not None:
            reason = source.unavailable
            found.setdefault((reason.what, reason.why, reason.fix), reason)
    return list(found.values())
