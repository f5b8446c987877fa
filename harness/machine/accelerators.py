"""Which accelerators this machine has: NVIDIA GPUs through NVML, and what else sits on the PCI bus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.machine.amd_gpus import amd_gpus
from harness.machine.host import ROOT
from harness.machine.pci import Gpu, pci_accelerators
from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.bounds import GPU, why_not
from harness.telemetry.sources.nvml import NoDriver, count_gpus, explain, label, load, text

UNNAMED = "NVIDIA GPU (its name cannot be read)"
MAX_NVLINKS = 18  # links of an H100; asking beyond what the GPU has is answered with an error


@dataclass(frozen=True)
class Accelerators:
    """The GPUs of this machine, and what is known about their driver."""

    gpus: list[Gpu] = field(default_factory=list)
    driver: str | None = None
    cuda: str | None = None  # newest CUDA version the driver supports
    problem: str | None = None  # why NVML gave nothing, or not all
    unusable: list[str] = field(default_factory=list)  # on the PCI bus, but not usable through a driver here
    # False where the driver is there but could not list its GPUs: their number is unknown
    is_complete: bool = True


def accelerators(root: Path = ROOT) -> Accelerators:
    """GPUs that can be used here. A GPU without a working driver is listed as unusable, not counted."""
    amd = amd_gpus(root)
    devices = [d for d in pci_accelerators(root) if not (amd and d.startswith("AMD"))]
    try:
        nvml = load()
    except SourceUnavailable as error:
        # no driver at all, and nothing on the bus that needs one: there is no GPU
        none_here = isinstance(error, NoDriver) and not any(d.startswith("NVIDIA") for d in devices)
        problem = None if amd else f"{error.why}. {error.fix}"
        return Accelerators(amd, problem=problem, unusable=devices, is_complete=none_here)
    try:
        gpus, lost = _gpus(nvml)
        driver = _ask(nvml, lambda: text(nvml.nvmlSystemGetDriverVersion()))
        version = _ask(nvml, lambda: int(nvml.nvmlSystemGetCudaDriverVersion()))
        cuda = f"{version // 1000}.{version % 1000 // 10}" if version else None
        others = devices if not gpus else [d for d in devices if not d.startswith("NVIDIA")]
        problem = "; ".join(lost) or None
        return Accelerators(gpus + amd, driver, cuda, problem, lost + others, bool(gpus) or not lost)
    except nvml.NVMLError as error:
        why, fix = explain(nvml, error)
        problem = f"the GPUs cannot be listed: {why}. {fix}"
        return Accelerators(amd, problem=problem, unusable=devices, is_complete=False)
    finally:
        _ask(nvml, nvml.nvmlShutdown)


def _gpus(nvml: ModuleType) -> tuple[list[Gpu], list[str]]:
    """The GPUs that answer, and why each of the others does not. Raises NVMLError when none can be counted."""
    found, lost = [], []
    for index in range(count_gpus(nvml)):
        try:
            found.append(_gpu(nvml, index))
        except nvml.NVMLError as error:
            why, fix = explain(nvml, error)
            lost.append(f"NVIDIA GPU {index}: {why}. {fix}")
    return found, lost


def _ask(nvml: ModuleType, question: Callable[[], Any]) -> Any:
    try:
        return question()
    except (
        nvml.NVMLError,
        AttributeError,
        ValueError,
        TypeError,
    ):  # an older nvidia-ml-py; bytes that are not a text
        return None


def _gpu(nvml: ModuleType, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    generation = _ask(nvml, lambda: nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle))
    width = _ask(nvml, lambda: nvml.nvmlDeviceGetMaxPcieLinkWidth(handle))
    mig = _ask(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle))
    return Gpu(
        model=label(nvml, nvml.nvmlDeviceGetName, handle) or UNNAMED,
        uuid=label(nvml, nvml.nvmlDeviceGetUUID, handle),
        memory_bytes=_known(_ask(nvml, lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).total)), "B"),
        memory_bus_bits=_ask(nvml, lambda: int(nvml.nvmlDeviceGetMemoryBusWidth(handle))),
        sm_clock_mhz=_known(
            _ask(nvml, lambda: int(nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM))), "MHz"
        ),
        pcie=f"PCIe Gen{generation} x{width}" if generation and width else None,
        nvlinks=_nvlinks(nvml, handle),
        topology=_topology(nvml, handle),
        mig=bool(mig and mig[0]),
    )


def _known(value: int | None, unit: str) -> int | None:
    """The value; None for 0 and for what no GPU has: drivers put it where they do not know."""
    return value if value and why_not(value, unit, GPU) is None else None


def _nvlinks(nvml: ModuleType, handle: Any) -> int | None:
    """Active NVLinks; None when the GPU knows no NVLink at all."""
    states = [_ask(nvml, partial(nvml.nvmlDeviceGetNvLinkState, handle, link)) for link in range(MAX_NVLINKS)]
    known = [state for state in states if state is not None]
    return sum(1 for state in known if state) if known else None


def _topology(nvml: ModuleType, handle: Any) -> str | None:
    """Whether the NVLinks go to switches, which join all GPUs, or to other GPUs; None when not told."""
    ask = getattr(nvml, "nvmlDeviceGetNvLinkRemoteDeviceType", None)
    if ask is None:
        return None
    switch, gpu = (
        getattr(nvml, "NVML_NVLINK_DEVICE_TYPE_SWITCH", 2),
        getattr(nvml, "NVML_NVLINK_DEVICE_TYPE_GPU", 0),
    )
    kinds = {_ask(nvml, partial(ask, handle, link)) for link in range(MAX_NVLINKS)}
    if switch in kinds:
        return "all to all through NVSwitch"
    return "direct links between GPUs" if gpu in kinds else None
