"""PWR: node power is plausible, and agrees with what was sampled."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.facts.node_energy import mean_w, node_energy
from rules.model.evidence import Quantity, Telemetry
from rules.model.findings import Finding, Scope
from rules.model.run import Run
from rules.model.values import is_number
from rules.power.readings import EXTERNAL, nodes_of, sampled_beside, window_of
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

PARTS = ("gpu", "cpu_package")  # scopes that do not overlap; platform zones contain the others


@rule(
    "PWR010",
    "Node power is that of a machine at work",
    Scope.RUN,
    source="PM 3.1; sources L1, L2, W24, case 78; nameplate bounds of this rulebook",
    fix="Log watts of whole nodes, measured during the run.",
)
def at_work(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Kilowatts logged as watts look like extreme efficiency; a node cannot draw less than its own
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
            why = "its accelerators and processors alone drew more" if parts_w else "too little for training"
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


FEW_SAMPLES = 10  # fewer say little about a mean


@rule(
    "PWR012",
    "Power files hold what the sampler read",
    Scope.RUN,
    source="sources W24, case 78; design of this rulebook",
    fix="Keep the power files as the harness wrote them.",
)
def as_sampled(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Telemetry is evidence of the run, sealed with it; power files are text that anybody can edit."""
    nodes = nodes_of(run)
    start, stop = window_of(run)
    compared = False
    for name, log in nodes:
        source = node_energy(log, start, stop).source
        telemetry = sampled_beside(run, name)
        if source is None or source == EXTERNAL or telemetry is None:
            continue
        compared = True
        sampled = next((q for q in telemetry.quantities if _is_node(q, source)), None)
        if sampled is None or sampled.mean is None:
            yield self.finding(
                f"the source is {source}, of which {telemetry.path.rpartition('/')[2]} has no readings",
                path=log.path,
            )
            continue
        stated = mean_w(log, start, stop)
        if stated is None or sampled.samples < FEW_SAMPLES:
            continue
        spread = (sampled.maximum or 0.0) - (sampled.minimum or 0.0)
        allowed = ruleset.power.agreement_tolerance * sampled.mean + 2 * spread / sampled.samples
        if abs(stated - sampled.mean) > allowed:
            yield self.finding(
                f"mean power {stated:.1f} W, the sampler read {sampled.mean:.1f} W",
                path=log.path,
                expected=sampled.mean,
                actual=stated,
            )
    if not compared:
        raise NotChecked("no power file names a source of which there is telemetry")


def _is_node(quantity: Quantity, source: str) -> bool:
    return (quantity.source, quantity.unit, quantity.scope) == (source, "W", "node")
