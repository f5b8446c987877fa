"""What to build, and the constants of every package that is built."""

from __future__ import annotations

import random
from dataclasses import dataclass

from reference.protocol.spec import Hyperparameters
from rules.model.package import Dataset

BASE_WALL_S = 1_790_000_000.0  # September 2026
BOOT_WALL_S = BASE_WALL_S - 50_000.0  # the monotonic clock's zero
RUN_PITCH_S = 300.0
LONG_PITCH_S = 2400.0  # where a run takes all of its epochs
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TARGET = 0.90
PRECISIONS = {"fp32": "float32", "tf32": "float32", "bfloat16": "mixed_bfloat16"}  # logged -> asked for


@dataclass(frozen=True)
class PackageOptions:
    """What to build. The defaults are a closed entry of a CPU-only machine on the quick data set."""

    org: str = "ExampleLab"
    system: str = "testbox"
    implementation: str = "reference"
    division: str = "closed"
    status: str = "research"
    runs: int = 5
    seeds: tuple[int, ...] | None = None  # default: large, distinct, fixed
    not_converged: tuple[int, ...] = ()  # these runs stop at max_epochs without the target
    max_epochs: int = 200
    train_files: int = 20
    test_files: int = 5
    nodes: int = 1
    accelerators_per_node: int = 0
    precision: str = "fp32"
    hyperparameters: Hyperparameters = Hyperparameters()
    power: bool = False
    telemetry: bool = True
    weights: bool = True
    best_of: int | None = None
    witness: bool = False  # with an authority whose clock is that of the logs


@dataclass(frozen=True)
class RunOptions:
    """One run of the package."""

    options: PackageOptions
    dataset: Dataset
    number: int

    @property
    def seed(self) -> int:
        """The one of the options, or a large one of its own."""
        if self.options.seeds is not None:
            return self.options.seeds[self.number]
        rng = random.Random(20261122)
        return [rng.randrange(2**20, 2**31) for _ in range(self.number + 1)][-1]

    @property
    def started_wall_s(self) -> float:
        """Runs start one after another, RUN_PITCH_S apart."""
        pitch_s = LONG_PITCH_S if self.options.not_converged else RUN_PITCH_S
        return BASE_WALL_S + self.number * pitch_s

    @property
    def converges(self) -> bool:
        """Whether the run reaches the target."""
        return self.number not in self.options.not_converged
