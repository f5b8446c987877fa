"""Energy to train: the mean over the runs that count (MLPerf Power, section 4)."""

from __future__ import annotations

from harness.score.model import EnergyScore, RunScore
from rules.model.run_facts import RunFacts, total


def energy_score(runs: list[RunFacts], scored: list[RunScore], factor: float) -> EnergyScore | None:
    """Mean energy of the runs that count, in joules, times the factor that the time is multiplied by.

    None when no run has power files. Runs are ranked by time: the fastest run is dropped, not the most
    frugal one.
    """
    found = {run.index: run.energy for run in runs if run.energy is not None}
    if not found:
        return None
    counted = [s.index for s in scored if s.time_to_train_s is not None and s.dropped is None]
    missing = [i for i in counted if i not in found or found[i].joule is None]
    note = None
    if not counted:
        note = "there is no time score"
    elif missing:
        why = found[missing[0]].note if missing[0] in found else "no power files"
        note = f"run {missing[0]} has no energy: {why}"
    return EnergyScore(
        _mean([found[i].joule if i in found else None for i in counted], factor),
        _mean([found[i].upstream_joule if i in found else None for i in counted], factor),
        list(found.values()),
        note,
        len(counted),
    )


def _mean(values: list[float | None], factor: float) -> float | None:
    sum_j = total(values)
    return None if sum_j is None else sum_j / len(values) * factor
