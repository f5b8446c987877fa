"""Whose work the machine did during each run: the run's own use beside the node's, and what others took.

Three scales meet here. A node's processor use is the share of all its cores; a process' use is counted in
cores, 100 % being one; a GPU's is the share of time in which any kernel ran. The table has all of them as
shares of the node.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.drawing.text import clean, finite
from harness.report.panels.machine.model import UsageRow
from rules.model.evidence import Quantity, Telemetry
from rules.model.package import Package
from rules.model.run_facts import RunFacts

OTHERS_LIMIT = 10.0  # per cent of the node's processors: more of others' work is worth a warning
MAX_ROWS = 100


def usage_rows(package: Package, runs: Sequence[RunFacts]) -> list[UsageRow]:
    """One row per run and node with telemetry; what was not sampled is None."""
    rows = [_row(package, run, node) for run in runs for node in run.telemetry]
    return [row for row in rows if row.node_percent is not None or row.own_percent is not None][:MAX_ROWS]


def _row(package: Package, run: RunFacts, node: Telemetry) -> UsageRow:
    found = node.quantities
    cores = sum(one.name == "core_utilization" for one in found) or _stated_cores(package)
    whole = _mean(found, "cpu_utilization", "node")
    own = _share(_mean(found, "cpu", "process_tree"), cores)
    sampler = _share(_mean(found, "cpu", "sampler"), cores)
    others = None if whole is None or own is None else max(0.0, whole - own - (sampler or 0.0))
    gpus = [
        one.mean for one in found if one.unit == "%" and "util" in one.name and one.scope.startswith("gpu")
    ]
    known = [value for value in gpus if value is not None]
    read, took = _mean(found, "disk_read", "node"), finite(run.time_to_train_s)
    return UsageRow(
        run=run.index,
        node=clean(node.node, 60),
        cores=cores,
        own_percent=own,
        node_percent=whole,
        others_percent=others,
        gpu_percent=sum(known) / len(known) if known else None,
        read_bytes=None if read is None or took is None else read * took,
        clock_mhz=_mean(found, "cpu_frequency", "node"),
        nominal=_nominal(package),
        crowded=others is not None and others > OTHERS_LIMIT,
    )


def _mean(found: Sequence[Quantity], name: str, scope: str) -> float | None:
    return next((finite(one.mean) for one in found if one.name == name and one.scope == scope), None)


def _share(cores_percent: float | None, cores: int | None) -> float | None:
    """Per cent of one core as per cent of the node."""
    return None if cores_percent is None or not cores else cores_percent / cores


def _stated_cores(package: Package) -> int | None:
    value = _stated(package, "host_processor_vcpu_count")
    return int(value) if value.isascii() and value.isdigit() and 0 < int(value) < 10**5 else None


def _nominal(package: Package) -> str:
    return clean(_stated(package, "host_processor_frequency"), 60)


def _stated(package: Package, field: str) -> str:
    """A field of the system description: what was detected, else what is declared."""
    system = package.system
    for fields in (system.detected, system.fields) if system else ():
        if isinstance(fields, dict) and isinstance(fields.get(field), (str, int)):
            return str(fields[field])
    return ""
