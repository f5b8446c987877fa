"""EVD: telemetry, caches, plan and replay against what the log says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rules.facts.log_reading import time_ms, times_ms
from rules.facts.needs import record_of
from rules.facts.reference_code import COMMAND, is_reference
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import is_number, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "EVD014",
    "The package matches its plan",
    Scope.PACKAGE,
    source="sources D14, H5; design of this rulebook",
    fix="Keep recipe.yaml unchanged between plan and packaging.",
)
def as_planned(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Preflight judged the plan: the runs must be those of that plan, not of a recipe edited since."""
    if package.plan is None or package.recipe is None:
        raise NotChecked("there is no readable plan.json or recipe.yaml")
    plan, path = package.plan, package.layout.plan.as_posix()
    facts: dict[str, Any] = {
        "org": package.org,
        "system": package.system_name,
        "runs": len(package.runs),
        "dataset_digest": package.dataset.digest if package.dataset else None,
    }
    for name, actual in facts.items():
        if plan.get(name) != actual:
            yield self.finding(
                f"{name} is {show(actual)}, the plan has {show(plan.get(name))}",
                path=path,
                expected=plan.get(name),
                actual=actual,
            )
    for name, expected, actual in _differences(plan.get("recipe"), package.recipe):
        yield self.finding(
            f"recipe {name} is {show(actual)}, the plan has {show(expected)}",
            path=path,
            expected=expected,
            actual=actual,
        )


def _differences(planned: Any, actual: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(planned, dict) and isinstance(actual, dict):
        for key in sorted({*planned, *actual}, key=str):
            yield from _differences(planned.get(key), actual.get(key), f"{name}.{key}".lstrip("."))
    elif planned != actual:
        yield name or "(whole)", planned, actual


@rule(
    "EVD015",
    "The logged result is the one in science.json",
    Scope.RUN,
    source="sources B29, 1.R; SP 2",
    fix="Package science.json as the run wrote it.",
)
def science(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The report reads the science from this file, the log states it: they have to agree."""
    event = run.log.last("result")
    overall = run.science.get("overall") if run.science else None
    if not isinstance(overall, dict) or event is None or not isinstance(event.value, dict):
        raise NotChecked("there is no readable science.json or no result line")
    for name, score in overall.items():
        entry = event.value.get(f"test_{name}")
        logged = entry.get("value") if isinstance(entry, dict) else None
        if entry is None:
            continue
        near = (
            is_number(score)
            and is_number(logged)
            and abs(score - logged) <= ruleset.evidence.science_tolerance
        )
        if not near and score != logged:
            yield self.at(
                run,
                event,
                f"test_{name} is {show(logged)}, science.json says {show(score)}",
                expected=score,
                actual=logged,
            )


@rule(
    "EVD016",
    "The log lies within the life of its run",
    Scope.RUN,
    source="run protocol of this rulebook; sources W7, W11",
    fix="Package log and run.json of the same run.",
)
def within_life(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """run.json says when the harness began and ended the run: no line is older or younger."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    slack_s = ruleset.clock.child_slack_s
    times = [t for t in times_ms(run.log) if t is not None]
    if not times:
        raise NotApplicable("the log has no times")
    first, last = min(times) / 1000, max(times) / 1000
    if first < run.record.started_wall_s - slack_s or last > run.record.finished_wall_s + slack_s:
        yield self.finding(
            f"lines from {first:.1f} to {last:.1f}, the run lasted from {run.record.started_wall_s:.1f} to "
            f"{run.record.finished_wall_s:.1f}",
            path=run.path,
        )
    wall_s = run.record.finished_wall_s - run.record.started_wall_s
    if not abs(wall_s - run.record.duration_s) <= slack_s:
        yield self.finding(
            f"the run took {run.record.duration_s:.1f} s by the monotonic clock, {wall_s:.1f} s by the wall "
            "clock",
            path=run.files.record.as_posix(),
            expected=run.record.duration_s,
            actual=wall_s,
        )


@rule(
    "EVD017",
    "All runs were started by one command",
    Scope.PACKAGE,
    source="TR 12; sources H8, M2",
    fix="Start all runs of an entry with the command of its recipe.",
)
def one_command(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Another command is another implementation. Where the recipe names none, the harness starts the reference, and
    records that by the same words on every machine."""
    known = [(run.index, run.record.command) for run in package.runs if run.record]
    if not known:
        raise NotChecked("there is no readable run.json")
    own = COMMAND if is_reference(package) else known[0][1]
    expected = (package.recipe or {}).get("command") or own
    for index, command in known:
        if command != expected:
            yield self.finding(
                f"started as {show(' '.join(command))}",
                path=package.evidence_of(index).record.as_posix(),
                expected=" ".join(expected),
                actual=" ".join(command),
            )


@rule(
    "EVD018",
    "Failed attempts do not outnumber the runs",
    Scope.PACKAGE,
    source="TR 12.1; sources H5",
    fix="Say in the README why runs failed; repeat the whole set of runs where several did.",
    severity=Severity.WARNING,
)
def few_failures(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Failed and interrupted runs are kept: many of them may be slow ones that somebody ended. One that had
    finished its first epoch could have been such a run, and so could one without a log; one that was over before that
    is only listed."""
    limit = ruleset.evidence.failed_maximum
    if limit is None:
        failed = len(package.failed)
        if failed > len(package.runs):
            yield self.finding(f"{failed} failed attempts for {len(package.runs)} runs", actual=failed)
        return
    trained = [attempt for attempt in package.failed if attempt.epochs]
    closed = package.division != "open"
    for attempt in package.failed:
        ended = (
            f"after epoch {attempt.epochs}"
            if attempt.epochs
            else "before its first epoch was finished"
            if attempt.epochs is not None
            else f"after {attempt.record.duration_s:.0f} s, and has no log that would show its epochs"
        )
        yield self.finding(
            f"an attempt ended {ended}: {show(attempt.record.reason or attempt.record.status)}",
            severity=Severity.INFO if attempt.epochs == 0 else Severity.WARNING,
            path=attempt.path,
        )
    if len(trained) > limit:
        yield self.finding(
            f"{len(trained)} attempts ended after their first epoch, for {len(package.runs)} runs",
            severity=Severity.ERROR if closed else Severity.WARNING,
            path=f"{package.layout.evidence_dir.as_posix()}/failed",
            expected=f"<= {limit}",
            actual=len(trained),
        )


_ATTEMPT = re.compile(r"failed/attempt_(\d{1,9})/")


@rule(
    "EVD027",
    "Failed attempts are numbered without gaps",
    Scope.PACKAGE,
    source="TR 12.1; sources H5; the run protocol",
    fix="Keep evidence/.../failed as the harness wrote it.",
)
def attempts_kept(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness keeps every run that failed or was ended, and counts them from 0: a missing number is an
    attempt that was removed."""
    folder = f"{package.layout.evidence_dir.as_posix()}/"
    found = {
        int(match[1])
        for name in package.files
        if name.startswith(folder) and (match := _ATTEMPT.match(name, len(folder)))
    }
    missing = next((n for n in range(len(found)) if n not in found), None)
    if missing is not None:
        yield self.finding(f"attempt_{missing} is missing", path=f"{folder}failed/attempt_{missing}")


@rule(
    "EVD023",
    "The life of a run is accounted for by its log",
    Scope.RUN,
    source="TR 11; sources A19, C2, C3, W11 (cross-check of this rulebook)",
    fix="Log init_start when the program starts, and end when the result is logged.",
    severity=Severity.WARNING,
)
def life_accounted(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """What happens between the start of the process and init_start is initialisation off the clock; a long
    time after the last line is work that the log does not show, or was cut from it."""
    record, clock = record_of(run), ruleset.clock
    times = [t / 1000 for t in times_ms(run.log) if t is not None]
    start = time_ms(run.log.first("init_start"))
    if not times or start is None:
        raise NotApplicable("the log has no times or no init_start")
    for what, took_s, limit_s in (
        (
            "between the start of the process and init_start",
            start / 1000 - record.started_wall_s,
            clock.startup_s,
        ),
        ("after the last line of the log", record.finished_wall_s - max(times), clock.after_log_s),
    ):
        if took_s > limit_s:
            yield self.finding(
                f"{took_s:.0f} s pass {what}",
                path=run.files.record.as_posix(),
                expected=f"<= {limit_s:g} s",
                actual=took_s,
            )
