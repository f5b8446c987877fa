"""DAT, HYP, PKG, EVD: two accounts of one thing in a package have to agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.model import Finding, Package, Run, RunRecord, Scope, Severity
from rules.reading import integer, place, stated, time_ms
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.values import same, show


def _record(run: Run) -> RunRecord:
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    return run.record


def _path(run: Run, name: str = "run.json") -> str:
    return run.path.replace("results/", "evidence/", 1).removesuffix(".txt") + f"/{name}"


@rule(
    "DAT014",
    "The run spec has the data set's geometry, split and digest",
    Scope.PACKAGE,
    source="SP 7.3; TR 6.5; survey D5, D8, E3, E7, case 48, 50; the run protocol",
    fix="Run again with the data set that dataset.json describes.",
)
def spec_geometry(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """dataset.json says how scenes are cut and split, the run spec is what the implementation did: smaller
    patches or another split in the spec are another task."""
    if package.dataset is None:
        raise NotChecked("there is no readable description of the data set (dataset.json)")
    if not any(run.record for run in package.runs):
        raise NotChecked("there is no readable run.json")
    for run in package.runs:
        data = run.record.spec.get("data") if run.record else None
        for name in ("profile", "digest", "geometry", "split") if isinstance(data, dict) else ():
            expected, actual = getattr(package.dataset, name), data.get(name)  # type: ignore[union-attr]
            if actual != expected:
                yield self.finding(
                    f"{name} of the run spec is {show(actual)}, dataset.json says {show(expected)}",
                    path=_path(run),
                    expected=expected,
                    actual=actual,
                )


@rule(
    "DAT015",
    "A data set with the name of a profile has its geometry",
    (Scope.PLAN, Scope.PACKAGE),
    source="SP 7.3; survey D5, D8, case 48; profiles of the reference",
    fix="Give a data set of another geometry a name of its own.",
)
def profile_geometry(self: Rule, subject: Any, ruleset: Ruleset) -> Iterator[Finding]:
    """Smaller scenes or patches under a known name look like a faster machine."""
    dataset = subject.dataset
    if dataset is None:
        raise NotChecked("there is no readable description of the data set (dataset.json)")
    known = ruleset.data.profiles.get(dataset.profile)
    if known is None:
        raise NotApplicable(f"{show(dataset.profile)} is no profile of the reference")
    for name, expected in known.items():
        actual = dataset.geometry.get(name)
        if actual != expected:
            yield self.finding(
                f"{name} is {show(actual)}, profile {dataset.profile} has {expected}",
                expected=expected,
                actual=actual,
            )


@rule(
    "HYP012",
    "The logged precision is what the harness asked for",
    Scope.RUN,
    source="TR 5.2; survey B27, O1; the run protocol (run spec)",
    fix="Compute in the precision of the run spec, and log the lowest one used.",
)
def precision_as_asked(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Lower precision is faster: the log has to state what the run was started with."""
    asked = _record(run).spec.get("precision")
    allowed = ruleset.precisions.recipe.get(asked) if isinstance(asked, str) else None
    found = stated(run.settings, ruleset.precisions.keys[0])
    if allowed is None or found is None:
        raise NotApplicable("no precision in the run spec or in the log")
    if found.value not in allowed:
        yield self.finding(
            f"{ruleset.precisions.keys[0]} is {show(found.value)}, the run spec says {show(asked)}",
            **place(found),
            expected=allowed,
            actual=found.value,
        )


@rule(
    "PKG019",
    "The logged version is the one that ran",
    Scope.PACKAGE,
    source="SS 6; survey B6, M4, case 65",
    fix="Log submission_version as the harness writes it; package plan and records of the same runs.",
)
def version_ran(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The version says which rules and which reference a result is of."""
    planned = (package.plan or {}).get("harness_version")
    known = False
    for run in package.runs:
        recorded = run.record.software.get("cloudmask-harness") if run.record else None
        expected = recorded if recorded is not None else planned
        found = stated(run.settings, "submission_version") or stated(run.settings, "submissiom_version")
        if not isinstance(expected, str) or found is None:
            continue
        known = True
        words = found.value.split() if isinstance(found.value, str) else []
        if expected not in words:
            yield self.finding(
                f"submission_version is {show(found.value)}, version {show(expected)} ran",
                **place(found),
                expected=expected,
                actual=found.value,
            )
    if not known:
        raise NotChecked("neither run.json nor plan.json name the version that ran")


@rule(
    "EVD022",
    "As many accelerators work as are declared",
    Scope.RUN,
    source="survey B20, J6, 1.R (cross-check of this rulebook)",
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


@rule(
    "EVD023",
    "The life of a run is accounted for by its log",
    Scope.RUN,
    source="TR 11; survey A19, C2, C3, W11 (cross-check of this rulebook)",
    fix="Log init_start when the program starts, and end when the result is logged.",
    severity=Severity.WARNING,
)
def life_accounted(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """What happens between the start of the process and init_start is initialisation off the clock; a long
    time after the last line is work that the log does not show, or was cut from it."""
    record, clock = _record(run), ruleset.clock
    times = [t / 1000 for e in run.log.events if (t := time_ms(e)) is not None]
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
                f"{took_s:.0f} s pass {what}", path=_path(run), expected=f"<= {limit_s:g} s", actual=took_s
            )


@rule(
    "EVD026",
    "run.json and the log say the same of the cache",
    Scope.RUN,
    source="TR 6.1; survey C8, W14; the run protocol",
    fix="Package log and run.json of the same run.",
)
def one_cache(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness writes down twice what it evicted: a cache line that was made up agrees with nothing."""
    cache, event = _record(run).cache, run.log.last("cache_clear")
    if event is None:
        raise NotApplicable("no cache_clear is logged")
    for name in ("method", "files", "bytes", "resident_bytes_after"):
        kept, told = cache.get(name), event.metadata.get(name)
        if not same(kept, told):
            yield self.finding(
                f"cache_clear says {name} {show(told)}, run.json {show(kept)}",
                path=run.path,
                line=event.line,
                expected=kept,
                actual=told,
            )


@rule(
    "PKG020",
    "The report calls its scores unverified and names the division",
    Scope.PACKAGE,
    source="Messaging guidelines 1, 3.2; TR 4; survey P1, Q1, case 83",
    fix="Render the report again: `cloudmask report`.",
)
def report_honest(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Numbers that nobody has reviewed have to say so beside each score, and a closed result is not an open
    one: a report edited after the check must not travel with a verdict."""
    name = f"reports/{package.system_name}/index.html"
    if name not in package.files:
        raise NotApplicable("there is no report in the package")
    limit = ruleset.package.report_limit_bytes
    if package.sizes.get(name, 0) > limit:
        raise NotChecked(f"the report is larger than {limit} bytes")
    try:
        text = (package.root / name).read_text(encoding="utf-8", errors="replace").lower()
    except OSError as error:
        raise NotChecked(f"the report cannot be read: {error.strerror}") from None
    words = [*ruleset.package.report_words, *([package.division] if package.division else [])]
    for word in words:
        if word not in text:
            yield self.finding(f"the word '{word}' is missing", path=name, expected=word)
