"""NVIDIA's management library (NVML, package nvidia-ml-py): loading it, its errors, and what every
source that reads GPUs through it shares (nvidia_gpus.py, nvidia_processes.py).
"""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

from harness.telemetry.pacing import Pace
from harness.telemetry.sources.base import Kind, QuantitySpec, Source, SourceUnavailable, Subject
from harness.telemetry.sources.bounds import GPU, Standstill, why_not
from harness.telemetry.sources.nvml_trial import LIMIT_S, MAX_GPUS, trial

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
_NOT_HERE = ("NVML_ERROR_LIBRARY_NOT_FOUND", "NVML_ERROR_DRIVER_NOT_LOADED")
_GONE = ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_GPU_NOT_FOUND")


class NoDriver(SourceUnavailable):
    """There is no NVIDIA driver to ask, as on a machine without such a GPU."""


def _error_name(nvml: ModuleType, error: Exception) -> str:
    value = getattr(error, "value", None)
    for name in dir(nvml):
        if name.startswith("NVML_ERROR_") and getattr(nvml, name) == value:
            return name
    return str(error)


def explain(nvml: ModuleType, error: Exception) -> tuple[str, str]:
    """Why an NVML call failed and what to do, for any error that it raises."""
    if not isinstance(error, nvml.NVMLError):
        said = " ".join(str(error).split())[:120]
        return f"nvidia-ml-py does not fit the driver ({type(error).__name__}: {said})", "update nvidia-ml-py"
    name = _error_name(nvml, error)
    return _ERRORS.get(name, (f"NVML says {error}", "run nvidia-smi: it should name the fault"))


def load() -> ModuleType:
    """pynvml, initialised. The caller ends with nvmlShutdown(). Raises SourceUnavailable."""
    try:
        import pynvml
    except ImportError as error:
        raise NoDriver(
            "NVIDIA GPUs cannot be read",
            f"nvidia-ml-py is not installed ({error})",
            "pip install nvidia-ml-py",
        ) from error
    wrong = trial()
    if wrong is not None:
        fix = "run nvidia-smi; where it fails too, restart the machine, or install the driver and its library again"
        raise SourceUnavailable("no NVIDIA GPU can be read", wrong, fix)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        why, fix = explain(pynvml, error)
        kind = NoDriver if _error_name(pynvml, error) in _NOT_HERE else SourceUnavailable
        raise kind("no NVIDIA GPU can be read", why, fix) from error
    nvml: ModuleType = pynvml
    return nvml


def count_gpus(nvml: ModuleType) -> int:
    """How many GPUs the driver lists. Raises NVMLError, also for a number that no machine has."""
    count = int(nvml.nvmlDeviceGetCount())
    if count > MAX_GPUS:
        raise nvml.NVMLError(nvml.NVML_ERROR_UNKNOWN)
    return count


def text(value: Any) -> str:
    """Older versions of nvidia-ml-py return bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def label(nvml: ModuleType, ask: Callable[[Any], Any], handle: Any) -> str | None:
    """A name that the driver gives, in printable characters; None where it gives none."""
    try:
        said = text(ask(handle))
    except (nvml.NVMLError, ValueError, AttributeError):  # ValueError: bytes that are not a text
        return None
    if "\ufffd" in said:
        return None
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:100] or None


@dataclass(frozen=True)
class Reading:
    """One call of the driver: (name, unit, kind) of each value it yields, and the call."""

    quantities: tuple[tuple[str, str, Kind], ...]
    get: Callable[[ModuleType, Any], Sequence[float | None]]
    seldom: bool = False  # part of the source that has a pace of its own
    of: str = "gpu"  # what its values are of: the GPU, or the module that it is a part of

    @property
    def names(self) -> str:
        """The quantities, as a remark lists them."""
        return ", ".join(name for name, _, _ in self.quantities)


@dataclass
class _Channel:
    gpu: int
    handle: Any
    reading: Reading
    warned: bool = False
    doubted: bool = False
    still: Standstill = field(default_factory=Standstill)


class NvmlBase(Source):
    """What all NVML sources share: GPUs as gpu0, gpu1, ..., errors, a GPU that is lost.

    Readings that are marked `seldom`, those of all GPUs together, have the pace `seldom_pace`.
    """

    subject = Subject.GPU
    open_s: ClassVar[float] = 2 * LIMIT_S

    def __init__(self, seldom_pace: Pace | None = None) -> None:
        self._nvml: ModuleType | None = None
        self._often: list[_Channel] = []
        self._seldom: list[_Channel] = []
        self._seldom_pace = seldom_pace or Pace(self.name, self.interval_s)
        self._devices: dict[str, str] = {}
        self._notes: list[str] = []
        self._lost: set[int] = set()

    @abstractmethod
    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """What to ask this GPU. Those that do not answer now are left out, and a note says so."""

    def parts(self) -> Sequence[Pace]:
        """The seldom readings, where there are any."""
        return (self._seldom_pace,) if self._seldom else ()

    def open(self) -> None:
        """List the GPUs and make each reading once. Raises SourceUnavailable when none answers."""
        nvml = load()
        self._nvml = nvml
        try:
            count = count_gpus(nvml)
        except nvml.NVMLError as error:
            self.close()
            why, fix = explain(nvml, error)
            raise SourceUnavailable("the GPUs cannot be listed", why, fix) from error
        for index in range(count):
            try:
                self._add_gpu(nvml, index)
            except Exception as error:  # one GPU does not take the others
                self._notes.append(f"gpu{index}: {explain(nvml, error)[0]}")
        if not (self._often or self._seldom):
            self.close()
            why = "; ".join(self._notes) or "the driver is there but reports no GPU"
            raise SourceUnavailable("no NVIDIA GPU can be read", why, "run nvidia-smi and look at dmesg")

    def _add_gpu(self, nvml: ModuleType, index: int) -> None:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            self._notes.append(f"gpu{index}: {explain(nvml, error)[0]}")
            return
        name, uuid = label(nvml, nvml.nvmlDeviceGetName, handle), label(nvml, nvml.nvmlDeviceGetUUID, handle)
        missing = []
        for reading in self.readings(nvml, handle):
            try:
                reading.get(nvml, handle)
            except Exception as error:  # whatever one reading makes of its library does not take the others
                missing.append(f"{reading.names} ({explain(nvml, error)[0]})")
                continue
            (self._seldom if reading.seldom else self._often).append(_Channel(index, handle, reading))
        self._devices[f"gpu{index}"] = f"{name or 'name not readable'}, {uuid or 'UUID not readable'}"
        if missing:
            self._notes.append(f"gpu{index}: not measured: {', '.join(missing)}")

    def quantities(self) -> list[QuantitySpec]:
        """Those of all GPUs that are read often, then those that are read seldom."""
        return [
            QuantitySpec(name, unit, f"{channel.reading.of}{channel.gpu}", kind)
            for channel in (*self._often, *self._seldom)
            for name, unit, kind in channel.reading.quantities
        ]

    def read(self) -> Sequence[float | None]:
        """Values in that order; those of the seldom readings are None while they are not due."""
        values = [value for channel in self._often for value in self._ask(channel)]
        if not self._seldom:
            return values
        if self._seldom_pace.is_due(time.monotonic()):
            return values + self._seldom_pace.measured(
                lambda: [value for channel in self._seldom for value in self._ask(channel)]
            )
        return values + [None for channel in self._seldom for _ in channel.reading.quantities]

    def _ask(self, channel: _Channel) -> Sequence[float | None]:
        nvml = self._nvml
        if nvml is not None and channel.gpu not in self._lost:
            try:
                return self._possible(channel, channel.reading.get(nvml, channel.handle))
            except Exception as error:
                self._failed(nvml, channel, error)
        return [None] * len(channel.reading.quantities)

    def _possible(self, channel: _Channel, values: Sequence[float | None]) -> Sequence[float | None]:
        """The values; those that no GPU can have are absent, with a remark the first time."""
        kept: list[float | None] = []
        for (name, unit, kind), value in zip(channel.reading.quantities, values, strict=True):
            why = None if value is None else why_not(value, unit, GPU)
            if value is not None and kind is Kind.COUNTER and unit == "J" and channel.still.is_one(value):
                why = "the counter does not count, and a GPU draws power"
            if why is not None and not channel.doubted:
                channel.doubted = True
                self._notes.append(f"gpu{channel.gpu}: {name} is absent where it cannot be: {why}")
            kept.append(value if why is None else None)
        return kept

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
        """Readings that are not supported or failed, GPUs that are lost."""
        notes, self._notes = self._notes, []
        return notes

    def close(self) -> None:
        """Shut the library down."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()
