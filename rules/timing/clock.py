"""TIM: what is timed, and whether a clock could have shown it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from operator import attrgetter
from typing import NoReturn

from rules.facts.log_reading import (
    durations,
    epoch_num,
    evaluations,
    intervals,
    run_start,
    run_stop,
    time_ms,
    time_to_train_s,
    times_ms,
)
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import is_number, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "TIM001",
    "Initialisation stays within its allowance",
    Scope.RUN,
    source="TR 11; sources C3, 0.8, W11",
    fix="Shorten initialisation, or start the clock (run_start) when the allowance is used up.",
)
def init_limit(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Work before run_start is not timed, so it has a limit: 30 minutes closed, 240 open."""
    start, stop = time_ms(run.log.first("init_start")), time_ms(run.log.last("init_stop"))
    if start is None or stop is None:
        return
    limit_s = ruleset.division(run.division).init_limit_s
    took_s = (stop - start) / 1000
    if took_s > limit_s:
        yield self.finding(
            f"initialisation took {took_s:.1f} s",
            path=run.path,
            line=run.log.last("init_stop").line,  # type: ignore[union-attr]
            expected=f"<= {limit_s:.0f} s",
            actual=took_s,
        )


@rule(
    "TIM002",
    "Time-to-train is positive",
    Scope.RUN,
    source="TR 11; sources C1, W11",
    fix="Run again; a time-to-train of zero or less comes from an edited log or a clock that was set.",
)
def positive_time(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The score is a mean of these times: one negative run would win the table."""
    start, stop = run_start(run.log), run_stop(run.log)
    if start is None or stop is None:
        return
    if time_to_train_s(run.log) is None:
        yield self.at(run, stop, "run_stop is not later than run_start")


@rule(
    "TIM003",
    "Time stamps are whole milliseconds of a plausible date",
    Scope.RUN,
    source="sources W9; MLLOG line format",
    fix="Log through mllog, which stamps each line itself, on a machine whose clock is right.",
)
def plausible_stamps(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Times that are strings, NaN, of 1970 or of next year were not read from a clock."""
    latest = (time.time() + ruleset.clock.ahead_s) * 1000
    for event, at in zip(run.log.events, times_ms(run.log), strict=True):
        if at is None:
            message = f"{event.key}: time_ms {show(event.time_ms)} is not a time"
        elif at < ruleset.clock.earliest_ms:
            message = f"{event.key}: time_ms {at} is before 2020"
        elif at > latest:
            message = f"{event.key}: time_ms {at} is in the future"
        else:
            continue
        yield self.at(run, event, message, actual=event.time_ms)


@rule(
    "TIM004",
    "Time does not run backwards",
    Scope.RUN,
    source="TR 11; sources A18, W11, case 3",
    fix="Do not edit time stamps; let one node write the log, with a clock that is not set meanwhile.",
)
def monotone(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Lines are written when things happen: a line older than the one before it was moved or edited."""
    latest, line = -1, 0
    for event, at in zip(run.log.events, times_ms(run.log), strict=True):
        if at is None:
            continue
        if at < latest - ruleset.clock.backwards_ms:
            yield self.at(
                run,
                event,
                f"{event.key} is {(latest - at) / 1000:.3f} s older than line {line}",
                severity=Severity.WARNING
                if latest - at <= ruleset.clock.backwards_excused_ms
                else Severity.ERROR,
                expected=f">= {latest}",
                actual=at,
            )
        if at > latest:
            latest, line = at, event.line


@rule(
    "TIM005",
    "The run stops at the first evaluation that meets the target",
    Scope.RUN,
    source="TR 11; sources A20, C7, F4, W13",
    fix="Stop when the target is met; the reference does so by itself.",
)
def stops_at_target(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Time-to-train ends when the target is known to be met. A run that goes on after it has either
    ignored it, or its early evaluation was written in later."""
    found = evaluations(run.log, ruleset.quality.key)
    first = next((e for e in found if ruleset.quality.met(e.value)), None)
    if first is None:
        raise NotApplicable("no evaluation met the target")
    stop = run_stop(run.log)
    end = stop.line if stop else float("inf")
    later = [e for e in run.log.all("epoch_start") if first.event.line < e.line < end]
    if first is not found[-1] or later:
        after = later[0] if later else found[-1].event
        yield self.at(
            run,
            after,
            f"the target was met in epoch {first.epoch} (line {first.event.line}), but training went on",
            expected="run_stop",
            actual=after.key,
        )


@rule(
    "TIM006",
    "run_stop follows the last evaluation at once",
    Scope.RUN,
    source="TR 11; sources A20; calibration: median 9 ms in 355 published logs",
    fix="Log run_stop right after the last evaluation; save weights and results after it.",
    severity=Severity.WARNING,
)
def stops_at_once(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A long time between the last evaluation and run_stop is unexplained work, or run_stop was moved."""
    last, stop = run.log.last("eval_stop"), run_stop(run.log)
    before, after = time_ms(last), time_ms(stop)
    if before is None or after is None:
        return
    gap_s = (after - before) / 1000
    if gap_s > ruleset.clock.stop_gap_s:
        yield self.finding(
            f"{gap_s:.1f} s pass between the last eval_stop and run_stop",
            path=run.path,
            line=stop.line if stop else None,
            expected=f"<= {ruleset.clock.stop_gap_s:g} s",
            actual=gap_s,
        )


@rule(
    "TIM007",
    "The clock is never paused",
    Scope.RUN,
    source="TR 11; sources A19",
    fix="Keep all work between run_start and run_stop inside epochs and evaluations.",
    severity=Severity.WARNING,
)
def no_pause(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Inside the run every moment belongs to an epoch or an evaluation: a long gap is work, or a
    pause, that the log does not show."""
    start, stop = run_start(run.log), run_stop(run.log)
    if start is None or stop is None:
        return
    spans = sorted(intervals(run.log, "epoch") + intervals(run.log, "eval"), key=attrgetter("start.line"))
    edges = [start]
    for span in spans:
        if start.line < span.start.line < stop.line:
            edges += [span.start, span.stop]
    edges.append(stop)
    for before, after in zip(edges[::2], edges[1::2], strict=False):
        left, right = time_ms(before), time_ms(after)
        if left is not None and right is not None and (right - left) / 1000 > ruleset.clock.pause_s:
            yield self.at(
                run,
                after,
                f"{(right - left) / 1000:.1f} s between {before.key} (line {before.line}) and {after.key} "
                "belong to neither an epoch nor an evaluation",
                expected=f"<= {ruleset.clock.pause_s:g} s",
            )


@rule(
    "TIM008",
    "Logged throughput fits the time of its epoch",
    Scope.RUN,
    source="sources A19, C1 (cross-check of this rulebook)",
    fix="Log patches per second as measured; do not edit times.",
)
def throughput(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Patches per second times seconds are the patches of an epoch: a time that was edited no longer fits."""
    samples = run.log.value("train_samples")
    epochs = {span.epoch: took_ms for span, took_ms in durations(run.log, "epoch")}
    rates = [e for e in run.log.all("tracked_stats") if isinstance(e.value, dict) and "throughput" in e.value]
    if not rates or not is_number(samples):
        raise NotApplicable("no throughput is logged")
    slack_s, tolerance = ruleset.clock.throughput_slack_s, ruleset.clock.throughput_tolerance
    for event in rates:
        rate, epoch = event.value["throughput"], epoch_num(event)
        took_ms = epochs.get(epoch)
        if took_ms is None or not is_number(rate) or rate <= 0:
            continue
        took_s, needed_s = took_ms / 1000, samples / rate
        longer_s = took_s if took_s > needed_s else needed_s
        if abs(took_s - needed_s) > slack_s + tolerance * longer_s:
            yield self.at(
                run,
                event,
                f"epoch {epoch} took {took_s:.2f} s by its lines, but {needed_s:.2f} s by its "
                f"{rate:.1f} patches/s",
                expected=round(needed_s, 3),
                actual=took_s,
            )


@rule(
    "TIM009",
    "Staging is a closed pair",
    Scope.RUN,
    source="HPC v3.0 common rules; sources B25, C10, 0.5",
    fix="Log staging_start and staging_stop around the copy, before run_start.",
)
def staging(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Staging is untimed but logged: both ends, and outside the timed run."""
    begin, end = run.log.first("staging_start"), run.log.first("staging_stop")
    if begin is None and end is None:
        raise NotApplicable("no staging was logged")
    start = run_start(run.log)
    for event, other in ((begin, "staging_stop"), (end, "staging_start")):
        if event is not None and not run.log.all(other):
            yield self.at(run, event, f"{event.key} without {other}")
        inside = event is not None and start is not None and event.line > start.line
        if event is not None and inside and not ruleset.clock.staging_inside:
            yield self.at(run, event, f"{event.key} lies inside the timed run")


@rule(
    "TIM010",
    "Nothing touches the data set before the clock starts",
    Scope.RUN,
    source="TR 11; sources C2, C9",
    fix="Open the data files after run_start; list them before.",
    never_passes=True,
)
def data_untouched(self: Rule, run: Run, ruleset: Ruleset) -> NoReturn:
    """Reading the data before run_start would take its time off the clock."""
    raise NotChecked("a log does not show when data files are opened: read the implementation's code")


@rule(
    "TIM011",
    "Every epoch takes time",
    Scope.RUN,
    source="sources W7, W11 (cross-check of this rulebook)",
    fix="Run again; do not edit times.",
)
def epochs_take_time(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Each epoch does the same work: one that takes no time is invented, one that takes less than a third
    of the median may have been shortened (the first is longer: it compiles)."""
    times = [(span, took / 1000) for span, took in durations(run.log, "epoch") if took is not None]
    if not times:
        return
    median = sorted(t for _, t in times)[(len(times) - 1) // 2]
    for span, took_s in times:
        short = took_s < median / 3 and median - took_s > ruleset.clock.throughput_slack_s
        if took_s <= 0 or short:
            yield self.at(
                run,
                span.stop,
                f"epoch {span.epoch} took {took_s:.3f} s, the median epoch {median:.3f} s",
                severity=Severity.ERROR if took_s <= 0 else Severity.WARNING,
                expected=f">= {median / 3:.3f} s",
                actual=took_s,
            )
