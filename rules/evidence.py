"""EVD: telemetry, caches, plan and replay against what the log says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules import sound
from rules.kept import kept
from rules.model import Dataset, Finding, Package, Run, Scope, Severity, Telemetry
from rules.reading import evaluations, integer, record_path, run_start, run_stop, stated, time_ms
from rules.reference_code import judge_code
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.values import is_int, is_number, show


def _telemetry(run: Run) -> list[Telemetry]:
    if not run.telemetry:
        raise NotChecked("no readable telemetry was kept")
    return run.telemetry


@rule(
    "EVD009",
    "Telemetry covers the timed run",
    Scope.RUN,
    source="evidence of this rulebook; survey A19, L8",
    fix="Let the harness sample the whole run; repeat the run if its sampler died.",
)
def telemetry_covers(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Telemetry of another hour, or of a part of the run, shows nothing."""
    start, stop = time_ms(run_start(run.log)), time_ms(run_stop(run.log))
    if start is None or stop is None:
        raise NotApplicable("run_start or run_stop is missing")
    edge_s = ruleset.evidence.telemetry_edge_s
    for sampled in _telemetry(run):
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
    for sampled in _telemetry(run):
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
    source="survey case 81; evidence of this rulebook",
    fix="Submit telemetry of the machine that trained.",
)
def machine_works(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """An idle machine does not train."""
    accelerators = integer(run.settings, "accelerators_per_node") or 0
    names = ("gpu_utilization",) if accelerators else ("cpu", "cpu_utilization")
    means = [
        (q.mean, sampled.path)
        for sampled in _telemetry(run)
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
    "EVD012",
    "Caches were cleared before the run, and it was verified",
    Scope.RUN,
    source="TR 6.1; SP 6.1; survey C8, C9, B10, W14, case 15",
    fix="Keep the data on durable storage (not tmpfs); let nothing else read it; give drop_caches if needed.",
)
def cache_cleared(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Data that is still in memory from the run before comes for free. Upstream's check cannot fail."""
    for event in run.log.all("cache_clear"):
        where: dict[str, Any] = {"path": run.path, "line": event.line}
        if event.value is None and ruleset.evidence.cache_null:
            yield self.finding("cache_clear has no value", severity=Severity.WARNING, expected=True, **where)
            continue
        if event.value is not True:
            note = event.metadata.get("note")
            yield self.finding(
                f"cache_clear is {show(event.value)}{f': {show(note)}' if isinstance(note, str) else ''}",
                expected=True,
                actual=event.value,
                **where,
            )
            continue
        if not ruleset.evidence.cache_verified:
            continue
        size, left = event.metadata.get("bytes"), event.metadata.get("resident_bytes_after")
        if left is None:
            yield self.finding("eviction could not be verified", severity=Severity.WARNING, **where)
        elif not is_number(left) or not is_number(size) or left > ruleset.evidence.resident_share * size:
            yield self.finding(
                f"{show(left)} of {show(size)} bytes were still in memory",
                expected=f"<= {ruleset.evidence.resident_share:.0%}",
                actual=left,
                **where,
            )


@rule(
    "EVD013",
    "The whole data set was evicted",
    Scope.PACKAGE,
    source="TR 6.1; survey C8",
    fix="Let the harness evict every data file of the run.",
)
def all_evicted(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Evicting half of the files leaves the other half warm. Prepared shards have to go too: one for
    each training scene."""
    if package.dataset is None:
        raise NotChecked("there is no readable dataset.json")
    files = [*package.dataset.train, *package.dataset.test]
    size = sum(f.size_bytes for f in files)
    for run in package.runs:
        expected = [len(files), size]
        if stated(run.settings, "prepared_digest") is not None:
            shards = _shard_bytes(package.dataset)
            expected = [len(files) + len(shards), size + sum(shards)]
        line, *told = _evicted(run, ruleset) or (None, *expected)
        if told != expected:
            yield self.finding(
                f"{show(told[0])} files of {show(told[1])} bytes were evicted, the data set has "
                f"{expected[0]} of {expected[1]}",
                path=run.path,
                line=line,
                expected=expected,
                actual=told,
            )


@kept
def _evicted(run: Run, ruleset: Ruleset) -> tuple[int, Any, Any] | None:
    """Line of the first cache_clear, files and bytes it claims; None where nothing is said to be evicted."""
    event = run.log.first("cache_clear")
    if event is None or event.value is not True:
        return None
    return event.line, event.metadata.get("files"), event.metadata.get("bytes")


def _shard_bytes(dataset: Dataset) -> list[int]:
    """Sizes of the prepared shards: the patches of one training scene each, 9 float32 and a label a pixel."""
    height, width, patch = (dataset.geometry.get(n) for n in ("scene_height", "scene_width", "patch_size"))
    if not (is_int(height) and is_int(width) and is_int(patch) and patch > 0):
        raise NotChecked("the geometry in dataset.json is incomplete")
    patches = (height // patch) * (width // patch)
    return [patches * patch**2 * (9 * 4 + 1)] * len(dataset.train)


@rule(
    "EVD014",
    "The package is what the plan promised",
    Scope.PACKAGE,
    source="survey D14, H5; design of this rulebook",
    fix="Keep recipe.yaml unchanged between plan and packaging.",
)
def as_planned(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Preflight judged the plan: the runs must be those of that plan, not of a recipe edited since."""
    if package.plan is None or package.recipe is None:
        raise NotChecked("there is no readable plan.json or recipe.yaml")
    plan, path = (
        package.plan,
        f"evidence/{package.system_name}/{package.scaling}/{package.benchmark}/plan.json",
    )
    facts: dict[str, Any] = {
        "org": package.org,
        "system": package.system_name,
        "runs": len(package.runs),
        "dataset_digest": package.dataset.digest if package.dataset else None,
    }
    for name, actual in facts.items():
        if plan.get(name) != actual:
            yield self.finding(
                f"{name} is {show(actual)}, planned was {show(plan.get(name))}",
                path=path,
                expected=plan.get(name),
                actual=actual,
            )
    for name, expected, actual in _differences(plan.get("recipe"), package.recipe):
        yield self.finding(
            f"recipe {name} is {show(actual)}, planned was {show(expected)}",
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
    source="survey B29, 1.R; SP 2",
    fix="Package science.json as the run wrote it.",
)
def science(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The report reads the science from this file, the log states it: they have to agree."""
    event = run.log.last("result")
    overall = run.science.get("overall") if run.science else None
    if not isinstance(overall, dict) or event is None or not isinstance(event.value, dict):
        raise NotChecked("there is no readable science.json or no result line")
    for name, told in overall.items():
        entry = event.value.get(f"test_{name}")
        logged = entry.get("value") if isinstance(entry, dict) else None
        if entry is None:
            continue
        near = (
            is_number(told) and is_number(logged) and abs(told - logged) <= ruleset.evidence.science_tolerance
        )
        if not near and told != logged:
            yield self.finding(
                f"test_{name} is {show(logged)}, science.json says {show(told)}",
                path=run.path,
                line=event.line,
                expected=told,
                actual=logged,
            )


@rule(
    "EVD016",
    "The log lies within the life of its run",
    Scope.RUN,
    source="run protocol of this rulebook; survey W7, W11",
    fix="Package log and run.json of the same run.",
)
def within_life(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """run.json says when the harness began and ended the run: no line is older or younger."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    slack_s = ruleset.clock.child_slack_s
    known = (time_ms(e) for e in run.log.events)
    times = run.log.times_ms if sound.ascending(run.log) else [t for t in known if t is not None]
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
    if abs(wall_s - run.record.duration_s) > slack_s:
        yield self.finding(
            f"the run took {run.record.duration_s:.1f} s by the monotonic clock, {wall_s:.1f} s by the wall "
            "clock",
            path=record_path(run),
            expected=run.record.duration_s,
            actual=wall_s,
        )


@rule(
    "EVD017",
    "All runs were started by one command",
    Scope.PACKAGE,
    source="TR 12; survey H8, M2",
    fix="Start all runs of an entry with the command of its recipe.",
)
def one_command(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Another command is another implementation."""
    known = [(run, run.record.command) for run in package.runs if run.record]
    if not known:
        raise NotChecked("there is no readable run.json")
    expected = (package.recipe or {}).get("command") or known[0][1]
    for run, command in known:
        if command != expected:
            yield self.finding(
                f"started as {show(' '.join(command))}",
                path=record_path(run),
                expected=" ".join(expected),
                actual=" ".join(command),
            )


@rule(
    "EVD018",
    "Failed attempts do not outnumber the runs",
    Scope.PACKAGE,
    source="TR 12.1; survey H5",
    fix="Say in the README why runs failed.",
    severity=Severity.WARNING,
)
def few_failures(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Failed and interrupted runs are kept: many of them may be slow ones that somebody ended."""
    failed = len(package.failed_runs)
    if failed > len(package.runs):
        yield self.finding(f"{failed} failed attempts for {len(package.runs)} runs", actual=failed)


@rule(
    "EVD019",
    "The logged accuracy follows from the weights",
    Scope.RUN,
    source="survey 1.R (TEST01), E12; design: replay",
    fix="Submit the weights that the last evaluation was made with.",
)
def replay(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Loading the weights into the reference model and evaluating again must give the logged accuracy and
    loss, to what rounding on other hardware may move."""
    found = run.replay
    if found is None:
        raise NotChecked("replay was not asked for (--replay)")
    if found.problem is not None:
        yield self.finding(f"no weights of the reference model: {found.problem}", path=run.path)
        return
    if found.reason is not None or found.accuracy is None or found.loss is None:
        raise NotChecked(found.reason or "the replay gave no accuracy")
    limits = ruleset.evidence.replay_tolerance
    tolerance = limits.get(str(run.log.value("lowest_numerical_precision_in_linear")), max(limits.values()))
    for key, again, scale in (
        (ruleset.quality.key, found.accuracy, 1.0),
        (ruleset.quality.loss_key, found.loss, max(abs(found.loss), 1e-3)),
    ):
        told = evaluations(run.log, key)
        # written so that NaN on either side is a difference
        near = told and told[-1].value is not None and abs(told[-1].value - again) <= tolerance * scale
        if told and not near:
            yield self.finding(
                f"the last {key} is {show(told[-1].event.value)}, the weights give {again:.6f}",
                path=run.path,
                line=told[-1].event.line,
                expected=f"{again:.6f} +- {tolerance * scale:.2g}",
                actual=told[-1].event.value,
            )


@rule(
    "EVD020",
    "The implementation computes what the reference computes",
    Scope.PACKAGE,
    source="TR 8.1, 8.3; survey E13, E14, P2, M2",
    fix="Use the reference, or let a reviewer read the code.",
)
def equivalent_code(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Model graph, initialisation and training loop are only in the code."""
    judge_code(package, "its code")
    yield  # pragma: no cover


@rule(
    "EVD021",
    "Nothing detects the benchmark",
    Scope.PACKAGE,
    source="TR 2.3; survey E15",
    fix="Let a reviewer read code and libraries.",
)
def no_detection(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A framework or driver that knows the benchmark and behaves differently for it is banned."""
    raise NotChecked("neither logs nor evidence show it: code and libraries have to be reviewed")
    yield  # pragma: no cover
