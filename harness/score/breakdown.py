"""From the times of the runs to the score, step by step: which runs count, their mean, the factor, the score.

MLPerf Training rules, section 12: drop the fastest and the slowest run, take the mean of the rest; one run
that did not converge may count as the slowest. Open entries with fewer runs than the ruleset asks for (SP 9:
one is enough) get the plain mean. The times of the runs are taken as given.
"""

from __future__ import annotations

from statistics import fmean
from typing import NamedTuple

from msgspec.structs import replace

from harness.score.interval import mean_interval, scaled
from harness.score.model import Breakdown, Convergence, RunScore
from rules.ruleset.sections import Division

OLYMPIC = "mean without the fastest and the slowest run (MLPerf Training rules, 12)"
PLAIN = "mean of all runs (too few to drop the fastest and the slowest)"


def breakdown(runs: list[RunScore], division: Division, pace: Convergence) -> Breakdown:
    """The arithmetic of one entry. A score that cannot be is None, and `note` says why."""
    chosen = _choose(runs, division)
    kept = [r.time_to_train_s for r in chosen.runs if r.counts and r.time_to_train_s is not None]
    if not chosen.scored or not kept:
        return Breakdown(chosen.method, chosen.runs, pace, note=chosen.note)
    mean_s = fmean(kept)
    return Breakdown(
        method=chosen.method,
        runs=chosen.runs,
        convergence=pace,
        note=chosen.note,
        mean_s=mean_s,
        score_s=mean_s * pace.factor,
        interval=scaled(mean_interval(mean_s, [r.time_to_train_s for r in runs]), pace.factor),
    )


class _Chosen(NamedTuple):
    """Which runs count, and by which method; `scored` is false where there is no score at all."""

    method: str
    runs: list[RunScore]
    note: str | None
    scored: bool


def _choose(runs: list[RunScore], division: Division) -> _Chosen:
    why = _none(runs, division)
    timed = sorted((r for r in runs if r.time_to_train_s is not None), key=lambda r: r.time_to_train_s or 0.0)
    failed = len(runs) - len(timed)
    if why:
        return _Chosen(OLYMPIC, runs, why, False)
    if len(runs) < division.olympic_from:
        why = f"{failed} of {len(runs)} runs did not converge" if failed else None
        return _Chosen(PLAIN, runs, why, not failed)
    if failed > 1:
        return _Chosen(OLYMPIC, runs, f"{failed} of {len(runs)} runs did not converge; one may", False)
    dropped = {timed[0].index: "fastest"}
    if not failed:
        dropped[timed[-1].index] = "slowest"
    note = "the run that did not converge counts as the slowest" if failed else None
    marked = [replace(r, dropped=dropped.get(r.index, r.dropped)) for r in runs]
    return _Chosen(OLYMPIC, marked, note, True)


def _none(runs: list[RunScore], division: Division) -> str | None:
    """Why this number of runs gives no score; None when it does."""
    if not runs:
        return "there are no runs"
    if len(runs) < division.runs_minimum:
        return f"{division.runs_minimum} runs are needed, there are {len(runs)}"
    if division.runs_maximum is not None and len(runs) > division.runs_maximum:
        return f"{division.runs_maximum} runs are scored, there are {len(runs)}"
    return None
