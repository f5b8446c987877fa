"""Everything a report's tables show, as CSV: runs, phases, curves, science, system, rules, findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from statistics import fmean

from harness.check.log_files import result_logs
from harness.core.csv_text import csv_text
from harness.export.content import Content
from harness.report.drawing.text import clean, finite
from harness.report.panels.science.sureness import read_counts
from harness.science.counts import CONFUSION, OUTLINES
from harness.science.metrics import METRICS, metric_interval, metric_value
from harness.science.resampling import DRAWS, SEED
from harness.score.model import Score
from rules.facts.phases import phases
from rules.model.findings import Verdict
from rules.model.package import Package
from rules.model.run_facts import CurvePoint

RUN = [
    "run", "status", "converged", "time_to_train_s", "epochs", "accuracy", "samples_per_s", "seconds_per_scene", "seed",
    "dropped",
]  # fmt: skip
POINT = CurvePoint._fields
QUANTITY = ["run", "node", "source", "quantity", "unit", "scope", "samples", "mean", "minimum", "maximum"]


def tables(package: Package, verdict: Verdict, score: Score) -> Content:
    """Files by name; absent values are empty cells."""
    made = {
        "score.csv": csv_text(["what", "value"], _score(score)),
        "runs.csv": _runs(package, score),
        "phases.csv": _phases(package),
        "curves.csv": csv_text(
            ["run", *POINT],
            (
                [run.index, *point]
                for run in package.runs
                for point in run.curve
            ),
        ),
        "science.csv": _science(package),
        "intervals.csv": _intervals(package),
        "scenes.csv": _scenes(package),
        "telemetry.csv": _telemetry(package),
        "system.csv": csv_text(
            ["field", "declared", "detected"],
            _system(package),
        ),
        "rules.csv": csv_text(
            ["rule", "outcome", "reason"], ([r.id, r.outcome.value, clean(r.reason)] for r in verdict.rules)
        ),
        "findings.csv": csv_text(
            ["rule", "severity", "path", "line", "message", "expected", "actual", "fix"],
            (
                [f.rule, f.severity.value, f.path, f.line, clean(f.message), clean(f.expected), clean(f.actual), f.fix]
                for f in verdict.findings
            ),
        ),
    }  # fmt: skip
    return {name: text.encode() for name, text in made.items()}


def _score(score: Score) -> Iterator[list[object]]:
    """The arithmetic of the score, as the report explains it."""
    steps, energy, weak = score.breakdown, score.energy, score.weak
    yield ["score_s", score.time_to_train_s]
    if steps:
        interval = steps.interval
        yield ["mean_s", steps.mean_s]
        yield ["runs_in_mean", len(steps.counted)]
        yield ["convergence_factor", steps.convergence.factor]
        yield ["convergence_reason", clean(steps.convergence.reason)]
        yield ["interval_95_low_s", interval.low_s if interval else None]
        yield ["interval_95_high_s", interval.high_s if interval else None]
    if weak:
        yield ["models", weak.models]
        yield ["time_to_train_all_s", weak.time_to_train_all_s]
    yield ["method", clean(score.method)]
    yield ["clock", clean(score.clock)]
    yield ["note", clean(score.note) if score.note else None]
    yield ["energy_to_train_j", energy.joule if energy else None]
    yield ["energy_to_train_upstream_j", energy.upstream_joule if energy else None]


def _science(package: Package) -> str:
    rows = (
        [run.index, clean(name, 80), value]
        for run in package.runs
        for name, value in sorted((run.science or {}).get("overall", {}).items())
    )
    return csv_text(["run", "metric", "value"], rows)


def _intervals(package: Package) -> str:
    """Means over the runs and their intervals over scenes; empty for too few scenes, or without their counts."""
    counted = list(read_counts(package.runs).runs.values())
    rows = []
    for name in METRICS if counted else ():
        low, high = metric_interval(name, counted) or (None, None)
        mean = finite(fmean(metric_value(name, one) for one in counted))
        rows.append([name, mean, low, high, counted[0].scenes, len(counted), DRAWS, SEED])
    return csv_text(["metric", "mean", "low", "high", "scenes", "runs", "draws", "seed"], rows)


def _scenes(package: Package) -> str:
    """Counts of every scene and run."""
    rows = []
    for index, one in read_counts(package.runs).runs.items():
        for place, name in enumerate(one.names):
            counts = [int(v) for part in (one.confusion, one.valid, one.boundary) for v in part[place]]
            rows.append([index, clean(name, 120), *counts, float(one.squared_error[place])])
    valid, boundary = (
        [f"{kind}_{n}" for n in names] for kind, names in (("valid", CONFUSION), ("boundary", OUTLINES))
    )
    return csv_text(["run", "scene", *CONFUSION, *valid, *boundary, "squared_error"], rows)


def _system(package: Package) -> Iterator[list[object]]:
    if package.system is not None:
        detected = package.system.detected or {}
        for name, value in package.system.fields.items():
            yield [clean(name, 80), clean(value), clean(detected.get(name))]


def _runs(package: Package, score: Score) -> str:
    dropped = {run.index: run.dropped for run in score.runs}
    rows = []
    for run in package.runs:
        last = run.last_evaluation
        row = [run.index, clean(run.status, 40), run.converged, run.time_to_train_s]
        row += [last.epoch, last.value] if last else [None, None]
        row += [run.samples_per_s, run.seconds_per_scene]
        row += [clean(run.seeds[0].value, 40) if run.seeds else None, dropped.get(run.index)]
        rows.append(row)
    return csv_text(RUN, rows)


def _phases(package: Package) -> str:
    rows = []
    for run in package.runs:
        for _, log in result_logs(package.root / run.path):
            rows += [[run.index, *asdict(phase).values()] for phase in phases(log)]
    return csv_text(
        ["run", "phase", "count", "total_s", "mean_s", "shortest_s", "longest_s", "share", "unmatched"], rows
    )


def _telemetry(package: Package) -> str:
    rows = []
    for run in package.runs:
        for node in run.telemetry:
            for q in node.quantities:
                texts = [clean(text, 80) for text in (node.node, q.source, q.name, q.unit, q.scope)]
                rows.append([run.index, *texts, q.samples, q.mean, q.minimum, q.maximum])
    return csv_text(QUANTITY, rows)
