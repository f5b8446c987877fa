"""How much of the spread of the objective goes with one field alone.

The correlation ratio, corrected for chance (epsilon squared, Kelley 1935): trials are grouped by the value of the
field (ranges: by quarters of the trials); with k groups among n trials, SS_b the sum of squares between and SS_w
the one within groups, MS_w = SS_w / (n - k):

    importance = max(0, (SS_b - (k - 1) MS_w) / (SS_b + SS_w))

0: no more than chance would give; 1: the field decides everything. Fields that matter only together with another do not
show, and the numbers of several fields need not add up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.experiment.model import Between, Experiment, Scalar
from harness.experiment.record import TrialRecord

QUARTERS = 4
FEWEST = 8  # trials with a value, below which nothing is said


@dataclass(frozen=True)
class Importance:
    """Of one field; `share` None where there are too few trials, with the reason."""

    name: str
    share: float | None
    note: str = ""


def importances(experiment: Experiment, trials: list[TrialRecord]) -> list[Importance]:
    """Of every searched field, the largest first."""
    known = [trial for trial in trials if trial.value is not None]
    found = [_of(name, experiment, known) for name in experiment.search.space]
    return sorted(found, key=lambda one: -1.0 if one.share is None else one.share, reverse=True)


def _of(name: str, experiment: Experiment, trials: list[TrialRecord]) -> Importance:
    if len(trials) < FEWEST:
        return Importance(name, None, f"{len(trials)} trials with a value, {FEWEST} are needed")
    values = np.array([trial.value for trial in trials], float)
    ranged = isinstance(experiment.search.space[name], Between)
    groups = _groups([trial.values[name] for trial in trials], ranged)
    count, k = len(values), len(set(groups))
    if k < 2:
        return Importance(name, None, "all trials had one value")
    if count <= k:
        return Importance(name, None, "each value was tried once")
    return Importance(name, epsilon_squared(values, np.array(groups)))


def epsilon_squared(values: np.ndarray, groups: np.ndarray) -> float:
    """The corrected correlation ratio of values (n,) and their groups (n,); 0 where all values are equal."""
    total = float(((values - values.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    parts = [values[groups == group] for group in np.unique(groups)]
    within = float(sum(((part - part.mean()) ** 2).sum() for part in parts))
    mean_within = within / (len(values) - len(parts))
    return max(0.0, (total - within - (len(parts) - 1) * mean_within) / total)


def _groups(values: list[Scalar], ranged: bool) -> list[str]:
    """The group of each value: itself, or its quarter where numbers come from a range."""
    numbers = np.array([float(v) for v in values if not isinstance(v, str)])
    if not ranged or len(set(numbers)) <= QUARTERS:
        return [repr(value) for value in values]
    edges = np.quantile(numbers, [i / QUARTERS for i in range(1, QUARTERS)])
    return [str(int(np.searchsorted(edges, number, side="right"))) for number in numbers]
