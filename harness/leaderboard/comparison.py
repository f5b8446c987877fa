"""What the compare page needs of one entry: a small script beside its report, loaded when it is picked.

A script and not JSON, because a page opened from a file may not fetch, but may load its own scripts.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.leaderboard.model import Entry
from harness.report.drawing.labels import METRICS, software_rows
from harness.report.model import Report
from harness.report.panels.runs.model import RunCard
from harness.report.site import data_block, write_plain

SCRIPT = "compare.js"
MAX_RUNS = 20
MAX_POINTS = 150  # of one run's curve


def write_comparison(report: Report, entry: Entry, folder: Path) -> None:
    """Write the script of one entry into the folder of its report."""
    write_plain(folder / SCRIPT, f"cloudmask({data_block(comparison(report, entry))});\n")


def comparison(report: Report, entry: Entry) -> dict[str, Any]:
    """Everything that is compared, and what decides whether it may be compared at all."""
    who, data, score = report.identity, report.dataset, report.score
    return {
        "id": entry.id,
        "org": who.org,
        "system": who.system,
        "report": entry.report,
        "must_agree": {
            "Ruleset": report.verdict.ruleset,
            "Division": who.division_name,
            "Data": f"{data.kind} {data.profile}" if data else "not stated",
            "Data set digest": data.digest if data else "",
        },
        "state": {
            "Status": who.status,
            "Review": "unverified",
            "Nodes": who.nodes,
            "Accelerators": who.accelerators,
            "Accelerator": who.accelerator,
            "Precision": who.precision,
            "Global batch size": who.global_batch_size,
            "Framework": who.framework,
            "Clock": entry.clock,
        },
        "synthetic": bool(data and data.synthetic),
        "numbers": {
            "time_to_train_s": score.time_to_train_s,
            "mean_s": entry.mean_s,
            "factor": entry.factor,
            "low_s": entry.low_s,
            "high_s": entry.high_s,
            "error_s": entry.error_s,
            "degrees": entry.degrees,
            "epochs": entry.mean_epochs,
            "samples_per_s": score.samples_per_s,
            "seconds_per_scene": score.seconds_per_scene,
            "accuracy": score.accuracy,
        },
        "scenes": [[one.name, one.right, one.pixels] for one in report.science.by_scene],
        "science": {m.name: score.science[key] for key, m in METRICS.items() if key in score.science},
        "energy": [
            {"scope": e.scope, "source": e.source, "method": e.method, "joules": e.joules}
            for e in report.energy.summary
        ],
        "target": score.target,
        "factor_reason": entry.factor_reason,
        "pace": entry.pace,
        "warnings": entry.warnings,
        "runs": [_run(run) for run in report.runs[:MAX_RUNS]],
        "system_fields": [
            [field.label, field.declared or field.detected]
            for field in report.system
            if field.declared or field.detected
        ],
        "software": software_rows(report.software),
    }


def _run(run: RunCard) -> dict[str, Any]:
    points = [[e.epoch, e.at_s, e.eval_accuracy] for e in run.curve if e.eval_accuracy is not None]
    step = math.ceil(len(points) / MAX_POINTS) or 1
    thin = [*points[:-1:step], points[-1]] if points else []
    return {
        "index": run.index,
        "time_to_train_s": run.time_to_train_s,
        "dropped": run.dropped,
        "curve": thin,
    }
