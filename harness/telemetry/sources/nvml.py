"""NVIDIA's management library (NVML, package nvidia-ml-py): loading it, its errors, and what every
source that reads GPUs through it shares (gpus.py, gpu_processes.py).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from harness.telemetry.sources.base import Kind, QuantitySpec, Source, SourceUnavailable

_NO_DRIVER = "nothing to do without an NVIDIA GPU; else install the NVIDIA driver (libnvidia-ml.so.1)"

# NVML error name -> (why, fix); the names are attributes of pynvml
_ERRORS: dict[str, tuple[str, str]] = {
    "NVML_ERROR_LIBRARY_NOT_FOUND": ("libnvidia-ml.so.1 is not on this machine", _NO_DRIVER),
    "NVML_ERROR_FUNCTION_NOT_FOUND": ("the driver is too old for this call", "update the NVIDIA driver"),
    "NVML_ERROR_DRIVER_NOT_LOADED": (
        "the NVIDIA kernel module is not loaded",
        "load it (modprobe nvidia), or give the container access to the GPU (--gpus all)",
    ),
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": (
        "library and kernel module are of different driver versions",
        "restart the machine, or reload the module, after the driver update",
    ),
    "NVML_ERROR_NO_PERMISSION": (
        "this user may not ask the driver",
        "an administrator can give access to /dev/nvidiactl and /dev/nvidia*",
    ),
    "NVML_ERROR_GPU_IS_LOST": (
        "the GPU has fallen off the bus",
        "look at dmesg for Xid messages; the machine must be restarted before it can be measured",
    ),
    "NVML_ERROR_RESET_REQUIRED": ("the GPU needs a reset", "let an administrator reset the GPU"),
    "NVML_ERROR_NOT_SUPPORTED": ("this GPU or its MIG mode does not report it", "nothing to do"),
}
_GONE = ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_GPU_NOT_FOUND")
COST_PROBES = 3
WORTH_A_WORD_S = 0.1  # the sampler's usual interval: a source that keeps up with it needs no remark


def _error_name(nvml: ModuleType, error: Exception) -> str:
    value = getattr(error, "value", None)
    for name in dir(nvml):
        if name.startswith("NVML_ERROR_") and getattr(nvml, name) == value:
            return name
    return str(error)


def explain(nvml: ModuleType, error: Exception) -> tuple[str, str]:
    """Why an NVML call failed and what to do, for any NVMLError."""
    name = _error_name(nvml, error)
    return _ERRORS.get(name, (f"NVML says {error}", "run nvidia-smi: it should name the fault"))


def load() -> ModuleType:
    """pynvml, initialised. The caller ends with nvmlShutdown(). Raises SourceUnavailable."""
    try:
        import pynvml
    except ImportError as error:
        raise SourceUnavailable(
            "NVIDIA GPUs cannot be read",
            f"nvidia-ml-py is not installed ({error})",
            "pip install nvidia-ml-py",
        ) from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        why, fix = explain(pynvml, error)
        raise SourceUnavailable("no NVIDIA GPU can be read", why, fix) from error
    return pynvml


def text(value: Any) -> str:
    """Older versions of nvidia-ml-py return bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True)
class Reading:
    """One call of the driver: (name, unit, kind) of each value it yields, and the call."""

    quantities: tuple[tuple[str, str, Kind], ...]
    get: Callable[[ModuleType, Any], Sequence[float | None]]
    slowest_s: float | None = None  # however costly, ask at least so often; None: as the source says
    cpu_share: float | None = None  # what it may cost on all GPUs together; None: its part of the source's

    @property
    def names(self) -> str:
        return ", ".join(name for name, _, _ in self.quantities)


@dataclass
class _Channel:
    gpu: int
    handle: Any
    reading: Reading
    every_s: float = 0.0  # 0: whenever the source is read
    due_s: float = 0.0  # monotonic
    warned: bool = False


class NvmlBase(Source):
    """What all NVML sources share: GPUs as gpu0, gpu1, ..., errors, a GPU that is lost.

    `cpu_share` bounds what the readings may cost, each its part: one that the driver answers slowly
    (the energy counter takes 4 ms of processor time on an H100, the power 6 us) is made less often,
    but at least every `slowest_s`. In between its values are absent.
    """

    cpu_share = 0.0003
    slowest_s = 30.0
    stretch_to_s: float | None = 30.0

    def __init__(self) -> None:
        self._nvml: ModuleType | None = None
        self._channels: list[_Channel] = []
        self._devices: dict[str, str] = {}
        self._notes: list[str] = []
        self._lost: set[int] = set()

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """What to ask this GPU. Those that do not answer now are left out, and a note says so."""
        raise NotImplementedError

    def open(self) -> None:
        nvml = load()
        self._nvml = nvml
        try:
            for index in range(nvml.nvmlDeviceGetCount()):
                self._add_gpu(nvml, index)
        except nvml.NVMLError as error:
            self.close()
            why, fix = explain(nvml, error)
            raise SourceUnavailable("the GPUs cannot be listed", why, fix) from error
        if not self._channels:
            self.close()
            why = "; ".join(self._notes) or "the driver is there but reports no GPU"
            raise SourceUnavailable("no NVIDIA GPU can be read", why, "run nvidia-smi and look at dmesg")
        self._pace()

    def _add_gpu(self, nvml: ModuleType, index: int) -> None:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name, uuid = text(nvml.nvmlDeviceGetName(handle)), text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError as error:
            self._notes.append(f"gpu{index}: {explain(nvml, error)[0]}")
            return
        missing = []
        for reading in self.readings(nvml, handle):
            try:
                reading.get(nvml, handle)
            except (nvml.NVMLError, AttributeError) as error:  # AttributeError: an older nvidia-ml-py
                missing.append(f"{reading.names} ({explain(nvml, error)[0]})")
                continue
            self._channels.append(_Channel(index, handle, reading))
        self._devices[f"gpu{index}"] = f"{name}, {uuid}"
        if missing:
            self._notes.append(f"gpu{index}: not measured: {', '.join(missing)}")

    def _pace(self) -> None:
        """Set how often each reading is made, so that all cost no more than `cpu_share` of a core."""
        costs_s: dict[str, float] = {}
        shares = [channel.reading.cpu_share for channel in self._channels]
        for channel in self._channels:
            cost_s, own = self._cost_s(channel), channel.reading.cpu_share
            allowed_s = cost_s * shares.count(own) / (self.cpu_share if own is None else own)
            if allowed_s > max(self.interval_s, WORTH_A_WORD_S):
                channel.every_s = min(channel.reading.slowest_s or self.slowest_s, allowed_s)
                costs_s[channel.reading.names] = max(cost_s, costs_s.get(channel.reading.names, 0.0))
        self.interval_s = max(self.interval_s, min(channel.every_s for channel in self._channels))
        for names, cost_s in costs_s.items():
            every_s = max(c.every_s for c in self._channels if c.reading.names == names)
            self._notes.append(
                f"{self.name}: {names} read at most every {every_s:.2g} s: one reading takes "
                f"{1e3 * cost_s:.2g} ms of processor time"
            )

    def _cost_s(self, channel: _Channel) -> float:
        """Processor time of one reading, the median of some."""
        costs_s = []
        for _ in range(COST_PROBES):
            before = time.thread_time()
            self._ask(channel)
            costs_s.append(time.thread_time() - before)
        return sorted(costs_s)[COST_PROBES // 2]

    def quantities(self) -> list[QuantitySpec]:
        return [
            QuantitySpec(name, unit, f"gpu{channel.gpu}", kind)
            for channel in self._channels
            for name, unit, kind in channel.reading.quantities
        ]

    def read(self) -> Sequence[float | None]:
        now_s = time.monotonic()
        return [value for channel in self._channels for value in self._values(channel, now_s)]

    def ending(self) -> None:
        """A counter that was last read seconds ago would miss the end of the run."""
        for channel in self._channels:
            channel.due_s = 0.0

    def _values(self, channel: _Channel, now_s: float) -> Sequence[float | None]:
        if now_s < channel.due_s:
            return [None] * len(channel.reading.quantities)
        channel.due_s = now_s + channel.every_s - self.interval_s / 2  # the sampler is never quite on time
        return self._ask(channel)

    def _ask(self, channel: _Channel) -> Sequence[float | None]:
        nvml = self._nvml
        if nvml is not None and channel.gpu not in self._lost:
            try:
                return channel.reading.get(nvml, channel.handle)
            except nvml.NVMLError as error:
                self._failed(nvml, channel, error)
        return [None] * len(channel.reading.quantities)

    def _failed(self, nvml: ModuleType, channel: _Channel, error: Exception) -> None:
        """A GPU that is gone stays gone until a restart, and asking it again can hang for seconds."""
        why, _ = explain(nvml, error)
        if _error_name(nvml, error) in _GONE:
            self._lost.add(channel.gpu)
            self._notes.append(f"gpu{channel.gpu}: {why}; its readings are absent from here on")
        elif not channel.warned:
            channel.warned = True
            self._notes.append(f"gpu{channel.gpu}: reading {channel.reading.names} failed: {why}")

    def notes(self) -> list[str]:
        notes, self._notes = self._notes, []
        return notes

    def close(self) -> None:
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()
