"""Which sources exist, and which of them work on this machine. A new source is added here only."""

from __future__ import annotations

from collections.abc import Callable

from harness.telemetry.host import HostSource, ProcessTreeSource, SelfSource, TrafficSource
from harness.telemetry.hwmon import HwmonSource
from harness.telemetry.ipmi import IpmiSource
from harness.telemetry.nvml import NvmlSource
from harness.telemetry.rapl import RaplSource
from harness.telemetry.redfish import RedfishSource
from harness.telemetry.source import NullSource, Source, SourceUnavailable, Unavailable

FACTORIES: dict[str, Callable[[], Source]] = {
    HostSource.name: HostSource,
    TrafficSource.name: TrafficSource,
    ProcessTreeSource.name: ProcessTreeSource,
    NvmlSource.name: NvmlSource,
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


def open_all(names: list[str] | None = None, pid: int | None = None) -> list[Source]:
    """Every source of FACTORIES (or the named ones), opened, told which process tree to watch.

    Raises ValueError for a name that is not known.
    """
    wanted = list(FACTORIES) if names is None else names
    unknown = sorted(set(wanted) - set(FACTORIES))
    if unknown:
        raise ValueError(f"unknown source {', '.join(unknown)}: known are {', '.join(FACTORIES)}")
    sources = [open_source(FACTORIES[name]()) for name in wanted]
    if pid is not None:
        for source in sources:
            source.watch(pid)
    return sources
