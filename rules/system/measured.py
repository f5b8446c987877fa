"""SYS: the described machine is the one that telemetry shows."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.needs import system_of, telemetry_of
from rules.facts.quantities import accelerators, capacity_bytes, described_threads, largest, mean, threads
from rules.model.evidence import Telemetry
from rules.model.findings import Finding, Scope
from rules.model.run import Run
from rules.model.values import show, whole
from rules.registry import NotChecked, Rule, rule
from rules.ruleset import Ruleset

_SOURCE = "sources J6, 1.R; evidence of this rulebook"
_FIX = "Describe the machine that ran (`cloudmask system detect`), and package telemetry as it was sampled."


@rule(
    "SYS030",
    "Telemetry shows as many processors as are described",
    Scope.RUN,
    source=_SOURCE,
    fix=_FIX,
)
def processors(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The sampler reads every hardware thread: a machine described as smaller looks efficient, one
    described as larger explains a speed that nobody measured."""
    system = system_of(run)
    vcpus = whole(system.fields.get("host_processor_vcpu_count"))
    cores = whole(system.fields.get("host_processor_core_count"))
    sockets = whole(system.fields.get("host_processors_per_node")) or 1
    seen = [(threads(t), t) for t in telemetry_of(run) if threads(t)]
    if not seen or (vcpus is None and cores is None):
        raise NotChecked("telemetry has no single cores, or the description no number of them")
    for found, sampled in seen:
        wanted = {vcpus, vcpus * sockets} if vcpus is not None else None
        if wanted is not None and found not in wanted:
            yield self.finding(
                f"{found} hardware threads were sampled, {vcpus} are described",
                path=sampled.path,
                expected=vcpus,
                actual=found,
            )
        elif wanted is None and cores is not None and found < cores:
            yield self.finding(
                f"{found} hardware threads were sampled, {cores} cores are described",
                path=sampled.path,
                expected=f">= {cores}",
                actual=found,
            )


@rule(
    "SYS031",
    "Telemetry shows the accelerators that were found and declared",
    Scope.RUN,
    source=_SOURCE,
    fix=_FIX,
)
def gpus(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Readings of a GPU on a machine in which none was found, or of a source that could not be read, were
    written by hand; accelerators of a make that the sampler reads have readings."""
    system = system_of(run)
    found = whole((system.detected or {}).get("accelerators_per_node"))
    declared = whole(system.fields.get("accelerators_per_node"))
    model = str(system.fields.get("accelerator_model_name", "")).lower()
    for sampled in telemetry_of(run):
        seen = len(accelerators(sampled))
        if found is not None and seen > found:
            yield self.finding(
                f"telemetry has {seen} accelerators, {found} were found on the machine",
                path=sampled.path,
                expected=found,
                actual=seen,
            )
        if declared and "nvidia" in model and seen < declared:
            yield self.finding(
                f"{declared} accelerators ({show(model)}) are declared, telemetry has readings of {seen}",
                path=sampled.path,
                expected=declared,
                actual=seen,
            )
        for source in sorted({q.source for q in sampled.quantities if q.samples} & set(sampled.unavailable)):
            yield self.finding(
                f"the sampler could not read {show(source)}, and has readings of it", path=sampled.path
            )


@rule(
    "SYS032",
    "No process uses more than the machine has",
    Scope.RUN,
    source=f"{_SOURCE}; TR 11",
    fix="Run on a machine whose clocks are right, without preloaded libraries; describe all of its parts.",
)
def within_machine(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Processor seconds are counted by the kernel, seconds by the clock that the sampler reads: a clock that
    was slowed, and telemetry of another machine, show as processes busier than all processors together."""
    system, limits = system_of(run), ruleset.evidence
    capacity = capacity_bytes(system.fields.get("host_memory_capacity"))
    judged = False
    for sampled in telemetry_of(run):
        count = threads(sampled) or described_threads(system.fields)
        if count:
            judged = True
            yield from _processor_time(self, sampled, count, limits.cpu_tolerance)
        held = largest(sampled.quantities, "memory_used", "node")
        if capacity is not None and held is not None and held > capacity:
            yield self.finding(
                f"{held:.3g} bytes of memory were in use, {capacity:.3g} are described", path=sampled.path
            )
    if not judged:
        raise NotChecked("the number of processors is not known")


def _processor_time(self: Rule, sampled: Telemetry, count: int, tolerance: float) -> Iterator[Finding]:
    """The process tree against all processors, and against how busy they were."""
    tree = mean(sampled.quantities, "cpu", "process_tree")
    node = mean(sampled.quantities, "cpu_utilization", "node")
    if tree is None:
        return
    busy = 100.0 if node is None else node
    for limit, what in (
        (100.0 * count, f"{count} processors have"),
        (count * busy, f"all processes of {count} processors that were {busy:.0f} % busy had"),
    ):
        if tree > (1 + tolerance) * limit + 100 * tolerance:
            yield self.finding(
                f"the run's processes used {tree:.0f} % of a processor, {what} {limit:.0f} %",
                path=sampled.path,
                expected=f"<= {limit:.0f} %",
                actual=round(tree, 1),
            )
            return
