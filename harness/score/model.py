"""What a score says, as typed values."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.model.run_facts import RunEnergy


@dataclass(frozen=True)
class RunScore:
    """What the score says of one run."""

    index: int
    time_to_train_s: float | None  # None: did not converge
    epochs: int | None
    accuracy: float | None  # the last evaluation
    dropped: str | None = None  # "fastest", "slowest", "did not converge"


@dataclass(frozen=True)
class WeakScore:
    """Weak scaling (HR 7.2): how many models were trained in what time, each on what part of the system."""

    models: int  # M'
    instance_scale: int  # S: accelerators (or nodes where there are none) of one model
    system_scale: int | None  # T, from the system description
    time_to_train_all_s: float  # TTTa: first run_start to last run_stop


@dataclass(frozen=True)
class Score:
    """Olympic mean of time-to-train (ruleset, section scoring)."""

    time_to_train_s: float | None
    method: str
    runs: list[RunScore]
    samples_per_s: float | None = None
    seconds_per_scene: float | None = None
    science: dict[str, float] = field(default_factory=dict)  # mean over runs
    note: str | None = None
    clock: str = ""  # whose clock the times are read from
    scaling_factor: float = 1.0  # from the convergence points (TR 12.2); already in time_to_train_s
    weak: WeakScore | None = None  # throughput entries: instead of time_to_train_s
    energy: EnergyScore | None = None  # of whole nodes; None when no power was submitted


@dataclass(frozen=True)
class EnergyScore:
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
