"""NVIDIA GPUs through the driver's own library (NVML, package nvidia-ml-py).

All GPUs of the machine are read, whatever CUDA_VISIBLE_DEVICES says: a GPU somebody else keeps busy
is worth seeing. What is cheap is read often, what is slow seldom, each from a source and thread of
its own. GPU power is not node power.

Power: `gpu_power` is the instantaneous figure where the driver has one (field POWER_INSTANT), else
nvmlDeviceGetPowerUsage, which is instantaneous up to Volta and on GA100 and a mean over one second
on other boards since Ampere; devices() says which. The energy counter (Volta and newer) steps about
every 100 ms. With MIG on, every figure is that of the whole GPU, not of one instance.
(NVML API Reference Guide: Device Queries, Field Value Enums.)
"""

from __future__ import annotations

import contextlib
import time
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
_GONE = ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_GPU_NOT_FOUND")
COST_PROBES = 3


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

    @property
    def names(self) -> str:
        return ", ".join(name for name, _, _ in self.quantities)


@dataclass
class _Channel:
    gpu: int
    handle: Any
    reading: Reading
    warned: bool = False


class NvmlBase(Source):
    """What all NVML sources share: GPUs as gpu0, gpu1, ..., errors, a GPU that is lost.

    `cpu_share` bounds what the readings may cost: where the driver answers slowly (each call can take
    a millisecond of processor time) they are made less often, but at least every `slowest_s`.
    """

    cpu_share = 0.0005
    slowest_s = 30.0

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
        """Set the interval so that the readings cost no more than `cpu_share` of a core."""
        costs_s = []
        for _ in range(COST_PROBES):
            before = time.thread_time()
            self.read()
            costs_s.append(time.thread_time() - before)
        cost_s = sorted(costs_s)[COST_PROBES // 2]
        self.interval_s = max(self.interval_s, min(self.slowest_s, cost_s / self.cpu_share))
        if self.interval_s > type(self).interval_s:
            self._notes.append(
                f"{self.name}: read at most every {self.interval_s:.2g} s: one reading takes "
                f"{1e3 * cost_s:.2g} ms of processor time"
            )

    def quantities(self) -> list[QuantitySpec]:
        return [
            QuantitySpec(name, unit, f"gpu{channel.gpu}", kind)
            for channel in self._channels
            for name, unit, kind in channel.reading.quantities
        ]

    def read(self) -> Sequence[float | None]:
        return [value for channel in self._channels for value in self._values(channel)]

    def _values(self, channel: _Channel) -> Sequence[float | None]:
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
            self._notes.append(f"gpu{channel.gpu}: {why}; {self.name} readings are absent from here on")
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


def _one(name: str, unit: str, get: Callable[[ModuleType, Any], float], kind: Kind = Kind.GAUGE) -> Reading:
    return Reading(((name, unit, kind),), lambda nvml, handle: (float(get(nvml, handle)),))


def _watt(milliwatt: float) -> float | None:
    """No board that answers draws nothing: 0 is what some drivers say for "not known"."""
    return milliwatt / 1e3 if milliwatt > 0 else None


# members of the union in a field value, by its valueType (nvmlValueType_t)
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


@dataclass(frozen=True)
class _Field:
    """One value of nvmlDeviceGetFieldValues; `constant` is its number's name in pynvml."""

    constant: str
    name: str
    unit: str
    kind: Kind
    convert: Callable[[float], float | None]


_POWER = _Field("NVML_FI_DEV_POWER_INSTANT", "gpu_power", "W", Kind.GAUGE, _watt)
_POWER_AVERAGE = _Field("NVML_FI_DEV_POWER_AVERAGE", "gpu_power_average", "W", Kind.GAUGE, _watt)
_ENERGY = _Field("NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "gpu_energy", "J", Kind.COUNTER, lambda mj: mj / 1e3)


def _fields(nvml: ModuleType, handle: Any, wanted: Sequence[_Field]) -> Reading | None:
    """One call for those of the wanted fields that this GPU has; None when it has none."""
    # (number, scope 0: the GPU)
    known = [((getattr(nvml, f.constant), 0), f) for f in wanted if hasattr(nvml, f.constant)]
    try:
        answers = nvml.nvmlDeviceGetFieldValues(handle, [number for number, _ in known])
    except (nvml.NVMLError, AttributeError):
        return None
    there = [pair for pair, answer in zip(known, answers, strict=True) if answer.nvmlReturn == 0]
    if not there:
        return None
    numbers = [number for number, _ in there]

    def get(nvml: ModuleType, handle: Any) -> Sequence[float | None]:
        values: list[float | None] = []
        for (_, field), answer in zip(there, nvml.nvmlDeviceGetFieldValues(handle, numbers), strict=True):
            if answer.nvmlReturn != 0:
                raise nvml.NVMLError(answer.nvmlReturn)
            values.append(field.convert(float(getattr(answer.value, _MEMBERS[answer.valueType]))))
        return values

    return Reading(tuple((f.name, f.unit, f.kind) for _, f in there), get)


def _utilization(nvml: ModuleType, handle: Any) -> tuple[float, float]:
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)
    return float(rates.gpu), float(rates.memory)


_UTILIZATION = Reading(
    (("gpu_utilization", "%", Kind.GAUGE), ("gpu_memory_utilization", "%", Kind.GAUGE)), _utilization
)


class NvmlSource(NvmlBase):
    """Power and energy counter of every GPU, in one call each, at the pace of the sampler."""

    name = "nvml"
    cpu_share = 0.004
    slowest_s = 1.0  # MLPerf's power rules ask for a reading per second

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        found = _fields(nvml, handle, (_POWER, _ENERGY))
        readings = [found] if found else []
        names = found.names if found else ""
        if "gpu_power" not in names:
            spec = ("gpu_power", "W", Kind.GAUGE)
            readings.append(Reading((spec,), lambda n, h: (_watt(n.nvmlDeviceGetPowerUsage(h)),)))
        if "gpu_energy" not in names:
            readings.append(
                _one(
                    "gpu_energy",
                    "J",
                    lambda n, h: n.nvmlDeviceGetTotalEnergyConsumption(h) / 1e3,
                    Kind.COUNTER,
                )
            )
        return readings

    def devices(self) -> dict[str, str]:
        return dict(self._devices)

    def _add_gpu(self, nvml: ModuleType, index: int) -> None:
        super()._add_gpu(nvml, index)
        scope = f"gpu{index}"
        if scope not in self._devices:
            return
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        instant = _fields(nvml, handle, (_POWER,)) is not None
        how = "instantaneous" if instant else "nvmlDeviceGetPowerUsage (a 1 s mean on most newer boards)"
        self._devices[scope] += f"; gpu_power is {how}"
        with contextlib.suppress(nvml.NVMLError, AttributeError):
            self._devices[scope] += f"; power limit {nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1e3:g} W"
        if _mig_is_on(nvml, handle):
            statement = "MIG is on: all readings are of the whole GPU, not of one instance"
            self._devices[scope] += f"; {statement}"
            self._notes.append(f"{scope}: {statement}")


class NvmlUtilizationSource(NvmlBase):
    """Share of the driver's last sample period (1/6 to 1 s) in which a kernel ran, or memory was used."""

    name = "nvml_utilization"
    interval_s = 0.2
    cpu_share = 0.0015
    slowest_s = 2.0

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        return [_UTILIZATION]


def _mig_is_on(nvml: ModuleType, handle: Any) -> bool:
    try:
        return bool(nvml.nvmlDeviceGetMigMode(handle)[0])
    except (nvml.NVMLError, AttributeError):
        return False  # boards without MIG do not support the question


# bits of nvmlClocksEventReasons that slow the clocks down; idle and application clocks are no throttling
_BY_POWER = 0x4 | 0x80  # software power cap, power brake
_BY_HEAT = 0x20 | 0x40  # software and hardware thermal slowdown
_BY_OTHER = 0x8 | 0x10 | 0x200 | 0x400  # hardware slowdown, sync boost, board limit, reliability


def _throttling(nvml: ModuleType, handle: Any) -> tuple[float, ...]:
    """1 while the clocks are held down for that reason, so that a mean is a share of the time."""
    ask = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
    reasons = (ask or nvml.nvmlDeviceGetCurrentClocksThrottleReasons)(handle)
    return tuple(float(bool(reasons & bits)) for bits in (_BY_POWER, _BY_HEAT, _BY_OTHER))


_THROTTLING = Reading(
    tuple((f"gpu_throttled_by_{why}", "1", Kind.GAUGE) for why in ("power", "heat", "other")), _throttling
)


class NvmlStateSource(NvmlBase):
    """Memory, clocks, temperature and throttling of every GPU, and its mean power, once a second."""

    name = "nvml_state"
    interval_s = 1.0
    cpu_share = 0.001
    slowest_s = 10.0

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        average = _fields(nvml, handle, (_POWER_AVERAGE,))
        return [
            _one("gpu_memory_used", "B", lambda n, h: n.nvmlDeviceGetMemoryInfo(h).used),
            _one("gpu_sm_clock", "MHz", lambda n, h: n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM)),
            _one("gpu_memory_clock", "MHz", lambda n, h: n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_MEM)),
            _one(
                "gpu_temperature", "degC", lambda n, h: n.nvmlDeviceGetTemperature(h, n.NVML_TEMPERATURE_GPU)
            ),
            _THROTTLING,
            *([average] if average else []),
        ]


def _pcie(counter: str) -> Callable[[ModuleType, Any], float]:
    """Bytes/s over the last 20 ms, which the call takes too; the driver counts in KB."""
    return lambda n, h: 1e3 * n.nvmlDeviceGetPcieThroughput(h, getattr(n, counter))


def _ecc(kind: str) -> Callable[[ModuleType, Any], float]:
    return lambda n, h: n.nvmlDeviceGetTotalEccErrors(h, getattr(n, kind), n.NVML_VOLATILE_ECC)


class NvmlSlowSource(NvmlBase):
    """PCIe traffic, and ECC errors since the driver was loaded, every five seconds."""

    name = "nvml_slow"
    interval_s = 5.0

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        count = Kind.COUNTER
        return [
            _one("gpu_pcie_receive", "B/s", _pcie("NVML_PCIE_UTIL_RX_BYTES")),
            _one("gpu_pcie_send", "B/s", _pcie("NVML_PCIE_UTIL_TX_BYTES")),
            _one("gpu_ecc_corrected", "1", _ecc("NVML_MEMORY_ERROR_TYPE_CORRECTED"), count),
            _one("gpu_ecc_uncorrected", "1", _ecc("NVML_MEMORY_ERROR_TYPE_UNCORRECTED"), count),
        ]
