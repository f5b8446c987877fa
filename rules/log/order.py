"""LOG: the order of a result log: phases, intervals, epochs, and evaluations inside them."""

from __future__ import annotations

from collections.abc import Iterator

from rules.facts.log_reading import (
    epoch_num,
    evaluations,
    intervals,
    run_start,
    run_stop,
    time_ms,
)
from rules.model.findings import Finding, Scope, Severity
from rules.model.log import Event
from rules.model.run import Run
from rules.model.values import show
from rules.registry import Rule, rule
from rules.ruleset import Ruleset

PHASES = ("init_start", "init_stop", "run_start", "run_stop")


@rule(
    "LOG008",
    "init_start, init_stop, run_start, run_stop come in that order of lines",
    Scope.RUN,
    source="sources A4-A8; HPC v3.0 common rules",
    fix="Log each phase when it begins and ends, in one process.",
)
def phase_lines(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Only in this order is the difference between two time stamps a training time."""
    for before, after in _phase_pairs(run):
        if after.line < before.line:
            yield self.at(run, after, f"{after.key} stands before {before.key} (line {before.line})")


@rule(
    "LOG009",
    "init_start, init_stop, run_start, run_stop come in that order of time",
    Scope.RUN,
    source="sources A4, W11",
    fix="Do not edit time stamps; run again on a machine whose clock is not set during the run.",
)
def phase_times(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Lines in order with times out of order are the cheapest way to a short or negative run."""
    for before, after in _phase_pairs(run):
        early, late = time_ms(before), time_ms(after)
        if early is not None and late is not None and late < early:
            yield self.at(
                run,
                after,
                f"{after.key} is {(early - late) / 1000:.3f} s earlier than {before.key}",
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
    source="sources A11; mllog.start and mllog.end",
    fix="Pair every mllog.start with one mllog.end of the same key and namespace.",
)
def open_intervals(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An interval that never ends, or ends twice, leaves time unaccounted for."""
    opened: dict[tuple[str, str], Event] = {}
    ends = {key for key in run.log.by_key if key.endswith(("_start", "_stop"))}
    for event in run.log.events:
        if event.key not in ends:
            continue
        name, _, kind = event.key.rpartition("_")
        if not name:
            continue
        slot = (name, str(event.namespace))
        if kind == "start" and slot in opened:
            before = opened[slot].line
            yield self.at(run, event, f"{event.key} while the one of line {before} is still open")
        if kind == "start":
            opened[slot] = event
        elif opened.pop(slot, None) is None:
            yield self.at(run, event, f"{event.key} without a {name}_start before it")
    for event in () if run.pruned else opened.values():  # nobody waits for the end of a pruned run
        yield self.at(run, event, f"{event.key} is never closed")


@rule(
    "LOG011",
    "Epochs are numbered from 1 without gaps",
    Scope.RUN,
    source="TR 5.3; sources A10, A13",
    fix="Log epoch_start and epoch_stop for every epoch, with epoch_num counting from 1.",
)
def epoch_numbers(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Convergence is counted in epochs: a gap, a repetition or a start at 0 changes the count."""
    counted = ruleset.epoch_numbers == "counted"
    for key in ("epoch_start", "epoch_stop"):
        before = 0
        for event in run.log.all(key):
            expected, epoch = before + 1, epoch_num(event)
            good = epoch == expected if counted else epoch is not None and epoch >= expected
            before = epoch if good and epoch is not None else before
            if not good:
                actual = event.metadata.get("epoch_num")
                yield self.at(
                    run,
                    event,
                    f"{key} says epoch {show(actual)} where {expected} is next",
                    expected=expected,
                    actual=actual,
                )
                break


@rule(
    "LOG012",
    "Training and evaluation lie inside the timed run",
    Scope.RUN,
    source="TR 11; sources A15, W13",
    fix="Start the clock before the first epoch and stop it after the last evaluation.",
)
def inside_run(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An epoch before run_start is training off the clock; an evaluation after run_stop cannot be
    the reason for stopping."""
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
    start_ms, stop_ms = time_ms(start), time_ms(stop)
    for event in sorted((e for key in keys for e in run.log.all(key)), key=lambda e: e.line):
        if event.key == "tracked_stats" and "epoch_num" not in event.metadata:
            continue  # statistics without an epoch belong to staging and the like
        at = time_ms(event)
        before = start is None or event.line < start.line
        before = before or (at is not None and start_ms is not None and at < start_ms)
        after = stop is not None and event.line > stop.line
        after = after or (at is not None and stop_ms is not None and at > stop_ms)
        if before or after:
            where = "before run_start" if before else "after run_stop"
            excused = not before and ruleset.clock.work_after_stop
            yield self.at(
                run,
                event,
                f"{event.key} lies {where}",
                severity=Severity.WARNING if excused else Severity.ERROR,
            )


@rule(
    "LOG013",
    "Evaluation results lie inside their evaluation and name its epoch",
    Scope.RUN,
    source="sources A17, B15",
    fix="Log eval_accuracy between eval_start and eval_stop, with their epoch_num.",
)
def inside_evaluation(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A result outside an evaluation was not measured by it."""
    spans = intervals(run.log, "eval")
    at = 0
    for found in evaluations(run.log, ruleset.quality.key):
        event = found.event
        while at < len(spans) and spans[at].stop.line < event.line:
            at += 1
        if at == len(spans) and run.cut_off:
            continue  # the log ends before the evaluation does
        if at == len(spans) or spans[at].start.line > event.line:
            yield self.at(run, event, f"{event.key} outside eval_start..eval_stop")
        elif spans[at].epoch != found.epoch or epoch_num(spans[at].stop) != found.epoch:
            yield self.at(
                run,
                event,
                f"{event.key} says epoch {show(event.metadata.get('epoch_num'))}, its evaluation says "
                f"{show(spans[at].start.metadata.get('epoch_num'))} to "
                f"{show(spans[at].stop.metadata.get('epoch_num'))}",
            )
