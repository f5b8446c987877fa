"""LOG: what the lines of a result log are made of (their order: order.py)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rules.facts.log_reading import STATUSES, run_start, run_stop
from rules.model.findings import Finding, Scope, Severity
from rules.model.log import Event
from rules.model.run import Run
from rules.model.values import is_int, mismatch, show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset

# Lines at the begin of a run: where several are there twice, two attempts are in one file (or two processes wrote it).
BEGINS = ("submission_benchmark", "cache_clear", "init_start", "run_start")
EVENT_TYPES = {"start": "INTERVAL_START", "stop": "INTERVAL_END", "point": "POINT_IN_TIME"}


@rule(
    "LOG001",
    "Every MLLOG line can be read",
    Scope.RUN,
    source="sources A1, A2, W8; MLLOG line format",
    fix="Write the log only through mlperf_logging.mllog, one object per line, and do not edit it.",
    cause=True,
)
def unreadable_lines(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A line that two readers understand differently (a repeated JSON key, NaN, a second object, text
    before the token) can show one value to a reviewer and another to a tool."""
    end = run.log.events[-1].line if run.cut_off and run.log.events else 0 if run.cut_off else None
    for problem in run.log.problems:
        excused = problem.kind in ruleset.tolerated or (end is not None and problem.line > end)
        yield self.at(
            run,
            problem,
            f"MLLOG line: {problem.message}",
            severity=Severity.WARNING if excused else Severity.ERROR,
        )


@rule(
    "LOG002",
    "The result file holds nothing but the log",
    Scope.RUN,
    source="sources A3, A21; SP 12",
    fix="Keep other output in evidence/.../output.log; the harness does so by itself.",
    severity=Severity.WARNING,
)
def other_lines(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Other text in a result file makes edits and merged logs hard to see."""
    if run.log.other_lines:
        yield self.finding(
            f"lines that are not MLLOG: {run.log.other_lines}", path=run.path, line=run.log.first_other_line
        )


@rule(
    "LOG003",
    "Every required key is logged",
    Scope.RUN,
    source="sources B1-B30; HPC v3.0 common and closed_common rules",
    fix="Log the key through mllog; docs/rules.md lists all keys with their types.",
)
def required_keys(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A result that does not state its settings, its evaluations and its end cannot be judged. A run that was
    pruned has to say what it was, not how it ended."""
    if run.cut_off:
        raise NotApplicable("a pruned run that did not end")
    if not run.log.events:
        yield self.finding(
            "there is no MLLOG line in this file",
            path=run.path,
            fix="Name a log as a run wrote it: its lines begin with :::MLLOG. If this is one, repeat the run.",
        )
        return
    stated = {key: found[0] for key in ruleset.conditions if (found := run.log.stated(key))}
    logged = run.log.by_key
    unfinished = run_stop(run.log) is None and "unfinished" in ruleset.tolerated
    for key in ruleset.required_keys(run.division, stated):
        if key in logged:
            continue
        spec = ruleset.keys[key]
        if run.pruned and spec.phase != "before" and key != "seed" and not key.startswith("submission_"):
            continue
        others = [o for o in (spec.alias, spec.instead) if o]
        if not any(other in logged for other in others):
            end = unfinished and (spec.event in ("start", "stop") or key == ruleset.quality.key)
            yield self.finding(
                f"key {key} is missing{': was the run cut off?' if end else ''}",
                severity=Severity.WARNING if end else Severity.ERROR,
                path=run.path,
                expected=key,
            )


@rule(
    "LOG004",
    "Keys that must appear once appear once",
    Scope.RUN,
    source="sources A6-A8, W10",
    fix="Log the key once. A log with two run_start or run_stop lines must be run again.",
)
def repeated_keys(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A second run_start shortens the measured time while the first still looks right. Equal
    values do not excuse it: the time of the line is what counts."""
    logged = run.log.by_key
    begins = [logged[key] for key in BEGINS if len(logged.get(key, [])) > 1]
    if len(begins) > 1:
        lines = ", ".join(str(event.line) for event in begins[0][:10])
        yield self.at(
            run,
            begins[0][1],
            f"the log holds more than one run: they begin at lines {lines}",
            fix="MLLOG appends: a run that is started again needs a new file. Do the run again.",
            expected=1,
            actual=len(begins[0]),
        )
    for key, spec in ruleset.keys.items():
        events = logged.get(key, [])
        if spec.alias in logged:
            events = events + logged[spec.alias]
        if len(events) < 2:
            continue
        limit_one = spec.count == "one" or (spec.count == "optional" and spec.phase == "before")
        if limit_one or key in ("weights_digest", "inference_start", "inference_stop"):
            lines = ", ".join(str(e.line) for e in events[:10])
            asked = spec.count == "optional" and "repeated" in ruleset.tolerated
            yield self.at(
                run,
                events[1],
                f"{key} is logged {len(events)} times (lines {lines})",
                severity=Severity.WARNING if asked else Severity.ERROR,
                expected=1,
                actual=len(events),
            )


@rule(
    "LOG005",
    "Values have the type and range of their key",
    Scope.RUN,
    source="sources B1-B30, W5, W14",
    fix="Log the value that was used, in the type the key asks for.",
)
def value_types(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Presence is not enough: true passes for 1, null for a name, and 1e9 for a batch size."""
    wrong: list[tuple[Event, str]] = []
    for key, events in run.log.by_key.items():
        spec = ruleset.keys.get(key)
        if spec is None or (run.pruned and key == ruleset.quality.key):  # it may have diverged
            continue
        for event in events:
            expected = mismatch(event.value, spec)
            if expected:
                wrong.append((event, expected))
    for event, expected in sorted(wrong, key=lambda w: w[0].line):
        yield self.at(
            run,
            event,
            f"{event.key}: {show(event.value)} is not {expected}",
            expected=expected,
            actual=event.value,
        )


@rule(
    "LOG006",
    "Events have the type of their key",
    Scope.RUN,
    source="sources A12, W9; mllog.start, end and event",
    fix="Use mllog.start for *_start, mllog.end for *_stop and mllog.event for values.",
)
def event_types(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Tools that pair intervals by type misread a log whose starts are ends; the published reference
    logs its run_start that way."""
    wrong: list[tuple[Event, str]] = []
    for key, events in run.log.by_key.items():
        spec = ruleset.keys.get(key)
        if spec and spec.event == "any":
            continue
        if spec:
            expected = EVENT_TYPES[spec.event]
        elif key.endswith(("_start", "_stop")):
            expected = EVENT_TYPES["start" if key.endswith("_start") else "stop"]
        else:
            expected = EVENT_TYPES["point"]
        wrong += [(e, expected) for e in events if e.event_type != expected]
    for event, expected in sorted(wrong, key=lambda w: w[0].line):
        yield self.at(
            run,
            event,
            f"{event.key} is logged as {show(event.event_type)}",
            expected=expected,
            actual=event.event_type,
        )


@rule(
    "LOG007",
    "Lines carry the metadata their key needs",
    Scope.RUN,
    source="sources B12-B15, 0.11",
    fix="Pass metadata to mllog: epoch_num and samples_count as integers, status for run_stop.",
)
def required_metadata(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Without epoch and sample count an evaluation belongs to no moment of the training."""
    wrong: list[tuple[Event, str, str]] = []
    for key, names in ruleset.metadata.items():
        for name in names:
            least = ruleset.first_epoch if name == "epoch_num" else 1
            for event in run.log.all(key):
                value = event.metadata.get(name)
                if name == "status":
                    if value not in STATUSES:
                        wrong.append((event, name, " or ".join(STATUSES)))
                elif not is_int(value) or value < least:
                    wrong.append((event, name, f"a whole number from {least}"))
    for event, name, expected in sorted(wrong, key=lambda w: w[0].line):
        value = event.metadata.get(name)
        yield self.at(
            run, event, f"{event.key}: metadata {name} is {show(value)}", expected=expected, actual=value
        )


@rule(
    "LOG014",
    "No key imitates a key of the rulebook",
    Scope.RUN,
    source="sources W16, case 29 and 59",
    fix="Correct the spelling, or give your own key a name that is not close to an official one.",
)
def imitated_keys(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Tools that search logs by text take global_batch_size_eval for the batch size; a misspelt key
    means that the real one was not logged."""
    unknown = run.log.by_key.keys() - ruleset.keys.keys()
    if not unknown:
        return
    known = tuple(ruleset.keys)
    aliases = {spec.alias for spec in ruleset.keys.values()}
    for key, events in run.log.by_key.items():
        if key not in unknown or key in aliases or len(key) > 200:
            continue
        near = _imitated(key, known)
        if near is not None:
            yield self.at(run, events[0], f"key {show(key)} imitates {near}", expected=near, actual=key)


@lru_cache(maxsize=4096)  # the runs of a package log the same keys, and comparing takes long
def _imitated(key: str, known: tuple[str, ...]) -> str | None:
    """The known key that a key contains or nearly is."""
    inside = [k for k in known if k in key and len(k) > 8]
    if inside:
        return inside[0]
    import difflib  # only where a key is unknown

    return next(iter(difflib.get_close_matches(key, known, 1, 0.88)), None)


@rule(
    "LOG015",
    "Every line says which source line logged it",
    Scope.RUN,
    source="TR 5.1; sources A21, M7; mllog adds file and lineno by itself",
    fix="Log through mlperf_logging.mllog instead of printing the lines.",
)
def call_sites(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """mllog always adds file and lineno: a line without them came from somewhere else."""
    bare = [
        e
        for e in run.log.events
        if not isinstance(e.metadata.get("file"), str) or not is_int(e.metadata.get("lineno"))
    ]
    if bare:
        yield self.at(run, bare[0], f"lines without metadata file and lineno: {len(bare)}")


@rule(
    "LOG016",
    "Settings are stated before the run starts",
    Scope.RUN,
    source="sources B9, B10, C8; SP 10",
    fix="Log identity, data set, hyperparameters, seed and cache_clear before run_start.",
)
def settings_first(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A setting stated after the clock started may have been chosen after seeing the result."""
    start = run_start(run.log)
    if start is None:
        return
    known = ruleset.keys
    late = [
        e
        for key, events in run.log.by_key.items()
        if events[-1].line > start.line and key in known and known[key].phase == "before"
        for e in events
        if e.line > start.line
    ]
    for event in sorted(late, key=lambda e: e.line):
        yield self.at(run, event, f"{event.key} is stated after run_start (line {start.line})")


@rule(
    "LOG017",
    "run_stop names the last epoch",
    Scope.RUN,
    source="sources I1, W16, case 27",
    fix="Log run_stop with the epoch_num and samples_count of the epoch that ended the run.",
)
def last_epoch(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Epochs to converge are read from the last lines, which have to agree with the epochs logged."""
    stop = run_stop(run.log)
    before = [e for e in run.log.all("epoch_stop") if stop is not None and e.line < stop.line]
    if stop is None or not before:
        return
    last = before[-1]
    asked = ruleset.keys["run_stop"].metadata
    for name in ("epoch_num", "samples_count"):
        if name not in asked and name not in stop.metadata:
            continue
        if stop.metadata.get(name) != last.metadata.get(name):
            yield self.at(
                run,
                stop,
                f"run_stop says {name} {show(stop.metadata.get(name))}, the last epoch_stop "
                f"(line {last.line}) {show(last.metadata.get(name))}",
                expected=last.metadata.get(name),
                actual=stop.metadata.get(name),
            )


@rule(
    "LOG018",
    "Inference on the test scenes lies after run_stop",
    Scope.RUN,
    source="sources C12; reference README",
    fix="Run the inference pass after run_stop; it is timed on its own.",
)
def inference_after(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The inference pass is a secondary measurement; before run_stop it could tune on the test scenes."""
    events = run.log.all("inference_start") + run.log.all("inference_stop")
    if not events:
        raise NotApplicable("no inference pass was logged")
    stop = run_stop(run.log)
    for event in events:
        if stop is not None and event.line < stop.line:
            yield self.at(run, event, f"{event.key} lies before run_stop")


@rule(
    "LOG019",
    "One run, one writer: the log is in one namespace",
    Scope.RUN,
    source="HR 7.2; sources A3, W9",
    fix="Let one process (the chief) write the log; never merge the logs of several runs.",
)
def one_namespace(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Logs of several instances merged into one file show the best part of each."""
    for event in run.log.events:
        if event.namespace != "":
            yield self.at(
                run,
                event,
                f"{event.key} has namespace {show(event.namespace)}",
                expected="",
                actual=event.namespace,
            )
            return
