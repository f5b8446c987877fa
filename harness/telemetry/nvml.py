"""NVIDIA GPUs through the driver's own library (NVML, package nvidia-ml-py).

All GPUs of the machine are read, whatever CUDA_VISIBLE_DEVICES says: a GPU somebody else keeps busy
is worth seeing. Power is the driver's figure: instantaneous up to Volta and on A100 (GA100), a mean
over the last second on other Ampere boards and on newer ones. The energy counter (Volta and newer)
steps about every 100 ms. GPU power is not node power.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from harness.telemetry.source import Kind, QuantitySpec, Source, SourceUnavailable

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


_Getter = Callable[[ModuleType, Any], float]

_READINGS: list[tuple[str, str, Kind, _Getter]] = [
    ("gpu_utilization", "%", Kind.GAUGE, lambda n, h: n.nvmlDeviceGetUtilizationRates(h).gpu),
    ("gpu_memory_used", "B", Kind.GAUGE, lambda n, h: n.nvmlDeviceGetMemoryInfo(h).used),
    ("gpu_power", "W", Kind.GAUGE, lambda n, h: n.nvmlDeviceGetPowerUsage(h) / 1e3),
    ("gpu_energy", "J", Kind.COUNTER, lambda n, h: n.nvmlDeviceGetTotalEnergyConsumption(h) / 1e3),
    (
        "gpu_temperature",
        "degC",
        Kind.GAUGE,
        lambda n, h: n.nvmlDeviceGetTemperature(h, n.NVML_TEMPERATURE_GPU),
    ),
    ("gpu_sm_clock", "MHz", Kind.GAUGE, lambda n, h: n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM)),
]


@dataclass
class _Channel:
    gpu: int
    spec: QuantitySpec
    handle: Any
    get: _Getter
    warned: bool = False


class NvmlSource(Source):
    """Utilisation, memory, power, energy, temperature and SM clock of every GPU, as gpu0, gpu1, ..."""

    name = "nvml"

    def __init__(self) -> None:
        self._nvml: ModuleType | None = None
        self._channels: list[_Channel] = []
        self._devices: dict[str, str] = {}
        self._notes: list[str] = []
        self._lost: set[int] = set()

    def open(self) -> None:
        nvml = load()
        self._nvml = nvml
        try:
            count = nvml.nvmlDeviceGetCount()
            for index in range(count):
                self._add_gpu(nvml, index)
        except nvml.NVMLError as error:
            self.close()
            why, fix = explain(nvml, error)
            raise SourceUnavailable("the GPUs cannot be listed", why, fix) from error
        if not self._channels:
            self.close()
            why = "; ".join(self._notes) or "the driver is there but reports no GPU"
            raise SourceUnavailable("no NVIDIA GPU can be read", why, "run nvidia-smi and look at dmesg")

    def _add_gpu(self, nvml: ModuleType, index: int) -> None:
        """Only quantities that answer now become channels; a note says which do not."""
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name, uuid = text(nvml.nvmlDeviceGetName(handle)), text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError as error:
            self._notes.append(f"gpu{index}: {explain(nvml, error)[0]}")
            return
        self._devices[f"gpu{index}"] = f"{name}, {uuid}"
        missing = []
        for quantity, unit, kind, get in _READINGS:
            try:
                get(nvml, handle)
            except (nvml.NVMLError, AttributeError) as error:  # AttributeError: an older nvidia-ml-py
                missing.append(f"{quantity} ({explain(nvml, error)[0]})")
                continue
            spec = QuantitySpec(quantity, unit, f"gpu{index}", kind)
            self._channels.append(_Channel(index, spec, handle, get))
        if missing:
            self._notes.append(f"gpu{index}: not measured: {', '.join(missing)}")

    def quantities(self) -> list[QuantitySpec]:
        return [channel.spec for channel in self._channels]

    def read(self) -> Sequence[float | None]:
        return [self._value(channel) for channel in self._channels]

    def _value(self, channel: _Channel) -> float | None:
        nvml = self._nvml
        if nvml is None or channel.gpu in self._lost:
            return None
        try:
            return float(channel.get(nvml, channel.handle))
        except nvml.NVMLError as error:
            self._failed(nvml, channel, error)
            return None

    def _failed(self, nvml: ModuleType, channel: _Channel, error: Exception) -> None:
        """A GPU that is gone stays gone until a restart, and asking it again can hang for seconds."""
        why, _ = explain(nvml, error)
        if _error_name(nvml, error) in ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_GPU_NOT_FOUND"):
            self._lost.add(channel.gpu)
            self._notes.append(f"gpu{channel.gpu}: {why}; its readings are absent from here on")
        elif not channel.warned:
            channel.warned = True
            self._notes.append(f"{channel.spec.key}: a reading failed: {why}")

    def notes(self) -> list[str]:
        notes, self._notes = self._notes, []
        return notes

    def devices(self) -> dict[str, str]:
        return dict(self._devices)

    def close(self) -> None:
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()
