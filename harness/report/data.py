"""From (Package, Verdict, Score) to one typed, versioned value that holds all a report says."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.report import identity as who_module
from harness.report.curves import curve, phases
from harness.report.energy import energy_card
from harness.report.gallery import read_gallery
from harness.report.labels import FOOTNOTES
from harness.report.model import (
    Command,
    DatasetCard,
    FindingCard,
    FindingGroup,
    Identity,
    Report,
    RuleCard,
    RunCard,
    ScoreCard,
    VerdictCard,
)
from harness.report.node_energy import node_energy_card
from harness.report.science import science_card
from harness.report.text import clean, finite, timestamp, whole
from harness.report.timeline import missing_reason, timeline_card
from harness.score.model import Score
from harness.telemetry.reader.reader import TelemetryFile
from harness.untrusted.hdf5_guard import Reader
from rules.model.findings import Finding, Outcome, Severity, Verdict
from rules.model.layout import MANIFEST, RunFiles
from rules.model.package import Package
from rules.model.run import Run
from rules.registry import catalogue

MAX_LISTED = 20  # different findings of one rule that are listed; the rest is counted
MAX_PLACES = 200
MAX_RUNS = 200
MAX_NODES = 16  # nodes of one run whose telemetry is read
MAX_VALUES = 60_000_000  # readings of all telemetry files together: 500 MB
_SEVERITY_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_OUTCOME_ORDER = (Outcome.FAIL, Outcome.WARN, Outcome.NOT_CHECKED, Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True)
class ReportContent:
    """The data of a report and the pictures it names."""

    report: Report
    files: dict[str, bytes]


def report_data(package: Package, verdict: Verdict, score: Score, now: datetime | float) -> ReportContent:
    """Everything a report of this package says.

    `now` is written as the time of generation; nothing else depends on the clock. Never raises for
    what a package holds: what cannot be read is noted, what is absent is None.
    """
    runs = package.runs[:MAX_RUNS]
    notes = [clean(line) for line in package.unreadable]
    if len(package.runs) > MAX_RUNS:
        notes.append(f"{len(package.runs)} runs; the first {MAX_RUNS} are shown")
    reader = Reader()
    evidence = _Evidence(reader, notes)
    telemetry = {run.index: evidence.telemetry(run) for run in runs}
    shown = _representative(runs, score)
    pictures = read_gallery(_gallery_path(shown), shown.index if shown else None, reader)
    who, data = who_module.identity(package), who_module.dataset_card(package.dataset)
    energy = energy_card(package, telemetry, score.energy)
    timeline = timeline_card(shown, telemetry[shown.index]) if shown else None
    if timeline is None:
        notes.append(f"No timeline: {missing_reason(runs)}.")
    report = Report(
        generated=timestamp(now),
        tool=f"cloudmask-harness {__version__}",
        identity=who,
        dataset=data,
        verdict=verdict_card(verdict),
        score=score_card(package, score),
        standing=who_module.standing(package, verdict, who, data, energy.node_level),
        runs=[_run(run, score) for run in runs],
        timeline=timeline,
        energy=energy,
        node_energy=node_energy_card(score.energy),
        science=science_card(runs, shown),
        gallery=pictures.card,
        system=who_module.system_fields(package),
        software=who_module.software(package),
        reproduce=list(_reproduce(package, who, data)),
        notes=notes,
        footnotes=list(FOOTNOTES),
    )
    return ReportContent(report, pictures.files)


class _Evidence:
    """Telemetry of a package's runs, read within one bound on memory."""

    def __init__(self, reader: Reader, notes: list[str]) -> None:
        self._reader, self._notes = reader, notes
        self._left = MAX_VALUES

    def telemetry(self, run: Run) -> list[TelemetryFile]:
        """What the samplers of a run wrote, node by node."""
        found: list[TelemetryFile] = []
        folder = run.evidence_dir
        for path in sorted(folder.glob("telemetry_node_*.h5"))[:MAX_NODES] if folder else []:
            if path.is_symlink():
                continue
            try:
                file = self._reader.telemetry(path, self._left)
            except ValueError as error:
                self._notes.append(f"run {run.index}: {clean(error)}")
                continue
            self._left -= sum(t.size for t in file.times.values()) + sum(s.values.size for s in file.series)
            found.append(file)
        return found


def _representative(runs: list[Run], score: Score) -> Run | None:
    """The run whose details are shown: the median of the scored ones, else the first."""
    kept = [s for s in score.runs if s.time_to_train_s is not None and not s.dropped]
    order = sorted(kept, key=lambda s: (s.time_to_train_s or 0.0, s.index))
    wanted = order[(len(order) - 1) // 2].index if order else None
    return next((run for run in runs if run.index == wanted), runs[0] if runs else None)


def _gallery_path(run: Run | None) -> Path | None:
    return RunFiles(run.evidence_dir).gallery if run and run.evidence_dir else None


# ---------------------------------------------------------------- verdict and score


def verdict_card(verdict: Verdict) -> VerdictCard:
    known = {rule.id: rule for rule in catalogue()}
    severities = [finding.severity for finding in verdict.findings]
    titles = {id: rule.title for id, rule in known.items()}
    order = {outcome: i for i, outcome in enumerate(_OUTCOME_ORDER)}
    rules = []
    for result in sorted(verdict.rules, key=lambda r: (order[r.outcome], r.id)):
        rule = known.get(result.id)
        rules.append(
            RuleCard(
                id=clean(result.id, 40),
                title=rule.title if rule else "",
                outcome=result.outcome.value,
                reason=clean(result.reason),
                why=rule.why if rule else "",
                source=rule.source if rule else "",
            )
        )
    return VerdictCard(
        verdict=clean(verdict.verdict, 40),
        ruleset=clean(verdict.ruleset, 80),
        counts=verdict.counts(),
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        notes=severities.count(Severity.INFO),
        groups=_group(verdict.findings, titles),
        rules=rules,
    )


def _group(findings: list[Finding], titles: dict[str, str]) -> list[FindingGroup]:
    """One group per rule and severity, errors first, in the order of first appearance."""
    groups: dict[tuple[Severity, str], list[Finding]] = {}
    for severity in _SEVERITY_ORDER:
        for finding in findings:
            if finding.severity == severity:
                groups.setdefault((severity, finding.rule), []).append(finding)
    return [
        FindingGroup(
            rule=clean(rule, 40),
            title=titles.get(rule, ""),
            severity=severity.value,
            count=len(members),
            fix=clean(members[0].fix),
            findings=_merged(members)[:MAX_LISTED],
        )
        for (severity, rule), members in groups.items()
    ]


def _merged(findings: list[Finding]) -> list[FindingCard]:
    """Findings that differ only in their place become one with several places."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for one in findings:
        said = (clean(one.message), clean(one.expected, 200), clean(one.actual, 200), clean(one.fix))
        path = clean(one.path, 200)
        places = found.setdefault(said, [])
        if path and len(places) < MAX_PLACES:
            places.append(f"{path}:{one.line}" if one.line else path)
    return [
        FindingCard(message=message, expected=expected, actual=actual, fix=fix, places=places)
        for (message, expected, actual, fix), places in found.items()
    ]


def score_card(package: Package, score: Score) -> ScoreCard:
    reached = [s.accuracy for s in score.runs if s.time_to_train_s is not None and s.accuracy is not None]
    targets = [finite(run.log.value("target_quality")) for run in package.runs]
    return ScoreCard(
        time_to_train_s=finite(score.time_to_train_s),
        method=clean(score.method),
        note=clean(score.note),
        samples_per_s=finite(score.samples_per_s),
        seconds_per_scene=finite(score.seconds_per_scene),
        accuracy=sum(reached) / len(reached) if reached else None,
        target=next((t for t in targets if t is not None and 0 <= t <= 1), None),
        science={clean(k, 60): v for k, raw in score.science.items() if (v := finite(raw)) is not None},
    )


# ---------------------------------------------------------------- runs


def _run(run: Run, score: Score) -> RunCard:
    scored = next((s for s in score.runs if s.index == run.index), None)
    stop = run.log.first("run_stop")
    logged = stop.metadata.get("status") if stop and isinstance(stop.metadata, dict) else None
    record = run.record
    return RunCard(
        index=run.index,
        seed=clean(run.log.value("seed"), 40),
        status=clean(logged or (record.status if record else None), 40) or "no run_stop",
        reason=clean(record.reason) if record else "",
        epochs=scored.epochs if scored else None,
        time_to_train_s=finite(scored.time_to_train_s) if scored else None,
        accuracy=finite(scored.accuracy) if scored else None,
        dropped=clean(scored.dropped, 40) if scored else "",
        peak_rss_bytes=whole(record.peak_rss_bytes) if record else None,
        host=clean(record.host, 120) if record else "",
        curve=curve(run.log),
        phases=phases(run.log),
        problems=[clean(problem) for problem in run.problems[:20]],
    )


def _reproduce(package: Package, who: Identity, data: DatasetCard | None) -> Iterable[Command]:
    """Exact commands, for a checkout in which this package lies at submissions/<org>."""
    folder = shlex.quote(f"submissions/{who.org}")
    system = shlex.quote(who.system)
    yield Command(purpose="Judge this package again", command=f"cloudmask check {folder}")
    if f"{MANIFEST}" in package.files or (package.manifest and package.manifest.present):
        yield Command(
            purpose="See that no file changed", command=f"(cd {folder} && sha256sum --quiet -c {MANIFEST})"
        )
    yield Command(purpose="Render this report again", command=f"cloudmask report {folder} --system {system}")
    if data and data.synthetic:
        profile = shlex.quote(data.profile)
        yield Command(
            purpose="Make the same scenes", command=f"cloudmask data synthesize --profile {profile}"
        )
    if who.commit:
        yield Command(purpose="Take the code that ran", command=f"git checkout {shlex.quote(who.commit)}")
    yield Command(
        purpose="See what would run, without running it", command=f"cloudmask plan --system {system}"
    )
    yield Command(purpose="Run it on your machine", command=f"make submit SYSTEM={system}")
