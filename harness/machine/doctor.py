"""What works on this machine, what does not, and what to do about it. Nothing heavy is imported."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psutil

from harness.core.words import plural
from harness.machine.accelerators import accelerators
from harness.machine.detect import gib, tensorflow_version
from harness.machine.host import usable_memory
from harness.machine.page_cache import may_drop_caches
from harness.telemetry.sources.base import Source
from harness.telemetry.sources.registry import open_all, reasons
from harness.telemetry.sources.sampler_cost import SamplerCostSource
from reference.protocol.official import EITHER_LAYOUT, TEST_FOLDERS, TRAIN_FOLDERS

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
QUICK_DISK_BYTES = 3 << 30  # quick data set, five runs with weights, report
QUICK_MEMORY_BYTES = 3 << 30  # the whole process tree of a run on the quick data set


class State(str, Enum):
    """How much a check matters."""

    OK = "ok"
    INFO = "info"  # not there, not needed for the main job
    WARNING = "warning"
    PROBLEM = "problem"  # a submit cannot work


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do about it."""

    name: str
    state: State
    detail: str
    fix: str = ""


def diagnose(folder: Path) -> list[Check]:
    """Every check, in the order a reader needs them. `folder`: where data and submissions would go."""
    return [
        _python(),
        _tensorflow(),
        _devices(),
        *_sources(),
        _disk(folder),
        _memory(),
        _official_data(),
        _cache_eviction(),
    ]


def _python() -> Check:
    version = sys.version_info[:2]
    detail = f"{platform.python_version()} ({sys.executable})"
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return Check("python", State.OK, detail)
    wanted = "3.10 to 3.13"
    return Check(
        "python", State.PROBLEM, detail, f"use Python {wanted}: that is what TensorFlow supports here"
    )


def _tensorflow() -> Check:
    version = tensorflow_version()
    if version is None:
        return Check(
            "tensorflow", State.PROBLEM, "not installed", "pip install 'tensorflow>=2.18', or make setup"
        )
    if importlib.util.find_spec("tensorflow") is None:
        return Check(
            "tensorflow",
            State.PROBLEM,
            f"{version}, but its files are missing",
            "install it again: make setup",
        )
    return Check("tensorflow", State.OK, version)


def _devices() -> Check:
    threads = psutil.cpu_count() or os.cpu_count() or 1
    found = accelerators()
    gpus = [gpu.model for gpu in found.gpus]
    detail = f"{threads} hardware threads, " + (
        f"{plural(len(gpus), 'GPU')}: {', '.join(gpus)}" if gpus else "no usable GPU"
    )
    if found.problem and (found.unusable or not found.is_complete):
        unusable = "; ".join(["", *found.unusable]) or "; their number is unknown"
        return Check("devices", State.WARNING, f"{detail}{unusable}", found.problem)
    if any(gpu.vendor == "NVIDIA" for gpu in found.gpus) and not _cuda_libraries():
        fix = "pip install 'cloudmask-harness[cuda]', unless CUDA and cuDNN are installed on the system"
        return Check("devices", State.WARNING, f"{detail}; TensorFlow's CUDA packages are not installed", fix)
    return Check("devices", State.OK, detail)


def _cuda_libraries() -> bool:
    try:
        return importlib.util.find_spec("nvidia.cudnn") is not None
    except ModuleNotFoundError:
        return False


def _sources() -> list[Check]:
    """What can be sampled here, and why the rest cannot; a reason that several share is said once."""
    sources = open_all()
    families: dict[str, list[Source]] = {}
    for source in sources:
        if source.unavailable is None and source.name != SamplerCostSource.name:
            families.setdefault(source.name.partition("_")[0], []).append(source)
    checks = [Check(f"telemetry {name}", State.OK, _measured(members)) for name, members in families.items()]
    for source in sources:
        source.close()
    missing = [
        Check(f"telemetry {r.source}", State.INFO, f"{r.what}: {r.why}", r.fix) for r in reasons(sources)
    ]
    return [*checks, *missing, _power(sources)]


def _measured(sources: list[Source]) -> str:
    """Quantities of sources of one kind, of how many devices, and their remarks, in words."""
    kinds: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for spec in (q for source in sources for q in source.quantities()):
        names, scopes = kinds.setdefault(re.sub(r"\d+\Z", "", spec.scope), ({}, {}))
        names[spec.name.replace("_", " ")] = scopes[spec.scope] = None
    said = [
        ", ".join(names) + (f" of {len(scopes)} x {kind}" if len(scopes) > 1 else f" of the {kind}")
        for kind, (names, scopes) in kinds.items()
    ]
    return "; ".join([*said, *(note for source in sources for note in source.notes())]).replace("_", " ")


def _power(sources: list[Source]) -> Check:
    """What the energy in a report would be of: the whole node, parts of it, or nothing."""
    scopes = {q.scope for s in sources for q in s.quantities() if q.unit in ("W", "J")}
    node_fix = "connect a node-level meter (BMC, PDU) for a power score: docs/power.md"
    if "node" in scopes:
        return Check("energy", State.OK, "of the whole node")
    if scopes:
        parts = ", ".join(sorted(scopes))
        return Check("energy", State.INFO, f"of parts only ({parts}): no power score", node_fix)
    return Check(
        "energy", State.INFO, "not measured here: a report will say so, and show no number", node_fix
    )


def _disk(folder: Path) -> Check:
    where = folder.absolute()
    while not where.exists():
        where = where.parent
    try:
        free = shutil.disk_usage(where).free
    except OSError as error:
        return Check("disk", State.PROBLEM, f"{where}: {error.strerror}", "choose another folder")
    detail = f"{gib(free)} free in {folder.absolute()}"
    if not os.access(where, os.W_OK):
        return Check("disk", State.PROBLEM, f"{where} is read-only for this user", "choose another folder")
    if free < QUICK_DISK_BYTES:
        return Check(
            "disk", State.WARNING, detail, f"the quick data set and its runs need {gib(QUICK_DISK_BYTES)}"
        )
    return Check("disk", State.OK, detail)


def _memory() -> Check:
    memory = usable_memory()
    detail = f"{gib(memory.available_bytes) or '0 GiB'} of {gib(memory.total_bytes) or '0 GiB'} available"
    if memory.limited_by:
        detail += f", by the limit in {memory.limited_by}"
    if memory.available_bytes < QUICK_MEMORY_BYTES:
        need = gib(QUICK_MEMORY_BYTES)
        if memory.limited_by and memory.total_bytes < QUICK_MEMORY_BYTES:
            return Check(
                "memory", State.WARNING, detail, f"raise that limit: a run on the quick data set needs {need}"
            )
        return Check(
            "memory", State.WARNING, detail, f"end other programs: a run on the quick data set needs {need}"
        )
    return Check("memory", State.OK, detail)


def _official_data() -> Check:
    value = os.environ.get("CLOUDMASK_DATA")
    if not value:
        fix = f"set CLOUDMASK_DATA to the folder with {EITHER_LAYOUT}; the synthetic data set needs nothing"
        return Check("official data", State.INFO, "CLOUDMASK_DATA is not set", fix)
    folder = Path(value)
    missing = [
        "/ or ".join(names) + "/"
        for names in (TRAIN_FOLDERS, TEST_FOLDERS)
        if not any((folder / name).is_dir() for name in names)
    ]
    if missing:
        fix = f"point CLOUDMASK_DATA at the folder with {EITHER_LAYOUT}, or fetch: cloudmask data fetch"
        return Check("official data", State.WARNING, f"{value} has no {' and no '.join(missing)}", fix)
    return Check("official data", State.OK, value)


def _cache_eviction() -> Check:
    if not hasattr(os, "posix_fadvise"):
        fix = "run on Linux: runs here start with a warm cache and cannot be compliant"
        return Check("page cache", State.WARNING, f"{platform.system()} cannot evict files from it", fix)
    means = "posix_fadvise" + (", then drop_caches" if may_drop_caches() else " (drop_caches needs root)")
    return Check("page cache", State.OK, f"data files can be evicted by {means}")
