"""EVD: telemetry covers the run, and shows a machine at work."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import integer, run_start, run_stop, time_ms
from rules.facts.needs import telemetry_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "EVD009",
    "Telemetry covers the timed run",
    Scope.RUN,
    source="evidence of this rulebook; sources A19, L8",
    fix="Let the harness sample the whole run; repeat the run if its sampler died.",
)
def telemetry_covers(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Telemetry of another hour, or of a part of the run, shows nothing."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    if start is None or stop is None:
        raise NotApplicable("run_start or run_stop is missing")
    edge_s = ruleset.evidence.telemetry_edge_s
    for sampled in telemetry_of(run):
        if sampled.start_wall_s > start / 1000 + edge_s or sampled.stop_wall_s < stop / 1000 - edge_s:
            yield self.finding(
                f"samples from {sampled.start_wall_s:.1f} to {sampled.stop_wall_s:.1f} do not cover the run "
                f"({start / 1000:.1f} to {stop / 1000:.1f})",
                path=sampled.path,
            )


@rule(
    "EVD010",
    "Telemetry has no long gaps",
    Scope.RUN,
    source="evidence of this rulebook; style: gaps are recorded, not bridged",
    fix="Sample less often, or leave the sampler a core.",
    severity=Severity.WARNING,
)
def telemetry_gaps(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """What happened in a gap is unknown."""
    for sampled in telemetry_of(run):
        limit_s = max(ruleset.evidence.telemetry_gap_s, 5 * sampled.interval_s)
        if sampled.longest_gap_s is None:
            yield self.finding("no samples lie inside the run", severity=Severity.ERROR, path=sampled.path)
        elif sampled.longest_gap_s > limit_s:
            yield self.finding(
                f"{sampled.longest_gap_s:.1f} s without a sample",
                path=sampled.path,
                expected=f"<= {limit_s:g} s",
                actual=sampled.longest_gap_s,
            )


@rule(
    "EVD011",
    "The machine works while it claims to train",
    Scope.RUN,
    source="sources case 81; evidence of this rulebook",
    fix="Submit telemetry of the machine that trained.",
)
def machine_works(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An idle machine does not train."""
    accelerators = integer(run.settings, "accelerators_per_node") or 0
    names = ("gpu_utilization",) if accelerators else ("cpu", "cpu_utilization")
    means = [
        (q.mean, sampled.path)
        for sampled in telemetry_of(run)
        for q in sampled.quantities
        if q.name in names and q.mean is not None and q.scope != "sampler"
    ]
    if not means:
        raise NotChecked(f"telemetry has no {' or '.join(names)}")
    best, path = max(means)
    if best < ruleset.evidence.busy_percent:
        yield self.finding(
            f"mean utilisation is {best:.1f} %",
            path=path,
            expected=f">= {ruleset.evidence.busy_percent:g} %",
            actual=best,
        )


@rule(
    "EVD022",
    "As many accelerators work as are declared",
    Scope.RUN,
    source="sources B20, J6, 1.R (cross-check of this rulebook)",
    fix="Declare every accelerator that is used, and leave the others of the node idle.",
)
def declared_work(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An accelerator that works undeclared makes a machine look faster than it is; one that is declared and
    idle makes it look larger."""
    declared = integer(run.settings, "accelerators_per_node")
    measured = [
        (sampled, [q for q in sampled.quantities if q.name == "gpu_utilization" and q.mean is not None])
        for sampled in run.telemetry
    ]
    measured = [(sampled, found) for sampled, found in measured if found]
    if not measured or declared is None:
        raise NotChecked("telemetry has no gpu_utilization, or the log no number of accelerators")
    limit = ruleset.evidence.worked_percent
    for sampled, found in measured:
        working = sum(1 for q in found if q.mean is not None and q.mean >= limit)
        idle = sum(1 for q in found if q.mean is not None and q.mean < ruleset.evidence.busy_percent)
        if working > declared or (working and len(found) - idle < declared):
            yield self.finding(
                f"{working} of {len(found)} accelerators worked, {declared} are declared",
                severity=Severity.ERROR if working > declared else Severity.WARNING,
                path=sampled.path,
                expected=declared,
                actual=working,
            )
