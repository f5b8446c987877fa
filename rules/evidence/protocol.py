"""EVD: nothing interfered with the run while the harness watched it."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.facts.needs import record_of, telemetry_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import is_number
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

PACED_S = 1.0  # a sampler that gives way reads the node's processors at least this often
INTERVAL_NEAR = 1e-6  # it is passed on as text, with all of its digits
FEW = 10  # readings that were due: fewer say nothing about a rate


@rule(
    "EVD040",
    "Log and arrivals are those that the harness wrote",
    Scope.RUN,
    source="run protocol of this rulebook; sources A21, W7",
    fix="Package log, timeline.jsonl and run.json as the harness wrote them.",
)
def as_written(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness keeps digests of all that it writes in memory: a program that rewrites its log before it ends
    shows. A run whose files had changed by then is refused; run.json carries the digests on."""
    record = record_of(run)
    path = run.files.record.as_posix()
    if not record.journal:
        if run.division == "open":
            raise NotChecked("run.json has no digests of the log as it was written")
        yield self.finding("run.json has no digests of the log as it was written", path=path)
        return
    for what, found in (
        ("result", run.log.sha256),
        ("timeline", run.file_digests.get(run.files.timeline.name)),
    ):
        if found is not None and record.journal.get(what) != found:
            shown = run.path if what == "result" else run.files.timeline.as_posix()
            yield self.finding(
                f"the {what} is not the one that the harness wrote",
                path=shown,
                expected=record.journal.get(what),
                actual=found,
            )


@rule(
    "EVD041",
    "Telemetry is as dense as was asked for",
    Scope.RUN,
    source="run protocol of this rulebook; sources L8, A19",
    fix="Leave the sampler alone and the machine to the run; ask for fewer readings (telemetry.interval_s).",
)
def dense(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A sampler that is stopped in pieces leaves short gaps only, and still misses nearly all of the run: its
    readings are counted over the whole timed part."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    if start is None or stop is None or stop <= start:
        raise NotApplicable("run_start or run_stop is missing")
    window_s, share = (stop - start) / 1000, ruleset.evidence.telemetry_density
    judged = False
    for sampled in telemetry_of(run):
        interval_s = max(sampled.interval_s, PACED_S) if sampled.paced else sampled.interval_s
        due = window_s / interval_s if interval_s > 0 else 0.0
        if sampled.readings is None or due < FEW:
            continue
        judged = True
        if sampled.readings < share * due:
            yield self.finding(
                f"{sampled.readings} readings in {window_s:.1f} s, one each {interval_s:g} s was due",
                severity=Severity.WARNING if run.division == "open" else Severity.ERROR,
                path=sampled.path,
                expected=f">= {share * due:.0f}",
                actual=sampled.readings,
            )
    if not judged:
        raise NotChecked(f"fewer than {FEW} readings were due in the timed run")


@rule(
    "EVD045",
    "Telemetry is sampled as often as the recipe asks",
    Scope.RUN,
    source="run protocol of this rulebook; sources L8",
    fix="Package telemetry as the harness' sampler wrote it; a longer interval is asked for by telemetry.interval_s.",
)
def as_often(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness starts each sampler with the interval of the recipe, and the sampler writes it down: a file of
    another interval was thinned, or sampled by something else, and would be judged by readings it does not owe."""
    asked = (run.package.recipe or {}).get("telemetry")
    interval_s = asked.get("interval_s") if isinstance(asked, dict) else None
    if not is_number(interval_s):
        raise NotChecked("there is no readable recipe, which says how often to sample")
    for sampled in telemetry_of(run):
        if abs(sampled.interval_s - interval_s) > INTERVAL_NEAR * interval_s:
            yield self.finding(
                f"its samples are {sampled.interval_s:g} s apart by its own word, {interval_s:g} s were asked for",
                path=sampled.path,
                expected=interval_s,
                actual=sampled.interval_s,
            )


@rule(
    "EVD043",
    "Nothing was put into the run's processes from outside",
    Scope.RUN,
    source="run protocol of this rulebook; sources A19, W7 (clocks that can be believed)",
    fix="Start with `env -u LD_PRELOAD cloudmask submit`; what a site needs is named in environment.preload.",
    severity=Severity.WARNING,
)
def no_preloads(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A library that is loaded first can slow every clock, or answer every call. What the recipe declares stays and
    is shown; what also worked in the harness itself makes its own clock doubtful."""
    record = record_of(run)
    path, said = run.files.record.as_posix(), record.environment
    if not said:
        raise NotChecked("run.json does not state the variables that load code")
    declared = _declared(run)
    kept, own = said.get("kept", {}), said.get("harness") or []
    if not isinstance(kept, dict) or not isinstance(own, list) or not all(isinstance(n, str) for n in own):
        yield self.finding("the variables that load code are not stated as the harness does", path=path)
        return
    for name, value in kept.items():
        preload = name.startswith("LD_") and name != "LD_LIBRARY_PATH"
        if name in declared or preload:
            undeclared = name not in declared and run.division != "open"
            yield self.finding(
                f"{name} is set to {str(value)[:100]}",
                path=path,
                severity=Severity.ERROR if undeclared else Severity.WARNING,
            )
    for name in own:
        if name not in declared:
            yield self.finding(
                f"{name} was set for the harness itself, whose clock times the run",
                path=path,
                severity=Severity.WARNING if run.division == "open" else Severity.ERROR,
            )


def _declared(run: Run) -> set[str]:
    section = (run.package.recipe or {}).get("environment")
    names = section.get("preload") if isinstance(section, dict) else None
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


@rule(
    "EVD044",
    "Nothing of a run outlived it",
    Scope.RUN,
    source="run protocol of this rulebook; sources H5",
    fix="Let the implementation wait for all that it starts.",
    severity=Severity.WARNING,
)
def nothing_left(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A process that goes on when the run is over may compute for the next run, outside of its time. The harness
    ends it, and names it."""
    for name in record_of(run).outlived:
        yield self.finding(
            f"{name[:100]} was still running when the run was over", path=run.files.record.as_posix()
        )
