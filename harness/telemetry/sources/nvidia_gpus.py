"""NVIDIA GPUs: power, energy, utilisation, memory, clocks, temperature, throttling, PCIe, ECC.

All GPUs of the machine are read, whatever CUDA_VISIBLE_DEVICES says: a GPU that is busy with other work
is worth seeing. What is cheap is read often, what is slow seldom, each by a source of its own. GPU power is
not node power.

Power: `gpu_power` is the instantaneous figure where the driver has one (field POWER_INSTANT), else
nvmlDeviceGetPowerUsage, which is instantaneous up to Volta and on GA100 and a mean over one second
on other boards since Ampere; devices() says which. The energy counter (Volta and newer) steps about
every 100 ms. With MIG on, every figure is that of the whole GPU, not of one instance.
On superchips (Grace Hopper, Grace Blackwell) the counter is that of the module, processor and memory included:
it is called module_energy of module0 there, never gpu_energy.
(NVML API Reference Guide: Device Queries, Field Value Enums.)
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from harness.telemetry.pacing import Pace
from harness.telemetry.sources.base import Kind
from harness.telemetry.sources.bounds import GPU, why_not
from harness.telemetry.sources.nvml import NvmlBase, Reading, label

# the counter steps every 100 ms; on an H100 a reading takes 4 ms of processor time, one of the power 6 us
COUNTER_S, COUNTER_SLOWEST_S = 0.1, 10.0


def _one(name: str, unit: str, get: Callable[[ModuleType, Any], float], kind: Kind = Kind.GAUGE) -> Reading:
    return Reading(((name, unit, kind),), lambda nvml, handle: (float(get(nvml, handle)),))


def _watt(milliwatt: float) -> float | None:
    """A board that answers draws power: 0 is what some drivers report for "not known"."""
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
    ask = _asker(nvml, handle, [number for number, _ in there])

    def get(nvml: ModuleType, handle: Any) -> Sequence[float | None]:
        values: list[float | None] = []
        for (_, field), answer in zip(there, ask(), strict=True):
            if answer.nvmlReturn != 0:
                raise nvml.NVMLError(answer.nvmlReturn)
            values.append(field.convert(float(getattr(answer.value, _MEMBERS[answer.valueType]))))
        return values

    return Reading(tuple((f.name, f.unit, f.kind) for _, f in there), get)


def _asker(nvml: ModuleType, handle: Any, numbers: list[tuple[int, int]]) -> Callable[[], Any]:
    """nvmlDeviceGetFieldValues into one array that is used again and again: nvidia-ml-py makes and fills
    a new one for each call, which takes most of the time when it is done ten times a second and GPU."""
    try:
        values = (nvml.c_nvmlFieldValue_t * len(numbers))()
        function = nvml.nvmlLib.nvmlDeviceGetFieldValues
    except AttributeError:  # an nvidia-ml-py of another kind
        return lambda: nvml.nvmlDeviceGetFieldValues(handle, numbers)
    for value, (number, scope) in zip(values, numbers, strict=True):
        value.fieldId, value.scopeId = number, scope
    count = len(numbers)

    def ask() -> Any:
        code = function(handle, count, values)
        if code != 0:
            raise nvml.NVMLError(code)
        return values

    return ask


def _utilization(nvml: ModuleType, handle: Any) -> tuple[float, float]:
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)
    return float(rates.gpu), float(rates.memory)


_UTILIZATION = Reading(
    (("gpu_utilization", "%", Kind.GAUGE), ("gpu_memory_utilization", "%", Kind.GAUGE)), _utilization
)


class NvmlSource(NvmlBase):
    """Power and energy counter of every GPU: the power at the pace of the sampler, and the counter at one of
    its own, since its difference is exact however seldom it is read."""

    name = "nvml"
    lane = "nvml"
    slowest_s = 0.5  # a step of the load counts for the whole time since the reading before
    costly_s = 1.0  # a hole of two seconds counts as not measured

    def __init__(self) -> None:
        super().__init__(Pace("nvml gpu_energy", COUNTER_S, COUNTER_SLOWEST_S))

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """Power, and the counter of energy."""
        spec = ("gpu_power", "W", Kind.GAUGE)
        power = _fields(nvml, handle, (_POWER,))
        energy = _fields(nvml, handle, (_ENERGY,)) or _one(
            "gpu_energy", "J", lambda n, h: n.nvmlDeviceGetTotalEnergyConsumption(h) / 1e3, Kind.COUNTER
        )
        return [
            power or Reading((spec,), lambda n, h: (_watt(n.nvmlDeviceGetPowerUsage(h)),)),
            replace(_of_module(energy) if _is_superchip(nvml, handle) else energy, seldom=True),
        ]

    def devices(self) -> dict[str, str]:
        """Name and UUID of each GPU, how its power is read, its power limit, MIG."""
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
        if _is_superchip(nvml, handle):
            statement = (
                f"the energy counter is of the whole module{index} (GPU, processor, memory), not of the GPU"
            )
            self._devices[scope] += f"; {statement}"
            self._devices[f"module{index}"] = f"module of {scope}: GPU, processor and memory"
            self._notes.append(f"{scope}: {statement}")
        with contextlib.suppress(nvml.NVMLError, AttributeError):
            limit_w = nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1e3
            if limit_w > 0 and why_not(limit_w, "W", GPU) is None:
                self._devices[scope] += f"; power limit {limit_w:g} W"
        if _mig_is_on(nvml, handle):
            statement = "MIG is on: all readings are of the whole GPU, not of one instance"
            self._devices[scope] += f"; {statement}"
            self._notes.append(f"{scope}: {statement}")


class NvmlUtilizationSource(NvmlBase):
    """Share of the driver's last sample period (1/6 to 1 s) in which a kernel ran, or memory was used."""

    name = "nvml_utilization"
    lane = "nvml"
    interval_s = 0.2
    slowest_s = 1.0

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """Both shares by one call."""
        return [_UTILIZATION]


_SUPERCHIP = re.compile(r"\bG[HBR]\d{3}\b|grace", re.IGNORECASE)


def _is_superchip(nvml: ModuleType, handle: Any) -> bool:
    """Whether the GPU shares a module with a Grace processor, by its name (GH200, GB200, GB300)."""
    return bool(_SUPERCHIP.search(label(nvml, nvml.nvmlDeviceGetName, handle) or ""))


def _of_module(energy: Reading) -> Reading:
    """The counter of energy, as that of the module."""
    renamed = tuple(("module_energy", unit, kind) for _, unit, kind in energy.quantities)
    return replace(energy, quantities=renamed, of="module")


def _mig_is_on(nvml: ModuleType, handle: Any) -> bool:
    try:
        return bool(nvml.nvmlDeviceGetMigMode(handle)[0])
    except (nvml.NVMLError, AttributeError, TypeError):
        return False  # boards without MIG do not support the question


# bits of nvmlClocksEventReasons that slow the clocks down; idle and application clocks do not count as throttling
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
    slowest_s = 10.0

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """Each by a call of its own; the mean power where the driver has it."""
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
    slowest_s = 30.0

    def readings(self, nvml: ModuleType, handle: Any) -> list[Reading]:
        """Traffic in both directions, errors of both kinds."""
        count = Kind.COUNTER
        return [
            _one("gpu_pcie_receive", "B/s", _pcie("NVML_PCIE_UTIL_RX_BYTES")),
            _one("gpu_pcie_send", "B/s", _pcie("NVML_PCIE_UTIL_TX_BYTES")),
            _one("gpu_ecc_corrected", "1", _ecc("NVML_MEMORY_ERROR_TYPE_CORRECTED"), count),
            _one("gpu_ecc_uncorrected", "1", _ecc("NVML_MEMORY_ERROR_TYPE_UNCORRECTED"), count),
        ]
