"""LOG: structure and order of a result log."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from rules import sound
from rules.model import Event, Finding, Run, Scope, Severity
from rules.reading import epoch_num, epoch_nums, evaluations, intervals, run_start, run_stop, time_ms
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset
from rules.values import is_int, mismatch, show

EVENT_TYPES = {"start": "INTERVAL_START", "stop": "INTERVAL_END", "point": "POINT_IN_TIME"}
PHASES = ("init_start", "init_stop", "run_start", "run_stop")


@rule(
    "LOG001",
    "Every MLLOG line can be read",
    Scope.RUN,
    source="survey A1, A2, W8; MLLOG line format",
    fix="Write the log only through mlperf_logging.mllog, one object per line, and do not edit it.",
)
def unreadable_lines(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A line that two readers understand differently (a repeated JSON key, NaN, a second object, text
    before the token) can show one value to a reviewer and another to a tool."""
    for problem in run.log.problems:
        yield self.finding(
            f"MLLOG line: {problem.message}",
            severity=Severity.WARNING if problem.kind in ruleset.tolerated else Severity.ERROR,
            path=run.path,
            line=problem.line,
        )


@rule(
    "LOG002",
    "The result file holds nothing but the log",
    Scope.RUN,
    source="survey A3, A21; SP 12",
    fix="Keep other output in evidence/.../output.log; the harness does so by itself.",
    severity=Severity.WARNING,
)
def other_lines(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Foreign text in a result file hides edits and merged logs from the eye."""
    if run.log.other_lines:
        yield self.finding(
            f"{run.log.other_lines} line(s) are not MLLOG", path=run.path, line=run.log.first_other_line
        )


@rule(
    "LOG003",
    "Every required key is logged",
    Scope.RUN,
    source="survey B1-B30; HPC v3.0 common and closed_common rules",
    fix="Log the key through mllog; docs/rules.md lists all keys with their types.",
)
def required_keys(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A result that does not state its settings, its evaluations and its end cannot be judged."""
    stated = {key: found[0] for key in ruleset.conditions if (found := run.log.stated(key))}
    logged = run.log.by_key
    for key in ruleset.required_keys(run.division, stated):
        if key in logged:
            continue
        spec = ruleset.keys[key]
        others = [o for o in (spec.alias, spec.instead) if o]
        if not any(other in logged for other in others):
            yield self.finding(f"key {key} is missing", path=run.path, expected=key)


@rule(
    "LOG004",
    "Keys that must appear once appear once",
    Scope.RUN,
    source="survey A6-A8, W10",
    fix="Log the key once. A log with two run_start or run_stop lines must be run again.",
)
def repeated_keys(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A second run_start shortens the measured time while the first still satisfies the reader. Equal
    values do not excuse it: the time of the line is what counts."""
    logged = run.log.by_key
    for key, spec in ruleset.keys.items():
        events = logged.get(key, [])
        if spec.alias in logged:
            events = events + logged[spec.alias]
        if len(events) < 2:
            continue
        limit_one = spec.count == "one" or (spec.count == "optional" and spec.phase == "before")
        if limit_one or key in ("weights_digest", "inference_start", "inference_stop"):
            lines = ", ".join(str(e.line) for e in events[:10])
            yield self.finding(
                f"{key} is logged {len(events)} times (lines {lines})",
                path=run.path,
                line=events[1].line,
                expected=1,
                actual=len(events),
            )


@rule(
    "LOG005",
    "Values have the type and range of their key",
    Scope.RUN,
    source="survey B1-B30, W5, W14",
    fix="Log the value that was used, in the type the key asks for.",
)
def value_types(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Presence is not enough: true passes for 1, null for a name, and 1e9 for a batch size."""
    wrong: list[tuple[Event, str]] = []
    for key, events in run.log.by_key.items():
        spec = ruleset.keys.get(key)
        if spec is None or (len(events) > 2 and sound.values(events, spec)):
            continue
        for event in events:
            expected = mismatch(event.value, spec)
            if expected:
                wrong.append((event, expected))
    for event, expected in sorted(wrong, key=lambda w: w[0].line):
        yield self.finding(
            f"{event.key}: {show(event.value)} is not {expected}",
            path=run.path,
            line=event.line,
            expected=expected,
            actual=event.value,
        )


@rule(
    "LOG006",
    "Events have the type of their key",
    Scope.RUN,
    source="survey A12, W9; mllog.start, end and event",
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
        yield self.finding(
            f"{event.key} is logged as {show(event.event_type)}",
            path=run.path,
            line=event.line,
            expected=expected,
            actual=event.event_type,
        )


@rule(
    "LOG007",
    "Lines carry the metadata their key needs",
    Scope.RUN,
    source="survey B12-B15, 0.11",
    fix="Pass metadata to mllog: epoch_num and samples_count as integers, status for run_stop.",
)
def required_metadata(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Without epoch and sample count an evaluation belongs to no moment of the training."""
    doubtful = {
        key
        for key, names in ruleset.metadata.items()
        if not all(sound.counted(run.log, key, name) for name in names)
    }
    found = [e for key in doubtful for e in run.log.all(key)]
    for event in sorted(found, key=lambda e: e.line):
        spec = ruleset.keys.get(event.key)
        for name in spec.metadata if spec else ():
            value = event.metadata.get(name)
            if name == "status":
                good, expected = value in ("success", "aborted"), "success or aborted"
            else:
                least = ruleset.first_epoch if name == "epoch_num" else 1
                good, expected = is_int(value) and value >= least, f"a whole number from {least}"
            if not good:
                yield self.finding(
                    f"{event.key}: metadata {name} is {show(value)}",
                    path=run.path,
                    line=event.line,
                    expected=expected,
                    actual=value,
                )


@rule(
    "LOG008",
    "init_start, init_stop, run_start, run_stop come in that order of lines",
    Scope.RUN,
    source="survey A4-A8; HPC v3.0 common rules",
    fix="Log each phase when it begins and ends, in one process.",
)
def phase_lines(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The order of the phases is what makes the difference of two lines a training time."""
    for before, after in _phase_pairs(run):
        if after.line < before.line:
            yield self.finding(
                f"{after.key} stands before {before.key} (line {before.line})", path=run.path, line=after.line
            )


@rule(
    "LOG009",
    "init_start, init_stop, run_start, run_stop come in that order of time",
    Scope.RUN,
    source="survey A4, W11",
    fix="Do not edit time stamps; run again on a machine whose clock is not set during the run.",
)
def phase_times(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Lines in order with times out of order are the cheapest way to a short or negative run."""
    for before, after in _phase_pairs(run):
        early, late = time_ms(before), time_ms(after)
        if early is not None and late is not None and late < early:
            yield self.finding(
                f"{after.key} is {(early - late) / 1000:.3f} s earlier than {before.key}",
                path=run.path,
                line=after.line,
                expected=f">= {early}",
                actual=late,
            )


def _phase_pairs(run: Run) -> Iterator[tuple[Event, Event]]:
    """Neighbouring phases, every occurrence of one against every of the next."""
    present = [key for key in PHASES if run.log.all(key)]
    for first, second in zip(present, present[1:], strict=False):
        for before in run.log.all(first)[:10]:
            for after in run.log.all(second)[:10]:
                yield before, after


@rule(
    "LOG010",
    "Every interval is closed before the next of its kind begins",
    Scope.RUN,
    source="survey A11; mllog.start and mllog.end",
    fix="Pair every mllog.start with one mllog.end of the same key and namespace.",
)
def open_intervals(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An interval that never ends, or ends twice, leaves time that belongs to nothing."""
    if sound.paired(run.log):
        return
    opened: dict[tuple[str, str], Event] = {}
    for event in run.log.events:
        name, _, kind = event.key.rpartition("_")
        if kind not in ("start", "stop") or not name:
            continue
        slot = (name, str(event.namespace))
        if kind == "start" and slot in opened:
            before = opened[slot].line
            yield self.finding(
                f"{event.key} while the one of line {before} is still open", path=run.path, line=event.line
            )
        if kind == "start":
            opened[slot] = event
        elif opened.pop(slot, None) is None:
            yield self.finding(
                f"{event.key} without a {name}_start before it", path=run.path, line=event.line
            )
    for event in opened.values():
        yield self.finding(f"{event.key} is never closed", path=run.path, line=event.line)


@rule(
    "LOG011",
    "Epochs are numbered from 1 without gaps",
    Scope.RUN,
    source="TR 5.3; survey A10, A13",
    fix="Log epoch_start and epoch_stop for every epoch, with epoch_num counting from 1.",
)
def epoch_numbers(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Convergence is counted in epochs: a gap, a repetition or a start at 0 changes the count."""
    counted = ruleset.epoch_numbers == "counted"
    for key in ("epoch_start", "epoch_stop"):
        before = 0
        if counted and epoch_nums(run.log, key) == list(range(1, len(run.log.all(key)) + 1)):
            continue
        for event in run.log.all(key):
            expected, epoch = before + 1, epoch_num(event)
            good = epoch == expected if counted else epoch is not None and epoch >= expected
            before = epoch if good and epoch is not None else before
            if not good:
                actual = event.metadata.get("epoch_num")
                yield self.finding(
                    f"{key} says epoch {show(actual)} where {expected} is next",
                    path=run.path,
                    line=event.line,
                    expected=expected,
                    actual=actual,
                )
                break


@rule(
    "LOG012",
    "Training and evaluation lie inside the timed run",
    Scope.RUN,
    source="TR 11; survey A15, W13",
    fix="Start the clock before the first epoch and stop it after the last evaluation.",
)
def inside_run(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An epoch before run_start is training off the clock; an evaluation after run_stop is no reason
    to have stopped."""
    start, stop = run_start(run.log), run_stop(run.log)
    quality = ruleset.quality
    keys = {
        "epoch_start",
        "epoch_stop",
        "eval_start",
        "eval_stop",
        "tracked_stats",
        quality.key,
        quality.loss_key,
    }
    if sound.between(run.log, keys, start, stop):
        return
    start_ms, stop_ms = time_ms(start), time_ms(stop)
    for event in run.log.events:
        if event.key not in keys or (event.key == "tracked_stats" and "epoch_num" not in event.metadata):
            continue  # statistics of no epoch are of staging and the like
        at = time_ms(event)
        before = start is None or event.line < start.line
        before = before or (at is not None and start_ms is not None and at < start_ms)
        after = stop is not None and event.line > stop.line
        after = after or (at is not None and stop_ms is not None and at > stop_ms)
        if before or after:
            where = "before run_start" if before else "after run_stop"
            excused = not before and ruleset.clock.work_after_stop
            yield self.finding(
                f"{event.key} lies {where}",
                severity=Severity.WARNING if excused else Severity.ERROR,
                path=run.path,
                line=event.line,
            )


@rule(
    "LOG013",
    "Evaluation results lie inside their evaluation and name its epoch",
    Scope.RUN,
    source="survey A17, B15",
    fix="Log eval_accuracy between eval_start and eval_stop, with their epoch_num.",
)
def inside_evaluation(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A result outside an evaluation was not measured by it."""
    spans = intervals(run.log, "eval")
    at = 0
    marks = evaluations(run.log, ruleset.quality.key)
    for found in (
        sorted(marks, key=lambda e: e.event.line) if not sound.inside(run.log, "eval", marks) else ()
    ):
        event = found.event
        while at < len(spans) and spans[at].stop.line < event.line:
            at += 1
        if at == len(spans) or spans[at].start.line > event.line:
            yield self.finding(f"{event.key} outside eval_start..eval_stop", path=run.path, line=event.line)
        elif spans[at].epoch != found.epoch or epoch_num(spans[at].stop) != found.epoch:
            yield self.finding(
                f"{event.key} says epoch {show(event.metadata.get('epoch_num'))}, its evaluation says "
                f"{show(spans[at].start.metadata.get('epoch_num'))} to "
                f"{show(spans[at].stop.metadata.get('epoch_num'))}",
                path=run.path,
                line=event.line,
            )


@rule(
    "LOG014",
    "No key imitates a key of the rulebook",
    Scope.RUN,
    source="survey W16, case 29 and 59",
    fix="Correct the spelling, or give your own key a name that is not close to an official one.",
)
def imitated_keys(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Tools that search logs by text take global_batch_size_eval for the batch size; a misspelt key
    means that the real one was not logged."""
    unknown = run.log.by_key.keys() - ruleset.keys.keys()
    if not unknown:
        return
    known = list(ruleset.keys)
    aliases = {spec.alias for spec in ruleset.keys.values()}
    for key, events in run.log.by_key.items():
        if key not in unknown or key in aliases or len(key) > 200:
            continue
        inside = [k for k in known if k in key and len(k) > 8]
        near = inside or difflib.get_close_matches(key, known, 1, 0.88)
        if near:
            yield self.finding(
                f"key {show(key)} imitates {near[0]}",
                path=run.path,
                line=events[0].line,
                expected=near[0],
                actual=key,
            )


@rule(
    "LOG015",
    "Every line says which source line logged it",
    Scope.RUN,
    source="TR 5.1; survey A21, M7; mllog adds file and lineno by itself",
    fix="Log through mlperf_logging.mllog instead of printing the lines.",
)
def call_sites(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """mllog always adds file and lineno: a line without them came from somewhere else."""
    if sound.call_sites(run.log.events):
        return
    bare = [
        e
        for e in run.log.events
        if not isinstance(e.metadata.get("file"), str) or not is_int(e.metadata.get("lineno"))
    ]
    if bare:
        yield self.finding(
            f"{len(bare)} line(s) lack metadata file and lineno", path=run.path, line=bare[0].line
        )


@rule(
    "LOG016",
    "Settings are stated before the run starts",
    Scope.RUN,
    source="survey B9, B10, C8; SP 10",
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
        yield self.finding(
            f"{event.key} is stated after run_start (line {start.line})", path=run.path, line=event.line
        )


@rule(
    "LOG017",
    "run_stop names the last epoch",
    Scope.RUN,
    source="survey I1, W16, case 27",
    fix="Log run_stop with the epoch_num and samples_count of the epoch that ended the run.",
)
def last_epoch(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Epochs to converge are read off the last lines: they have to agree with the epochs that are there."""
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
            yield self.finding(
                f"run_stop says {name} {show(stop.metadata.get(name))}, the last epoch_stop "
                f"(line {last.line}) {show(last.metadata.get(name))}",
                path=run.path,
                line=stop.line,
                expected=last.metadata.get(name),
                actual=stop.metadata.get(name),
            )


@rule(
    "LOG018",
    "Inference on the test scenes lies after run_stop",
    Scope.RUN,
    source="survey C12; reference README",
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
            yield self.finding(f"{event.key} lies before run_stop", path=run.path, line=event.line)


@rule(
    "LOG019",
    "One run, one writer: the log is in one namespace",
    Scope.RUN,
    source="HR 7.2; survey A3, W9",
    fix="Let one process (the chief) write the log; never merge the logs of several runs.",
)
def one_namespace(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Logs of several instances merged into one file show the best part of each."""
    for event in () if sound.one_namespace(run.log) else run.log.events:
        if event.namespace != "":
            yield self.finding(
                f"{event.key} has namespace {show(event.namespace)}",
                path=run.path,
                line=event.line,
                expected="",
                actual=event.namespace,
            )
            return
