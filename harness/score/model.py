"""What a score says, as typed values."""

from __future__ import annotations

from typing import Literal

import msgspec

from rules.model.run_facts import RunEnergy


class RunScore(msgspec.Struct, frozen=True):
    """What the score says of one run."""

    index: int
    time_to_train_s: float | None  # None: did not converge
    epochs: int | None
    accuracy: float | None  # the last evaluation
    dropped: str | None = None  # "fastest", "slowest", "did not converge"

    @property
    def counts(self) -> bool:
        """Whether the run is part of the mean."""
        return self.time_to_train_s is not None and self.dropped is None


# how the epochs of an entry compare with the reference's: fewer within chance, fewer beyond it, not fewer,
# no point at this batch size, not compared at all
Pace = Literal["within", "beyond", "not_faster", "no_point", "not_compared"]


class Convergence(msgspec.Struct, frozen=True):
    """What the mean is multiplied by, and why, in one sentence (TR 12.2)."""

    factor: float
    pace: Pace
    reason: str
    mean_epochs: float | None = None  # without the fewest and the most
    reference_epochs: float | None = None
    least_epochs: float | None = None  # that chance explains


class Interval(msgspec.Struct, frozen=True):
    """A 95 % confidence interval, in seconds; see harness/score/interval.py."""

    low_s: float
    high_s: float
    error_s: float  # standard error
    degrees: int  # of freedom


class Ratio(msgspec.Struct, frozen=True):
    """How many times longer one score is than another, with a 95 % confidence interval where there is one."""

    value: float
    low: float | None
    high: float | None

    @property
    def told_apart(self) -> bool:
        """Whether the runs show a difference at all."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


class Breakdown(msgspec.Struct, frozen=True):
    """The arithmetic of a score, step by step."""

    method: str
    runs: list[RunScore]
    convergence: Convergence
    note: str | None = None  # why there is no score, or what is unusual about its runs
    mean_s: float | None = None  # of the runs that count, before the factor
    score_s: float | None = None
    interval: Interval | None = None  # of the score; None: too few runs to say

    @property
    def counted(self) -> list[RunScore]:
        """The runs in the mean."""
        return [run for run in self.runs if run.counts]


class WeakScore(msgspec.Struct, frozen=True):
    """Weak scaling (HR 7.2): how many models were trained in what time, each on what part of the system."""

    models: int  # M'
    instance_scale: int  # S: accelerators (or nodes where there are none) of one model
    system_scale: int | None  # T, from the system description
    time_to_train_all_s: float  # TTTa: first run_start to last run_stop


class Score(msgspec.Struct, frozen=True):
    """Olympic mean of time-to-train (ruleset, section scoring)."""

    time_to_train_s: float | None
    method: str
    runs: list[RunScore]
    samples_per_s: float | None = None
    seconds_per_scene: float | None = None
    science: dict[str, float] = {}  # mean over runs
    note: str | None = None
    clock: str = ""  # whose clock the times are read from
    scaling_factor: float = 1.0  # from the convergence points (TR 12.2); already in time_to_train_s
    weak: WeakScore | None = None  # throughput entries: instead of time_to_train_s
    energy: EnergyScore | None = None  # of whole nodes; None when no power was submitted
    breakdown: Breakdown | None = None  # None for throughput entries


class EnergyScore(msgspec.Struct, frozen=True):
    """Energy to train: the mean over the runs that the time's mean is made of (PM 4; sources L14)."""

    joule: float | None
    upstream_joule: float | None
    runs: list[RunEnergy]
    note: str | None = None
    scored: int = 0  # runs in the mean

    @property
    def difference(self) -> float | None:
        """Upstream's number relative to ours: -0.02 is 2 % less."""
        if not self.joule or self.upstream_joule is None:
            return None
        return self.upstream_joule / self.joule - 1
