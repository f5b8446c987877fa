"""The score of an entry: olympic mean of time-to-train over its runs, and what stands beside it.

The arithmetic is in breakdown.py, convergence.py and interval.py.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from harness.score.breakdown import breakdown
from harness.score.convergence import convergence
from harness.score.energy import energy_score
from harness.score.model import Breakdown, RunScore, Score, WeakScore
from rules.facts.log_reading import (
    instance_scale,
    system_scale,
)
from rules.model.package import Package
from rules.model.run_facts import HARNESS_CLOCK, LOG_CLOCK, RunFacts
from rules.model.values import is_number
from rules.ruleset import Ruleset


def score(package: Package, ruleset: Ruleset) -> Score:
    """Score an entry by the numbers that the ruleset has for its benchmark. It says nothing about compliance,
    which is the verdict's.

    `time_to_train_s` is None, with a note that says why, when there is no score. Never raises for
    what a package holds.
    """
    ruleset = ruleset.of(package.benchmark)
    if package.scaling == "weak":
        return _weak_score(package, ruleset)
    runs = [_run_score(run) for run in package.runs]
    steps = breakdown(runs, ruleset.division(package.division), convergence(package, ruleset))
    factor = steps.convergence.factor
    counted = [r for r in package.runs if r.converged]
    return Score(
        time_to_train_s=steps.score_s,
        method=steps.method,
        runs=steps.runs,
        samples_per_s=_mean([r.samples_per_s for r in counted]),
        seconds_per_scene=_mean([r.seconds_per_scene for r in counted]),
        science=_science(counted),
        note=_note(steps),
        clock=timed_by(package.runs),
        scaling_factor=factor,
        energy=energy_score(package.runs, steps.runs, factor),
        breakdown=steps,
    )


def _note(steps: Breakdown) -> str | None:
    """What a reader of the score alone has to know."""
    if steps.mean_s is None or steps.convergence.factor == 1:
        return steps.note
    pace = "within chance" if steps.convergence.pace == "within" else "BEYOND CHANCE: practice data only"
    scaled = (
        f"{steps.mean_s:.3f} s multiplied by {steps.convergence.factor:.6g}: "
        f"faster convergence than the reference's, {pace}"
    )
    return f"{steps.note}; {scaled}" if steps.note else scaled


def describe(result: Score) -> str:
    """The score in one line."""
    if result.weak is not None:
        weak = result.weak
        total = f" of {weak.system_scale}" if weak.system_scale is not None else ""
        text = (
            f"{weak.models} models of {weak.instance_scale}{total} accelerators in "
            f"{weak.time_to_train_all_s / 60:.4f} min"
        )
    elif result.time_to_train_s is not None:
        text = f"time to train {result.time_to_train_s:.3f} s = {result.time_to_train_s / 60:.4f} min"
    else:
        text = "no score"
    return f"{text} ({result.note})" if result.note else text


def _weak_score(package: Package, ruleset: Ruleset) -> Score:
    """Throughput: models trained, and the time from the first run_start to the last run_stop (HR 7.2)."""
    runs = [_run_score(run) for run in package.runs]
    good = [run for run in package.runs if run.converged]
    needed = ruleset.division(package.division, package.scaling).runs_minimum
    scales = {instance_scale(run.settings) for run in good}
    scale, weak, note = scales.pop() if len(scales) == 1 else None, None, None
    if len(good) < needed:
        note = f"{needed} models have to converge, {len(good)} did"
    elif scale is None:
        note = "the models are not of one known size"
    else:
        total = system_scale(package.system.fields) if package.system else None
        weak = WeakScore(len(good), scale, total, _time_to_train_all_s(good))
    method = "time to train all models (MLPerf HPC rules, 7.2)"
    clock = HARNESS_CLOCK if _one_clock(good) else LOG_CLOCK
    return Score(None, method, runs, note=note, weak=weak, clock=clock)


def timed_by(runs: list[RunFacts]) -> str:
    """Whose clock the runs are timed by, in words; empty where there are none."""
    names = dict.fromkeys(run.timed_by for run in runs)
    return " and ".join(names) + (" (not the same for all runs)" if len(names) > 1 else "")


def _one_clock(runs: list[RunFacts]) -> bool:
    """Whether all runs were seen on the monotonic clock of one boot of one host."""
    boots = {(r.record.host, r.record.boot_id) if r.record and r.record.boot_id else None for r in runs}
    return len(boots) == 1 and None not in boots and all(run.ran_s for run in runs)


def _time_to_train_all_s(runs: list[RunFacts]) -> float:
    """From the first run_start to the last run_stop, on one monotonic clock where there is one."""
    if _one_clock(runs):
        spans = [run.ran_s for run in runs if run.ran_s is not None]
        return max(stop for _, stop in spans) - min(start for start, _ in spans)
    starts = [t for run in runs if (t := run.timed.start_ms) is not None]
    stops = [t for run in runs if (t := run.timed.stop_ms) is not None]
    return (max(stops) - min(starts)) / 1000


def _run_score(run: RunFacts) -> RunScore:
    last = run.last_evaluation
    return RunScore(
        index=run.index,
        time_to_train_s=run.time_to_train_s if run.converged else None,
        epochs=last.epoch if last else None,
        accuracy=last.value if last else None,
        dropped=None if run.converged else "did not converge",
    )


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return fmean(known) if known else None


def _science(runs: list[RunFacts]) -> dict[str, float]:
    """Mean over runs of each metric over all test scenes (science.json, `overall`)."""
    columns: dict[str, list[float]] = {}
    for run in runs:
        overall: Any = run.science.get("overall") if run.science else None
        for name, value in overall.items() if isinstance(overall, dict) else ():
            if isinstance(name, str) and is_number(value) and abs(value) < 1e300:
                columns.setdefault(name, []).append(float(value))
    return {name: fmean(values) for name, values in columns.items() if len(values) == len(runs)}
