"""Probes this machine for the fields of an MLPerf system description (one node: this one)."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import __version__
from harness.machine.accelerators import Accelerators, accelerators
from harness.machine.host import Host, host
from harness.machine.pci import Gpu
from rules.model.package import NOT_PROBED

FIELDS = (
    "submitter",
    "division",
    "status",
    "system_name",
    "number_of_nodes",
    "host_processors_per_node",
    "host_processor_model_name",
    "host_processor_core_count",
    "host_processor_vcpu_count",
    "host_processor_frequency",
    "host_processor_caches",
    "host_processor_interconnect",
    "host_memory_capacity",
    "host_storage_type",
    "host_storage_capacity",
    "host_networking",
    "host_networking_topology",
    "host_memory_configuration",
    "accelerators_per_node",
    "accelerator_model_name",
    "accelerator_host_interconnect",
    "accelerator_frequency",
    "accelerator_on-chip_memories",
    "accelerator_memory_configuration",
    "accelerator_memory_capacity",
    "accelerator_interconnect",
    "accelerator_interconnect_topology",
    "cooling",
    "hw_notes",
    "framework",
    "other_software_stack",
    "operating_system",
    "sw_notes",
)
PROBED, TYPED, UNKNOWN = "probed", "typed", "unknown"
NO_ACCELERATOR = "N/A (no accelerator)"
STACK = ("numpy", "h5py", "mlperf-logging", "nvidia-ml-py", "nvidia-cudnn-cu12", "nvidia-nccl-cu12")
OF_THE_ENTRY = ("submitter", "division", "status", "system_name")  # the recipe and the submitter decide


@dataclass(frozen=True)
class Detected:
    """What was seen. `fields`: every field of the description that is not a matter of choice, as
    text; "not probed" or "" where this machine does not report it. `provenance`: field -> probed, typed
    (stated by the user) or unknown. `facts`: the same machine in numbers, for comparisons."""

    fields: dict[str, str]
    provenance: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def accelerators(self) -> list[dict[str, Any]]:
        """Usable GPUs: model, memory_bytes, uuid, ..."""
        listed: list[dict[str, Any]] = self.facts.get("accelerators", [])
        return listed


def detect(data_dir: Path | None = None) -> Detected:
    """Look at this machine, without root, in well under a second. `data_dir` tells whose storage is
    described; without it CLOUDMASK_DATA, else the current folder. Never raises for a missing probe."""
    folder = data_dir or Path(os.environ.get("CLOUDMASK_DATA") or ".")
    return describe(host(folder), accelerators())


def describe(machine: Host, gpus: Accelerators) -> Detected:
    """The description of what was probed; None stands for what could not be."""
    values = {**_host_fields(machine), **_accelerator_fields(gpus), **_software_fields(machine, gpus)}
    values["hw_notes"] = "; ".join(_notes(machine, gpus)) or None
    fields = {name: blank(name) if value is None else value for name, value in values.items()}
    provenance = {name: UNKNOWN if value is None else PROBED for name, value in values.items()}
    provenance.update(dict.fromkeys(OF_THE_ENTRY, TYPED))
    cpu = machine.processors
    facts = {
        "hostname": machine.name,
        "nodes": 1,
        "sockets": cpu.sockets,
        "cores_per_socket": cpu.cores,
        "threads_per_socket": cpu.threads,
        "usable_threads": cpu.usable,
        "processor_model": cpu.model,
        "memory_bytes": machine.memory.total_bytes,
        "storage": asdict(machine.storage),
        "accelerators": [asdict(gpu) for gpu in gpus.gpus],
        "accelerator_problem": gpus.problem,
        "unusable_accelerators": gpus.unusable,
        "accelerators_unknown": not gpus.gpus and not gpus.is_complete,
    }
    return Detected(fields, provenance, facts, _notes(machine, gpus))


def blank(name: str) -> str:
    """How a field that was not probed is written. Those the rules let be blank stay blank; in the
    others an empty string would be a rule violation and a guess a lie, so the text says what it is."""
    return "" if name in MAY_BE_BLANK else NOT_PROBED


MAY_BE_BLANK = frozenset(
    {
        "host_processor_frequency",
        "host_processor_caches",
        "host_processor_interconnect",
        "accelerator_frequency",
        "accelerator_on-chip_memories",
        "accelerator_interconnect_topology",
        "hw_notes",
        "sw_notes",
    }
)


def gib(count: int | None) -> str | None:
    """Bytes as GiB with three significant figures."""
    return f"{count / 2**30:.3g} GiB" if count and count < 1000 * 2**30 else _tib(count)


def _tib(count: int | None) -> str | None:
    return f"{count / 2**40:.3g} TiB" if count else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _host_fields(machine: Host) -> dict[str, str | None]:
    cpu, disk = machine.processors, machine.storage
    kinds = [k for k in (disk.device, disk.filesystem) if k]
    return {
        "number_of_nodes": "1",
        "host_processors_per_node": _text(cpu.sockets),
        "host_processor_model_name": cpu.model,
        "host_processor_core_count": _text(cpu.cores),
        "host_processor_vcpu_count": _text(cpu.threads),
        "host_processor_frequency": cpu.frequency,
        "host_processor_caches": cpu.caches,
        "host_processor_interconnect": "N/A (one processor)" if cpu.sockets == 1 else None,
        "host_memory_capacity": gib(machine.memory.total_bytes),
        "host_storage_type": ", ".join(kinds) or None,
        "host_storage_capacity": gib(disk.total_bytes),
        "host_networking": ", ".join(machine.networks) or None,
        "host_networking_topology": "N/A (single node)",
        "host_memory_configuration": machine.memory.modules,
        "cooling": None,
    }


def _accelerator_fields(found: Accelerators) -> dict[str, str | None]:
    names = [name for name in FIELDS if name.startswith("accelerator_")]
    if not found.gpus and not found.is_complete:
        return dict.fromkeys(("accelerators_per_node", *names))
    if not found.gpus:
        return {"accelerators_per_node": "0", **dict.fromkeys(names, NO_ACCELERATOR)}
    first = found.gpus[0]
    models = Counter(gpu.model for gpu in found.gpus)
    shown = models.most_common(1)[0][0]
    if len(models) > 1:
        shown = ", ".join(f"{n} x {model}" for model, n in models.items())
    bus = f"{first.memory_bus_bits}-bit bus" if first.memory_bus_bits else None
    single = len(found.gpus) == 1
    values = (
        shown,
        first.pcie,
        f"{first.sm_clock_mhz} MHz (maximum)" if first.sm_clock_mhz else None,
        None,
        bus,
        gib(first.memory_bytes),
        "N/A (one accelerator)" if single else _links(first),
        "N/A (one accelerator)" if single else first.topology,
    )
    return {"accelerators_per_node": str(len(found.gpus)), **dict(zip(names, values, strict=True))}


def _links(gpu: Gpu) -> str:
    if gpu.links:
        return gpu.links
    if gpu.nvlinks:
        return f"NVLink, {gpu.nvlinks} active links per GPU"
    return "PCIe (no active NVLink)" if gpu.vendor == "NVIDIA" else "PCIe"


def version_of(*names: str) -> str | None:
    """Version of the first of these distributions that is installed; None where none is."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def tensorflow_version() -> str | None:
    """From the installed metadata: TensorFlow itself is not imported."""
    return version_of("tensorflow", "tensorflow-cpu", "tensorflow-rocm", "tensorflow-macos")


def _software_fields(machine: Host, gpus: Accelerators) -> dict[str, str | None]:
    tensorflow, keras = tensorflow_version(), version_of("keras")
    stack = [f"Python {platform.python_version()}"]
    stack += [f"{name} {version}" for name in STACK if (version := version_of(name))]
    if gpus.driver:
        stack.append(f"NVIDIA driver {gpus.driver}")
    if gpus.cuda:
        stack.append(f"CUDA {gpus.cuda} (newest the driver supports)")
    return {
        "framework": f"TensorFlow {tensorflow}" + (f", Keras {keras}" if keras else "")
        if tensorflow
        else None,
        "other_software_stack": ", ".join(stack),
        "operating_system": machine.operating_system or None,
        "sw_notes": f"described by cloudmask-harness {__version__}",
    }


def _notes(machine: Host, gpus: Accelerators) -> list[str]:
    cpu = machine.processors
    notes = []
    if machine.product:
        notes.append(machine.product)
    if cpu.hypervisor:
        notes.append("virtual machine: processor and disk are what its host shows")
    if cpu.usable < cpu.logical:
        notes.append(f"this process may use {cpu.usable} of {cpu.logical} hardware threads")
    if machine.storage.is_memory:
        notes.append(f"{machine.storage.path} is kept in memory, which is not durable")
    if any(gpu.mig for gpu in gpus.gpus):
        notes.append("MIG mode is on: GPUs are listed whole, a run may see a part only")
    notes += [f"not usable here: {device}" for device in gpus.unusable]
    if not gpus.is_complete and gpus.problem and gpus.problem not in "; ".join(gpus.unusable):
        notes.append(f"accelerators unknown: {gpus.problem}")
    return notes
