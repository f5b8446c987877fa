"""WIT: what the log says happened when, against an outside clock."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rules.facts.needs import timeline_of
from rules.facts.witness import Bounds, WitnessFacts, known_witness_of
from rules.model.claims import Claim, Standing, Support
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.witness import Chain, Closing, Mark, Opening, Registration
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


class _Event(msgspec.Struct, frozen=True):
    """A point of a run: when it was by the harness' clock, and when it can have been by the authority's."""

    name: str
    line: int  # of the chain
    wall_s: float
    bounds: Bounds


def _events(facts: WitnessFacts, run: Run) -> list[_Event]:
    timeline, epoch, found = timeline_of(run), 0, []
    for number, entry in facts.chain.of_run(run.index):
        if not isinstance(entry, Mark):
            continue
        epoch += entry.point == "epoch"
        wall_s = timeline.arrived_s(entry.lines)
        if wall_s is not None:
            name = f"the end of epoch {epoch}" if entry.point == "epoch" else f"run_{entry.point}"
            found.append(_Event(name, number, wall_s, facts.of_line(number)))
    if not found:
        raise NotApplicable("the run is not in the chain (WIT001)")
    return found


@rule(
    "WIT010",
    "The times of the run fit the stamps",
    Scope.RUN,
    source="TR 11; design of this rulebook: an outside clock",
    fix="Let a time service keep the machine's clock, and nothing change it while a benchmark runs.",
)
def times_fit(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A line was written after the stamps that stand before it and before the stamps on it. Where no single
    difference between the two clocks satisfies all of them, time was left out, or invented."""
    facts, bound = known_witness_of(run, ruleset), ruleset.witness
    events = _events(facts, run)
    path = run.files.timeline.as_posix()
    latest = min(events, key=lambda e: e.bounds.latest_s - e.wall_s)
    earliest = max(events, key=lambda e: e.bounds.earliest_s - e.wall_s)
    at_most_s = latest.bounds.latest_s - latest.wall_s  # the authority's clock ahead of the harness'
    at_least_s = earliest.bounds.earliest_s - earliest.wall_s
    if at_least_s > at_most_s + bound.drift_s:
        one, other = sorted((latest, earliest), key=lambda e: e.line)
        logged_s = other.wall_s - one.wall_s
        if one is latest:
            true_s, how = earliest.bounds.earliest_s - latest.bounds.latest_s, "at least"
        else:
            true_s, how = latest.bounds.latest_s - earliest.bounds.earliest_s, "at most"
        yield self.finding(
            f"from {one.name} to {other.name} {logged_s:.1f} s by the log, {how} {true_s:.1f} s by the stamps",
            path=path,
            expected=f"{how} {true_s:.1f} s",
            actual=round(logged_s, 3),
        )
    elif at_least_s > bound.clock_s or at_most_s < -bound.clock_s:
        off_s = at_least_s if at_least_s > 0 else at_most_s
        yield self.finding(
            f"the harness' clock is {abs(off_s):.0f} s {'behind' if off_s > 0 else 'ahead of'} the authority's",
            path=path,
            expected=f"within {bound.clock_s:g} s",
            actual=round(off_s),
        )


@rule(
    "WIT011",
    "Stamps came promptly",
    Scope.RUN,
    source="design of this rulebook: evidence, not trust",
    fix="Choose an authority that answers sooner, or one nearby.",
    severity=Severity.WARNING,
    supports=(Support(Claim.TIME, Standing.ATTESTED, "time stamps of an outside authority, within seconds"),),
)
def prompt(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A stamp long after its event allows the event to have been long after what the log says."""
    facts, limit_s = known_witness_of(run, ruleset), ruleset.witness.late_s
    after = []
    for event in _events(facts, run):
        stamp = facts.on(event.line)
        if stamp is not None and stamp.facts.time_s is not None:
            after.append((stamp.facts.time_s - event.wall_s, event))
    missing = {"run_start", "run_stop"} - {event.name for _, event in after}
    if missing:
        raise NotChecked(f"{min(missing)} of run {run.index} has no stamp of an authority that is known here")
    promptest_s = min(late_s for late_s, _ in after)
    for late_s, event in after:
        if late_s - promptest_s > limit_s and not event.name.startswith("the end"):
            yield self.finding(
                f"the stamp on {event.name} came {late_s - promptest_s:.0f} s later than the promptest one",
                path=run.package.layout.witness.as_posix(),
                line=event.line,
                expected=f"<= {limit_s:g} s",
                actual=round(late_s - promptest_s),
            )


@rule(
    "WIT012",
    "Between the runs there was no room for another one",
    Scope.PACKAGE,
    source="design of this rulebook; sources H8",
    fix="Do the runs in one go; say what the machine did in between.",
    severity=Severity.WARNING,
    supports=(
        Support(Claim.ATTEMPTS, Standing.ATTESTED, "time stamps without a gap since the plan was registered"),
    ),
)
def no_room(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A run that was done and left out takes its time: it fits only where the stamps show no run for as long
    as the fastest one took."""
    facts = known_witness_of(package, ruleset)
    took = [run.time_to_train_s for run in package.runs if run.time_to_train_s is not None]
    if not took:
        raise NotApplicable("no run has a time-to-train")
    limit_s = max(min(took), ruleset.witness.idle_s)
    unknown = None
    for before, name, line, run in _pauses(facts.chain):
        idle_s = _between_s(facts, before, line)
        if idle_s is None:
            unknown = f"from {name} to the beginning of run {run}"
        elif idle_s > limit_s:
            yield self.finding(
                f"{idle_s:.0f} s from {name} to the beginning of run {run}: room for a run that is not here",
                path=package.layout.witness.as_posix(),
                line=line,
                expected=f"<= {limit_s:.0f} s",
                actual=round(idle_s),
            )
    if unknown:
        raise NotChecked(f"no stamps say how long it was {unknown}")


def _pauses(chain: Chain) -> Iterator[tuple[int, str, int, int]]:
    """Stretches without a run: line and name of where each begins, line of the opening that ends it, its run."""
    before, name, running = 1, "the registration", 0
    for line in chain.lines:
        entry = line.entry
        if isinstance(entry, Opening):
            if running == 0:
                yield before, name, line.number, entry.run
            running += 1
        elif isinstance(entry, Closing):
            before, name, running = line.number, f"the end of run {entry.run}", max(running - 1, 0)
        elif isinstance(entry, Registration) and running == 0:
            before, name = line.number, "the registration"


def _between_s(facts: WitnessFacts, one: int, other: int) -> float | None:
    """Longest time that can have passed between two lines; None where the stamps do not say."""
    earliest, latest = facts.on(one), facts.on(other)
    if earliest is None or latest is None:
        return None
    if earliest.facts.time_s is None or latest.facts.time_s is None:
        return None
    return latest.facts.time_s - earliest.facts.time_s
