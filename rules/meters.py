"""PWR, EVD: switches, and power against what else is known of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.kept import kept
from rules.model import Finding, Package, Run, Scope, Severity, Telemetry
from rules.reading import integer, run_start, run_stop, time_ms
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.values import is_number, show

PARTS = ("gpu", "cpu_package")  # scopes that do not overlap; platform zones contain the others


@rule(
    "PWR009",
    "Switches state their power once, in watts",
    Scope.PACKAGE,
    source="PM 3.1.3; survey L1, L3, L13, W28",
    fix="Log interconnect_power_est once per sw_<k>.txt, and conversion_eff before it.",
)
def switches(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream takes the first estimate of a switch for the whole run, whatever it is, and misses no switch
    that is left out of a system of several nodes."""
    if not any(run.power for run in package.runs):
        raise NotApplicable("no power was submitted")
    for run in package.runs:
        nodes = integer(run.settings, "number_of_nodes")
        if run.power and not _estimates(run, ruleset) and nodes is not None and nodes > 1:
            yield self.finding(
                f"{nodes} nodes and no sw_<k>.txt: is the interconnect in the readings?",
                severity=Severity.WARNING,
                path=run.path.rsplit("/", 1)[0] + f"/power/result_{run.index}",
            )
        for path, told in _estimates(run, ruleset):
            good = len(told) == 1 and is_number(told[0]) and 0 < told[0] <= ruleset.power.watts_maximum
            if not good:
                words = ", ".join(map(show, told)) or "none"
                yield self.finding(
                    f"interconnect_power_est: {words}", path=path, expected="one value in watts"
                )


@kept
def _estimates(run: Run, ruleset: Ruleset) -> list[tuple[str, list[Any]]]:
    """Path and first stated estimates of each switch."""
    return [
        (log.path, [e.value for e in log.all("interconnect_power_est")[:3]])
        for name, log in run.power.items()
        if name.startswith("sw")
    ]


@rule(
    "PWR010",
    "Node power is that of a machine at work",
    Scope.RUN,
    source="PM 3.1; survey L1, L2, W24, case 78; nameplate bounds of this rulebook",
    fix="Log watts of whole nodes, measured during the run.",
)
def at_work(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Kilowatts logged as watts look like a miracle of efficiency; a node cannot draw less than its own
    accelerators and processors, which were sampled meanwhile."""
    if not run.power:
        raise NotApplicable("no power was submitted")
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    for name, log in run.power.items():
        if not name.startswith("node"):
            continue
        timed = [(time_ms(e), e.value) for e in log.all("power_reading") if is_number(e.value)]
        values = [v for at, v in timed if at is not None and (start or 0) <= at <= (stop or at)]
        if not values:
            continue
        mean_w = sum(values) / len(values)
        node = name.removesuffix(".txt")
        parts_w = sum(_parts_w(t) for t in run.telemetry if t.node == node)
        least_w = max(ruleset.power.watts_minimum, ruleset.power.telemetry_share * parts_w)
        if mean_w < least_w:
            why = "its accelerators and processors alone drew more" if parts_w else "no node that trains does"
            yield self.finding(
                f"mean power is {mean_w:.1f} W: {why}",
                path=log.path,
                expected=f">= {least_w:.0f} W",
                actual=round(mean_w, 3),
            )


def _parts_w(sampled: Telemetry) -> float:
    """Mean power of the parts that were sampled, each once: accelerators and processor packages, in W."""
    found: dict[str, float] = {}
    for q in sampled.quantities:
        if q.unit == "W" and q.mean is not None and q.scope.startswith(PARTS):
            found[q.scope] = max(found.get(q.scope, 0.0), q.mean)
    return sum(found.values())


@rule(
    "EVD028",
    "Sampled power lies within what such parts can draw",
    Scope.RUN,
    source="nameplate bounds of the inference suite; survey 1.R, W24",
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
