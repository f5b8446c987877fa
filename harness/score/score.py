"""The score: olympic mean of time-to-train over the runs of an entry.

MLPerf Training rules, section 12: drop the fastest and the slowest run, take the mean of the rest;
one run that did not converge may count as the slowest. Open entries with fewer runs than the ruleset
asks for (SP 9: one is enough) get the plain mean.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import Any

from harness.score.energy import energy_score
from harness.score.model import RunScore, Score, WeakScore
from rules.facts.log_reading import (
    instance_scale,
    system_scale,
)
from rules.facts.reference_points import compare_package
from rules.model.package import Package
from rules.model.run_facts import HARNESS_CLOCK, LOG_CLOCK, RunFacts
from rules.model.values import is_number
from rules.registry import NotApplicable, NotChecked
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
    time_s, method, runs, note = _mean_time(runs, package, ruleset)
    factor = scaling_factor(package, ruleset)
    if time_s is not None and factor != 1:
        time_s *= factor
        how = _faster_by(package, ruleset)
        scaled = f"multiplied by {factor:.6g}: faster convergence than the reference's, {how}"
        note = f"{note}; {scaled}" if note else scaled
    counted = [r for r in package.runs if r.converged]
    return Score(
        time_to_train_s=time_s,
        method=method,
        runs=runs,
        samples_per_s=_mean([r.samples_per_s for r in counted]),
        seconds_per_scene=_mean([r.seconds_per_scene for r in counted]),
        science=_science(counted),
        note=note,
        clock=timed_by(package.runs),
        scaling_factor=factor,
        energy=energy_score(package.runs, runs, factor),
    )


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


def scaling_factor(package: Package, ruleset: Ruleset) -> float:
    """What the convergence points multiply a closed entry's time by (TR 12.2); 1 where they do not."""
    if package.division != "closed":
        return 1.0
    try:
        return compare_package(package, ruleset).factor
    except (NotApplicable, NotChecked):
        return 1.0


def _faster_by(package: Package, ruleset: Ruleset) -> str:
    """Whether chance explains the factor."""
    within = compare_package(package, ruleset).outcome == "pass"
    return "within chance" if within else "BEYOND CHANCE: practice data only"


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


def _mean_time(
    runs: list[RunScore], package: Package, ruleset: Ruleset
) -> tuple[float | None, str, list[RunScore], str | None]:
    division = ruleset.division(package.division)
    method = "mean without the fastest and the slowest run (MLPerf Training rules, 12)"
    if not runs:
        return None, method, runs, "there are no runs"
    timed = sorted((r for r in runs if r.time_to_train_s is not None), key=lambda r: r.time_to_train_s or 0.0)
    failed = len(runs) - len(timed)
    if len(runs) < division.runs_minimum:
        return None, method, runs, f"{division.runs_minimum} runs are needed, there are {len(runs)}"
    if division.runs_maximum is not None and len(runs) > division.runs_maximum:
        return None, method, runs, f"{division.runs_maximum} runs are scored, there are {len(runs)}"
    if len(runs) < division.olympic_from:
        method = "mean of all runs (too few to drop the fastest and the slowest)"
        if failed:
            return None, method, runs, f"{failed} of {len(runs)} runs did not converge"
        return _mean([r.time_to_train_s for r in timed]), method, runs, None
    if failed > 1:
        return None, method, runs, f"{failed} of {len(runs)} runs did not converge; one may"
    dropped = {timed[0].index: "fastest"}
    kept = timed[1:]
    if not failed:
        dropped[timed[-1].index] = "slowest"
        kept = timed[1:-1]
    note = "the run that did not converge counts as the slowest" if failed else None
    marked = [replace(r, dropped=dropped.get(r.index, r.dropped)) for r in runs]
    return _mean([r.time_to_train_s for r in kept]), method, marked, note


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
