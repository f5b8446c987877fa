"""Energy to train: the mean over the runs that count (MLPerf Power, section 4)."""

from __future__ import annotations

from harness.score.model import EnergyScore, RunScore
from rules.facts.kept import kept
from rules.facts.node_energy import RunEnergy, run_energy, total
from rules.model.run import Run
from rules.ruleset import Ruleset


@kept
def _of_run(run: Run, ruleset: Ruleset) -> RunEnergy | None:
    return run_energy(run)


def energy_score(
    runs: list[Run], scored: list[RunScore], factor: float, ruleset: Ruleset
) -> EnergyScore | None:
    """Mean energy of the runs that count, times the factor that the time is multiplied with.

    None when no run has power files. The ranking is the time's: the fastest run is dropped, not the most
    frugal one.
    """
    found = {run.index: energy for run in runs if (energy := _of_run(run, ruleset)) is not None}
    if not found:
        return None
    kept = [s.index for s in scored if s.time_to_train_s is not None and s.dropped is None]
    missing = [i for i in kept if i not in found or found[i].joule is None]
    note = None
    if not kept:
        note = "there is no score of time"
    elif missing:
        note = f"run {missing[0]} has no energy: {found[missing[0]].note if missing[0] in found else 'no power files'}"
    return EnergyScore(
        _mean([found[i].joule if i in found else None for i in kept], factor),
        _mean([found[i].upstream_joule if i in found else None for i in kept], factor),
        list(found.values()),
        note,
        len(kept),
    )


def _mean(values: list[float | None], factor: float) -> float | None:
    energy_j = total(values)
    return None if energy_j is None else energy_j / len(values) * factor
