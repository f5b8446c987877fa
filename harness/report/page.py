"""The report of one package: a folder with index.html, data.json and the pictures it shows."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

from harness.report.charts import charts
from harness.report.data import ReportContent, report_data
from harness.report.downloads import PATTERN, chart_files, source_of
from harness.report.drawing.labels import BENCHMARKS, verdict_words
from harness.report.drawing.text import NOT_MEASURED, energy
from harness.report.model import Report, RuleCard
from harness.report.panels.energy.builder import headline
from harness.report.panels.registry import all_panels, folders, report_model
from harness.report.site import TEMPLATES, fragment, render, unverified, write_folder
from harness.score.model import Score
from rules.evidence.replay import replay as REPLAY_RULE
from rules.model.findings import Outcome, Verdict
from rules.model.layout import BENCHMARK
from rules.model.package import Package
from rules.registry import GROUPS

INDEX = "index.html"
DATA = "data.json"
COMMAND = "cloudmask "
_PICTURE = re.compile(rf"(?:synthetic-)?(?:scene-\d{{2,}}-[a-z-]+|errors-\d{{2,}})\.png|{PATTERN}")


def build_report(
    package: Package, verdict: Verdict, score: Score, out_dir: Path, now: datetime | float
) -> Path:
    """Write the report of a package into out_dir and return the path of its index.html.

    The same package and `now` give the same bytes. Raises UserError when out_dir cannot be written.
    """
    return write_report(report_data(package, verdict, score, now), out_dir, now)


def write_report(
    content: ReportContent, out_dir: Path, now: datetime | float, home: str = "", durable: bool = True
) -> Path:
    """The page, the data and the pictures of a report; returns the path of index.html.

    `home` is the leaderboard's index.html as seen from the page, when the report is part of one.
    """
    files: dict[str, str | bytes] = {
        INDEX: report_page(content.report, now, home),
        DATA: data_json(content.report),
        **content.files,
        **chart_files(source_of(content.report), charts(content.report)),
    }
    return write_folder(out_dir, files, INDEX, _PICTURE, durable)


def data_json(report: Report) -> str:
    """data.json: ASCII only, so that no string in it can disturb a terminal or an editor."""
    return json.dumps(json.loads(report.model_dump_json(by_alias=True)), indent=1) + "\n"


def report_schema() -> str:
    """JSON Schema of data.json, as text."""
    schema = report_model().model_json_schema(by_alias=True, mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"


def report_page(report: Report, now: datetime | float, home: str = "") -> str:
    """index.html as text: the head of the report, and the section of every panel."""
    ours = report.identity.benchmark == BENCHMARK
    rules_page = home.replace(INDEX, "method.html")
    sections = [
        (
            panel,
            fragment(
                panel.template,
                folders(),
                r=report,
                ours=ours,
                rules_page=rules_page,
                before=source_of(report).prefix,
                **panel.view(report),
            ),
        )
        for panel in all_panels()
    ]
    return render(
        "report.html",
        now,
        files=(TEMPLATES / "chart.js",),
        running=running(report),
        home=home,
        benchmark=BENCHMARKS.get(report.identity.benchmark, report.identity.benchmark),
        ours=ours,
        notes_below=report.footnotes,
        r=report,
        sections=sections,
        energy_headline=energy_headline(report),
        accelerators=accelerators(report),
        replayed=replayed(report),
        unchecked=unchecked(report),
    )


def running(report: Report) -> tuple[str, str]:
    """What stands above every printed page: whose result, its verdict, and of which data."""
    who = report.identity
    left = f"{who.system[:40]} by {who.org[:20]}: {verdict_words(report.verdict.verdict)}"
    return left, unverified(report.dataset is not None and report.dataset.synthetic)


def energy_headline(report: Report) -> tuple[str, str]:
    """One energy with its scope, or that none was measured."""
    first = headline(report.energy)
    return (energy(first.joules), f"per run, scope: {first.scope}") if first else (NOT_MEASURED, "")


def accelerators(report: Report) -> str:
    """Number and model of the accelerators, in one line."""
    who = report.identity
    if who.accelerators is None:
        return "not stated"
    if who.accelerators == 0:
        return "none"
    return f"{who.accelerators} × {who.accelerator}" if who.accelerator else str(who.accelerators)


def unchecked(report: Report) -> list[tuple[str, str, list[RuleCard]]]:
    """What rules that were not checked need, what they are about, and these rules: commands first."""
    found: dict[str, list[RuleCard]] = {}
    for rule in report.verdict.rules:
        if rule.outcome == Outcome.NOT_CHECKED.value:
            found.setdefault(rule.needs, []).append(rule)
    ordered = sorted(found.items(), key=lambda item: (not item[0].startswith(COMMAND), item[0]))
    return [(needs, _subjects(rules), rules) for needs, rules in ordered]


def _subjects(rules: list[RuleCard]) -> str:
    """What these rules are about: "evidence", or "12 witness, 3 evidence"."""
    counts = Counter(GROUPS.get(rule.id[:3], "other") for rule in rules).most_common()
    return counts[0][0] if len(counts) == 1 else ", ".join(f"{count} {subject}" for subject, count in counts)


def replayed(report: Report) -> bool:
    """Whether the stored weights were evaluated again while the package was judged."""
    return any(rule.id == REPLAY_RULE.id and rule.outcome == "pass" for rule in report.verdict.rules)
