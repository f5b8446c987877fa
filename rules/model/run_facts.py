"""What is retained of a run once its log is judged: everything that others ask of it, as values.

Rules about packages, the score, the report and the leaderboard read these, never a log: a package may
hold ten thousand runs. rules/facts/run_facts.py computes them, once per run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from rules.model.evidence import RunRecord, Telemetry
from rules.model.log import Stated, Statement


class Settings(Mapping[str, Stated]):
    """The values that one log states under the keys of the ruleset."""

    __slots__ = ("_path", "_statements")

    def __init__(self, path: str, statements: dict[str, Statement]) -> None:
        self._path, self._statements = path, statements

    def __getitem__(self, key: str) -> Stated:
        value, line = self._statements[key]
        return Stated(value, self._path, line)

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)

    def value(self, key: str) -> Any:
        """The value stated under a key; None when absent."""
        return self._statements.get(key, (None,))[0]


class Timed(NamedTuple):
    """When the timed run began and ended, by its log; None where a line or its time is missing."""

    start_ms: int | None
    stop_ms: int | None
    start_line: int | None


class Seed(NamedTuple):
    """A logged seed, as the integer it means, and its line."""

    value: int
    line: int


class Evaluated(NamedTuple):
    """One evaluation inside the timed run."""

    epoch: int | None
    value: float | None  # None: not a finite number
    line: int


ClockName = Literal["the harness' monotonic clock", "the log's clock"]
HARNESS_CLOCK: ClockName = "the harness' monotonic clock"
LOG_CLOCK: ClockName = "the log's clock"


class ClockSpan(NamedTuple):
    """First and last arrival on the monotonic clock, and how far the wall clock is ahead of it, seconds."""

    first_s: float
    last_s: float
    wall_ahead_s: float


class CurvePoint(NamedTuple):
    """One epoch of the learning curve; time in seconds since run_start."""

    epoch: int
    at_s: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    patches_per_s: float | None = None
    eval_loss: float | None = None
    eval_accuracy: float | None = None


PhaseKind = Literal["init", "train", "evaluate", "inference"]


class PhaseSpan(NamedTuple):
    """A closed interval of the log, in seconds since run_start."""

    kind: PhaseKind
    start_s: float
    stop_s: float


class FileEnergy(msgspec.Struct, frozen=True):
    """Energy of one node or switch during one run."""

    path: str
    node: bool  # a switch is estimated, not measured
    joule: float | None
    upstream_joule: float | None
    readings: int = 0  # within the run
    longest_gap_s: float | None = None
    efficiency: float = 1.0
    source: str | None = None  # as the file says: ipmi, redfish, hwmon, external meter
    note: str = ""


class RunEnergy(msgspec.Struct, frozen=True):
    """Energy of one run: nodes and switches together. None when one of them has no value."""

    index: int
    files: list[FileEnergy] = []

    @property
    def joule(self) -> float | None:
        """By the rules' formula, in joules."""
        return total(f.joule for f in self.files)

    @property
    def upstream_joule(self) -> float | None:
        """As mlperf_logging computes it, in joules."""
        return total(f.upstream_joule for f in self.files)

    @property
    def note(self) -> str:
        """Why files have no value."""
        return "; ".join(f"{f.path.rpartition('/')[2]}: {f.note}" for f in self.files if f.note)


def total(values: Iterable[float | None]) -> float | None:
    """The sum; None where there are no values or one of them is None."""
    known = list(values)
    return None if not known or None in known else sum(v for v in known if v is not None)


class PowerFile(msgspec.Struct, frozen=True):
    """What is compared between the power files of all runs."""

    name: str
    path: str
    fingerprint: str | None  # of the sequence of readings; None where it is too short or constant


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One scored (or pruned) run."""

    index: int
    path: str  # of its log, relative to the package
    log_sha256: str | None
    settings: Settings
    timed: Timed
    status: str | None  # of run_stop: success or aborted
    converged: bool  # ended as a success, with the target met at its last evaluation
    time_to_train_s: float | None  # by `timed_by`, whether converged or not
    timed_by: ClockName
    ran_s: tuple[float, float] | None  # run_start and run_stop on the harness' clock; None by the log's
    last_evaluation: Evaluated | None
    seeds: tuple[Seed, ...]
    # what is often left unchanged in a copied run
    first_accuracies: tuple[float, ...]  # of as many evaluations as the ruleset compares; else empty
    first_evaluation_line: int | None
    first_losses: tuple[tuple[str, float], ...]
    edge_losses: tuple[float, ...]  # of the first and the last epochs
    edge_states: tuple[
        tuple[str, int], ...
    ]  # committed in the first and the last epochs: digests, and their lines
    epoch_times_ms: tuple[int, ...]
    test_metrics: tuple[tuple[str, float], ...]
    result_line: int | None
    clock: ClockSpan | None
    # evidence
    record: RunRecord | None  # without spec, files and cache, which rules about the run have judged
    telemetry: tuple[Telemetry, ...]
    packages: dict[str, str] | None  # what was installed: versions by plain name
    science: dict[str, Any] | None  # of science.json: the numbers over all test scenes, under "overall"
    evidence_dir: Path | None
    weights_sha256: str | None
    power: tuple[PowerFile, ...]
    energy: RunEnergy | None  # None: there are no power files
    problems: tuple[str, ...]  # evidence that could not be read, one line each
    # what is shown
    samples_per_s: float | None
    seconds_per_scene: float | None
    curve: tuple[CurvePoint, ...]
    phases: tuple[PhaseSpan, ...]

    @property
    def division(self) -> str | None:
        """As logged."""
        value = self.settings.value("submission_division")
        return value if isinstance(value, str) else None
