"""EVD: the run as the harness saw it: its record, the arrival of its lines, its files, its weights."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import run_start, run_stop, status, time_to_train_s, times_ms
from rules.facts.needs import timeline_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.ruleset.sections import Clock

HARNESS_KEYS = (
    "submission_",
    "number_of_nodes",
    "accelerators_per_node",
    "dataset_digest",
    "prepared_digest",
    "cache_clear",
)
PHASES = ("init_start", "run_start", "run_stop")


@rule(
    "EVD001",
    "run.json is the record of this run",
    Scope.RUN,
    source="run protocol of this rulebook; sources H5",
    fix="Package the records as the harness wrote them.",
)
def record(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness writes down how the run ended: number, status and exit code have to fit the log."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    said = status(run.log)
    for what, expected, actual in (
        ("run", run.index, run.record.run),
        ("status", said, run.record.status),
        ("exit_code", 0, run.record.exit_code),
    ):
        if expected is not None and expected != actual:
            yield self.finding(
                f"{what} is {show(actual)}, the log says {show(expected)}"
                if what != "exit_code"
                else f"the implementation ended with exit code {show(actual)}",
                path=run.files.record.as_posix(),
                expected=expected,
                actual=actual,
            )


@rule(
    "EVD002",
    "Every line of the log arrived as it stands",
    Scope.RUN,
    source="run protocol of this rulebook; sources A21, W7",
    fix="Do not edit logs: repeat the run.",
    cause=True,
)
def lines_as_arrived(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness notes a digest of each line when it arrives: an edited, added or removed line shows."""
    timeline = timeline_of(run)
    digests = run.log.line_digests
    for number, (arrival, digest) in enumerate(zip(timeline, digests, strict=False), start=1):
        if arrival.line != number or arrival.digest != digest:
            yield self.finding("this line is not the one that arrived", path=run.path, line=number)
            return  # after an insertion all others differ too
    if len(timeline) != len(digests):
        yield self.finding(
            f"{len(digests)} lines, but {len(timeline)} arrived",
            path=run.path,
            line=min(len(timeline), len(digests)) + 1,
            expected=len(timeline),
            actual=len(digests),
        )


@rule(
    "EVD003",
    "Logged times agree with arrival times",
    Scope.RUN,
    source="run protocol of this rulebook; TR 11; sources A18, W11",
    fix="Run again on a machine whose clock is not set, with line-buffered output.",
)
def times_as_arrived(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A line cannot arrive before it was written, nor long after, unless times were invented."""
    timeline, clock = timeline_of(run), ruleset.clock
    for event, at in zip(run.log.events, times_ms(run.log), strict=True):
        arrived_s = timeline.arrived_s(event.line)
        if at is None or arrived_s is None:
            continue
        late_s = arrived_s - at / 1000
        if late_s < -clock.arrival_early_s or late_s > clock.arrival_late_s:
            how = f"{late_s:.3f} s after" if late_s > 0 else f"{-late_s:.3f} s before"
            yield self.at(
                run,
                event,
                f"{event.key} arrived {how} the time it states",
                expected=f"-{clock.arrival_early_s:g} to {clock.arrival_late_s:g} s",
                actual=round(late_s, 6),
            )


@rule(
    "EVD004",
    "Time-to-train agrees with the harness' own clock",
    Scope.RUN,
    source="run protocol of this rulebook; sources A19, C1",
    fix="Run again with nothing else on the machine; nothing may set or slow the clock during a run.",
)
def time_as_measured(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The monotonic clock cannot be set: the time between the arrivals of run_start and run_stop on it is
    the time-to-train, whatever the log says. The score is read from it, and the child's clock has to agree: as well
    as a line travels, which takes longer where a batch system passes it on. On a machine with more work than
    processors the harness may read run_stop late: that makes the score worse, never better, and a little of it is
    a warning."""
    timeline = timeline_of(run)
    start, stop, logged_s = run_start(run.log), run_stop(run.log), time_to_train_s(run.log)
    began = timeline.of_line(start.line) if start else None
    ended = timeline.of_line(stop.line) if stop else None
    if stop is None or logged_s is None or began is None or ended is None:
        raise NotApplicable("run_start or run_stop is missing")
    measured_s = ended.monotonic_s - began.monotonic_s
    clock = ruleset.clock
    limit_s = max(clock.agreement_s, clock.agreement_share * measured_s) + _relayed_s(run, clock)
    if abs(measured_s - logged_s) > limit_s:
        read_late = logged_s < measured_s <= logged_s + limit_s + clock.read_late_s
        yield self.at(
            run,
            stop,
            f"{logged_s:.3f} s by the log, {measured_s:.3f} s by the harness' clock"
            + (", which is the score" if read_late else ""),
            severity=Severity.WARNING if read_late else Severity.ERROR,
            expected=f"{measured_s:.3f} s, within {limit_s:.3g} s",
            actual=logged_s,
        )


def _relayed_s(run: Run, clock: Clock) -> float:
    launcher = (run.package.recipe or {}).get("launcher", "local")
    return 0.0 if launcher == "local" else clock.relayed_s


@rule(
    "EVD005",
    "Wall clock and monotonic clock run alike",
    Scope.RUN,
    source="run protocol of this rulebook; sources A18, A19",
    fix="Let the clock be slewed, not set, while a benchmark runs.",
)
def clocks_alike(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A clock that was set back during the run shortens it."""
    timeline = timeline_of(run)
    wall_s, monotonic_s = timeline.columns.wall_s, timeline.columns.monotonic_s
    offsets = [wall - monotonic for wall, monotonic in zip(wall_s, monotonic_s, strict=True)]
    moved_s = max(offsets) - min(offsets) if offsets else 0.0
    if moved_s > ruleset.clock.wall_drift_s:
        yield self.finding(
            f"the wall clock moved {moved_s:.3f} s against the monotonic clock",
            path=run.files.timeline.as_posix(),
            expected=f"<= {ruleset.clock.wall_drift_s:g} s",
        )
    for at, (before_s, after_s) in enumerate(zip(monotonic_s, monotonic_s[1:], strict=False), start=1):
        if after_s < before_s:
            yield self.finding(
                "arrivals run backwards",
                path=run.files.timeline.as_posix(),
                line=timeline.columns.line[at],
            )
            return


@rule(
    "EVD006",
    "Identity, data set and cache lines come from the harness",
    Scope.RUN,
    source="run protocol of this rulebook; sources W15, C8",
    fix="Leave these lines to the harness; implementations log from init_start on.",
)
def from_harness(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An implementation could claim an empty cache or another division: only the harness knows."""
    timeline = timeline_of(run)
    own = [key for key in ruleset.keys if key.startswith(HARNESS_KEYS)]
    events = [e for key in (*own, *PHASES) for e in run.log.all(key)]
    for event in sorted(events, key=lambda e: e.line):
        expected = "child" if event.key in PHASES else "harness"
        arrival = timeline.of_line(event.line)
        if arrival is not None and arrival.source != expected:
            yield self.at(
                run,
                event,
                f"{event.key} came from the {show(arrival.source)}",
                expected=expected,
                actual=arrival.source,
            )


@rule(
    "EVD007",
    "Evidence files are those of the run",
    Scope.RUN,
    source="run protocol of this rulebook; sources W7",
    fix="Package log and evidence as the harness wrote them.",
)
def files_as_recorded(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """run.json holds the digest of the log and of everything beside it, taken when the run ended."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    listed = run.record.files
    log_name = run.path.rsplit("/", 1)[-1]
    if log_name not in listed:
        yield self.finding(f"{log_name} is not listed", path=run.files.record.as_posix())
    for name in sorted({*listed, *run.file_digests}):
        path = run.path if name == log_name else (run.files.root / name).as_posix()
        if name not in run.file_digests:
            yield self.finding("is listed in run.json, but missing", path=path)
        elif name not in listed and name != log_name:
            yield self.finding("is not listed in run.json", path=path)
        elif listed.get(name, run.file_digests[name]) != run.file_digests[name]:
            yield self.finding("has changed since the run ended", path=path)


@rule(
    "EVD008",
    "The stored weights are the logged ones",
    Scope.RUN,
    source="sources 1.R (TEST01), E12; replay",
    fix="Keep the weights file of the run.",
)
def weights(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The accuracy can be recomputed only from the weights that reached it."""
    logged = run.log.value("weights_digest")
    if logged is None and run.weights_sha256 is None:
        raise NotChecked("no weights were stored: the accuracy cannot be recomputed")
    if logged is None:
        yield self.finding("weights are in the package, but no weights_digest is logged", path=run.path)
    elif run.weights_sha256 is None:
        raise NotChecked("the weights are not in the package: the accuracy cannot be recomputed")
    elif logged != run.weights_sha256:
        event = run.log.first("weights_digest")
        yield self.finding(
            "weights_digest is not that of the weights in the package",
            path=run.path,
            line=event.line if event else None,
            expected=run.weights_sha256,
            actual=logged,
        )
