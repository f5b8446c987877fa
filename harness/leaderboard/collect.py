"""Every package below a folder, judged anew: an entry for those that pass, reasons for the rest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.checker import check_all
from harness.errors import UserError
from harness.layout import WEAK
from harness.leaderboard.model import Entry, Rejected
from harness.report.data import ReportContent, report_data
from harness.report.energy import headline
from harness.report.model import Report
from harness.report.page import INDEX
from harness.report.text import clean
from harness.scoring import score
from rules.model import Package, Verdict
from rules.ruleset import Ruleset

FIRST_REASONS = 3
REPORTS = "reports"


@dataclass(frozen=True)
class Judged:
    """One package with its report; `entry` when it may be listed, `rejected` when it may not."""

    folder: str  # of its report, relative to the leaderboard
    content: ReportContent
    entry: Entry | None
    rejected: Rejected | None


@dataclass(frozen=True)
class Skipped:
    """Something that is no result: described but never run, or not to be read at all."""

    name: str
    rejected: Rejected | None = None


def collect(
    submissions: Path, ruleset: Ruleset, now: datetime | float, skip: Path, progress: Callable[[str], None]
) -> Iterator[Judged | Skipped]:
    """One value per system of each organisation, in order of name. `skip` is the site's own folder.

    Raises UserError when there is no such folder.
    """
    if not submissions.is_dir():
        raise UserError(
            f"There is no folder {submissions}.", "name the folder of all organisations with --submissions."
        )
    for folder in sorted(submissions.iterdir()):
        if not folder.is_dir() or folder.name.startswith(".") or folder.resolve() == skip.resolve():
            continue
        if not any((folder / part).is_dir() for part in ("results", "systems")):
            continue
        try:
            found = check_all(folder, ruleset)
        except UserError as error:
            reason = Rejected(
                org=clean(folder.name),
                system="",
                verdict="unreadable",
                errors=1,
                reasons=[clean(error)],
                report="",
            )
            yield Skipped(clean(folder.name), reason)
            continue
        for package, verdict in found:
            if package.scaling == WEAK:
                continue  # throughput has no row of its own: the table compares time-to-train
            yield _judge(package, verdict, ruleset, now, progress)


def _judge(
    package: Package,
    verdict: Verdict,
    ruleset: Ruleset,
    now: datetime | float,
    progress: Callable[[str], None],
) -> Judged | Skipped:
    name = f"{clean(package.org, 100)} / {clean(package.system_name, 100)}"
    if not package.runs and not package.result_names:
        return Skipped(name)
    progress(f"{verdict.verdict.replace('_', ' ')}: {name}")
    content = report_data(package, verdict, score(package, ruleset), now)
    folder = f"{REPORTS}/{slug(package.org)}/{slug(package.system_name or '')}"
    if verdict.verdict == "compliant" and content.report.score.time_to_train_s is not None:
        return Judged(folder, content, _entry(content.report, f"{folder}/{INDEX}"), None)
    return Judged(folder, content, None, _rejected(content.report, f"{folder}/{INDEX}"))


def slug(name: str) -> str:
    """A folder name: the name itself when it is plain, else what is plain of it and a digest."""
    plain = re.sub(r"[^A-Za-z0-9_+.-]+", "-", name).strip("-.")[:60]
    if plain and plain == name:
        return plain
    return f"{plain or 'unnamed'}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _entry(report: Report, link: str) -> Entry:
    who, energy = report.identity, headline(report.energy)
    processor = next((f.declared for f in report.system if f.name == "host_processor_model_name"), "")
    return Entry(
        system=who.system,
        org=who.org,
        status=who.status,
        time_to_train_s=report.score.time_to_train_s,
        runs=len(report.runs),
        accuracy=report.score.accuracy,
        seconds_per_scene=report.score.seconds_per_scene,
        energy_j=energy.joules if energy else None,
        energy_scope=energy.scope if energy else "",
        energy_method=energy.method if energy else "",
        power_scored=report.energy.node_level,
        accelerators=who.accelerators,
        accelerator=who.accelerator,
        nodes=who.nodes,
        processor=processor,
        framework=who.framework,
        precision=who.precision,
        global_batch_size=who.global_batch_size,
        warnings=report.verdict.warnings,
        commit=who.commit,
        report=link,
    )


def _rejected(report: Report, link: str) -> Rejected:
    errors = [group for group in report.verdict.groups if group.severity == "error"]
    reasons = [f"{group.rule}: {group.findings[0].message}" for group in errors[:FIRST_REASONS]]
    if not reasons:
        reasons = report.notes[:FIRST_REASONS] or [report.score.note or "no time-to-train could be computed"]
    return Rejected(
        org=report.identity.org,
        system=report.identity.system,
        verdict=report.verdict.verdict,
        errors=report.verdict.errors,
        reasons=reasons,
        report=link,
    )
