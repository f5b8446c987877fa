"""Bytes that the node's disks and network devices move."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from harness.telemetry.sources.base import KERNEL, Kind, QuantitySpec, Source, per_second

SYS_BLOCK = Path("/sys/block")
SYS_NET = Path("/sys/class/net")


def _hardware_names(folder: Path) -> set[str] | None:
    """Entries backed by a device. Leaves out loop, dm, md, bonds and bridges, which would count the
    same bytes twice. None where there is no such folder (not Linux)."""
    try:
        return {entry.name for entry in folder.iterdir() if (entry / "device").exists()}
    except OSError:
        return None


class TrafficSource(Source):
    """Bytes per second through the node's disks and network devices.

    It is what the kernel moved through its own devices: remote file systems that bypass them (RDMA)
    do not show. Once a second: reading all device tables costs more than the rest of psutil.
    """

    name = "psutil_io"
    lane = KERNEL
    interval_s = 1.0
    slowest_s = 5.0

    def __init__(self) -> None:
        self._disks: set[str] | None = None
        self._nets: set[str] | None = None
        self._last: tuple[float, list[float | None]] | None = None

    def open(self) -> None:
        """List the devices, and take the reading that rates start from."""
        self._disks = _hardware_names(SYS_BLOCK)
        self._nets = _hardware_names(SYS_NET)
        self.read()  # rates need a first reading to start from

    def quantities(self) -> list[QuantitySpec]:
        """Bytes per second read, written, received and sent."""
        names = ("disk_read", "disk_write", "network_receive", "network_send")
        return [QuantitySpec(name, "B/s", "node", Kind.RATE) for name in names]

    def read(self) -> Sequence[float | None]:
        """Rates since the reading before; absent where no device counts."""
        now = time.monotonic()
        totals = [*self._disk_bytes(), *self._network_bytes()]
        before, old = self._last or (now, [None] * len(totals))
        self._last = (now, totals)
        return [per_second(new, was, now - before) for new, was in zip(totals, old, strict=True)]

    def _disk_bytes(self) -> list[float | None]:
        try:
            disks = psutil.disk_io_counters(perdisk=True, nowrap=False)
        except (OSError, RuntimeError, NotImplementedError):
            return [None, None]
        chosen = [c for name, c in disks.items() if self._disks is None or name in self._disks]
        if not chosen:
            return [None, None]
        return [float(sum(c.read_bytes for c in chosen)), float(sum(c.write_bytes for c in chosen))]

    def _network_bytes(self) -> list[float | None]:
        try:
            nets = psutil.net_io_counters(pernic=True, nowrap=False)
        except (OSError, RuntimeError):
            return [None, None]
        wanted = self._nets or set(nets) - {"lo", "lo0"}
        chosen = [c for name, c in nets.items() if name in wanted]
        if not chosen:
            return [None, None]
        return [float(sum(c.bytes_recv for c in chosen)), float(sum(c.bytes_sent for c in chosen))]
