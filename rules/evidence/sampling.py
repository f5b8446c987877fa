"""EVD: what the sampled machine did besides training, and whether its meters can be believed."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import integer
from rules.facts.needs import telemetry_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.power.plausible import PARTS
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "EVD031",
    "Nothing else computes on the accelerators",
    Scope.RUN,
    source="sources L18 (what else a measurement has to show); evidence of this rulebook",
    fix="Reserve whole nodes; end other programs before the run.",
    severity=Severity.WARNING,
)
def alone(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Somebody else's work on a GPU spoils time, power and utilisation of the run."""
    if not integer(run.settings, "accelerators_per_node"):
        raise NotApplicable("no accelerators were used")
    seen = False
    for sampled in telemetry_of(run):
        for q in sampled.quantities:
            if q.name != "gpu_foreign_processes" or q.maximum is None:
                continue
            seen = True
            if q.maximum > 0:
                yield self.finding(
                    f"{q.scope}: up to {q.maximum:.0f} compute processes that are not of the run",
                    path=sampled.path,
                    expected=0,
                    actual=q.maximum,
                )
    if not seen:
        raise NotChecked("telemetry does not say whose processes were on the accelerators")


@rule(
    "EVD032",
    "Meters agree with themselves",
    Scope.RUN,
    source="sources L10, L18, W24; style: counter beside integral; evidence of this rulebook",
    fix="Update the driver; name the meter that is wrong in hw_notes, and quote the other.",
    severity=Severity.WARNING,
)
def meters_agree(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An energy counter and the sum of power readings are two ways to one number; and no meter reads the
    same to the last digit for a whole run."""
    limit = ruleset.evidence.energy_difference
    measured = [
        (sampled, e) for sampled in telemetry_of(run) for e in sampled.energies if e.joule is not None
    ]
    if not measured:
        raise NotChecked("no energy was measured")
    for sampled, energy in measured:
        if energy.stuck:
            yield self.finding(
                f"{energy.source} {energy.scope}: all readings are equal to the last digit", path=sampled.path
            )
        if energy.difference is not None and abs(energy.difference) > limit:
            yield self.finding(
                f"{energy.source} {energy.scope}: energy by {energy.method.replace('_', ' ')} is "
                f"{100 * energy.difference:+.0f} % apart from the quoted one",
                path=sampled.path,
                expected=f"within {100 * limit:g} %",
                actual=round(energy.difference, 4),
            )


@rule(
    "EVD033",
    "Clocks of all nodes agree",
    Scope.RUN,
    source="sources L18 (clock skew of meter and system); evidence of this rulebook",
    fix="Let all nodes follow one time server (chrony, ntpd).",
    severity=Severity.WARNING,
)
def clocks_agree(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Telemetry of several nodes is laid over each other and over the log by wall clock."""
    if (integer(run.settings, "number_of_nodes") or 1) < 2:
        raise NotApplicable("one node")
    limit_s = ruleset.evidence.node_clock_s
    for sampled in telemetry_of(run):
        by_name = {q.name: q for q in sampled.quantities if q.source == "clock"}
        offset, doubt = by_name.get("clock_offset"), by_name.get("clock_uncertainty")
        if offset is None or offset.minimum is None or offset.maximum is None:
            raise NotChecked(f"the clock of {sampled.node} was not compared")
        far_s = max(abs(offset.minimum), abs(offset.maximum))
        doubt_s = doubt.maximum if doubt is not None and doubt.maximum is not None else 0.0
        if far_s - doubt_s > limit_s:
            yield self.finding(
                f"the clock of {sampled.node} is {far_s:.3f} s from that of the harness",
                path=sampled.path,
                expected=f"<= {limit_s:g} s",
                actual=round(far_s, 6),
            )


@rule(
    "EVD034",
    "Nothing happened to the devices while they were sampled",
    Scope.RUN,
    source="evidence of this rulebook; style: gaps are recorded, not bridged",
    fix="See what the remark names (dmesg, nvidia-smi), and repeat the run.",
    severity=Severity.WARNING,
)
def undisturbed(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A GPU that fell off the bus, a driver that hung, a meter that stopped: the run may have suffered
    too, and its energy is not known. A sampler that died counts too: what it missed is not known."""
    problems = run.record.telemetry_problems if run.record else []
    for problem in problems:
        yield self.finding(f"the harness noted about telemetry: {problem}", path=run.files.record.as_posix())
    if problems and not run.telemetry:
        return
    for sampled in telemetry_of(run):
        for remark in sampled.remarks:
            yield self.finding(f"the sampler noted: {remark}", path=sampled.path)


@rule(
    "EVD035",
    "Every node of the run was sampled",
    Scope.RUN,
    source="sources L2 (the whole system under test); evidence of this rulebook",
    fix="Start one sampler on each node, as the harness' launchers do, and package all their files.",
    severity=Severity.WARNING,
)
def every_node(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The node that is left out may be the one that was idle, throttled or drew most."""
    nodes = integer(run.settings, "number_of_nodes")
    if nodes is None or nodes < 2:
        raise NotApplicable("one node")
    sampled = telemetry_of(run)
    names = {one.node for one in sampled}
    if len(names) < nodes:
        yield self.finding(
            f"{len(names)} of {nodes} nodes were sampled ({', '.join(sorted(names)[:5])})",
            path=sampled[0].path,
            expected=nodes,
            actual=len(names),
        )


@rule(
    "EVD028",
    "Sampled power lies within what such parts can draw",
    Scope.RUN,
    source="nameplate bounds of the inference suite; sources 1.R, W24",
    fix="Package telemetry as it was sampled.",
)
def within_nameplate(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An accelerator or processor that draws nothing while it works, or more than any of its kind can, was
    not measured."""
    limits = ruleset.power
    known = False
    for sampled in run.telemetry:
        for q in sampled.quantities:
            if q.unit != "W" or q.mean is None or not q.scope.startswith(PARTS):
                continue
            known = True
            if not 0 < q.mean <= limits.part_watts_maximum:
                yield self.finding(
                    f"{q.name} of {q.scope} is {q.mean:.1f} W on average",
                    severity=Severity.WARNING
                    if q.mean == 0
                    else Severity.ERROR,  # counters of some VMs stand still
                    path=sampled.path,
                    expected=f"> 0, <= {limits.part_watts_maximum:g} W",
                    actual=round(q.mean, 3),
                )
    if not known:
        raise NotChecked("no power of accelerators or processors was sampled")
