"""What a rule can see (Plan, Run, Package and their parts) and what it can say (Finding, Outcome).

Plain values, filled by the harness from files, read by the rules. Times keep their unit in the
name. A value that was not measured or not stated is None, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rules.model.log import Arrival as Arrival
from rules.model.log import Event as Event
from rules.model.log import Log as Log
from rules.model.log import LogProblem as LogProblem
from rules.model.log import Stated
from rules.model.log import Timeline as Timeline

# ---------------------------------------------------------------- evidence


@dataclass(frozen=True)
class Quantity:
    """Summary of one telemetry series over the run (run_start..run_stop)."""

    source: str  # nvml, psutil, ...
    name: str  # e.g. cpu_utilization, gpu_power
    unit: str
    scope: str  # node, cpu, gpu0, process tree, ...
    samples: int
    mean: float | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class MeasuredEnergy:
    """Energy of one scope over the run by one method (harness/telemetry/reader/energy.py); None: no number."""

    source: str
    scope: str
    method: str  # counter, right_rectangle, trapezoid
    joule: float | None
    difference: float | None = None  # relative to the method that is quoted for this scope
    stuck: bool = False  # all readings are equal to the last digit


@dataclass(frozen=True)
class Telemetry:
    """One sampler file, summarised. start/stop on the wall clock of the node."""

    path: str
    node: str
    start_wall_s: float
    stop_wall_s: float
    interval_s: float  # asked for
    achieved_hz: float | None
    longest_gap_s: float | None
    quantities: list[Quantity]
    energies: list[MeasuredEnergy] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # of the sampler during the run: lost devices, ...


@dataclass(frozen=True)
class RunRecord:
    """run.json: the harness' own account of one run."""

    schema: int
    run: int
    status: str  # success, aborted, failed, timeout, interrupted
    reason: str | None  # why it failed, in one line
    seed: int
    command: list[str]
    host: str
    boot_id: str | None
    started_wall_s: float
    finished_wall_s: float
    duration_s: float  # monotonic, of the child process
    exit_code: int | None
    cache: dict[str, Any]  # method, files, bytes, resident_bytes_after (None: could not be verified)
    spec: dict[str, Any]  # the run spec as given to the implementation
    software: dict[str, Any]  # versions of python and packages, commit, dirty
    files: dict[str, str]  # evidence file name -> SHA-256
    peak_rss_bytes: int | None = None
    telemetry_problems: list[str] = field(default_factory=list)  # samplers that did not start, or died


@dataclass(frozen=True)
class Replay:
    """The last evaluation of a run, computed again from its weights (harness/check/replay.py)."""

    accuracy: float | None = None
    loss: float | None = None
    samples: int | None = None
    device: str | None = None  # cpu or gpu
    reason: str | None = None  # why it could not be done: not checked
    problem: str | None = None  # what is wrong with the weights: an error


@dataclass
class Run:
    """Everything known of one scored run."""

    index: int
    log: Log
    record: RunRecord | None = None
    timeline: Timeline | None = None
    telemetry: list[Telemetry] = field(default_factory=list)
    science: dict[str, Any] | None = None
    evidence_dir: Path | None = None
    weights_sha256: str | None = None  # of the file in the package
    replay: Replay | None = None  # only when it was asked for
    file_digests: dict[str, str] = field(default_factory=dict)  # evidence file name -> SHA-256 as it is now
    power: dict[str, Log] = field(default_factory=dict)  # power/result_<i>/: file name -> readings
    problems: list[str] = field(default_factory=list)  # evidence that could not be read, one line each
    kept: dict[str, Any] = field(default_factory=dict, repr=False)  # see kept.py
    kept_for: Any = field(default=None, repr=False)  # the ruleset they follow from

    @property
    def division(self) -> str | None:
        value = self.log.value("submission_division")
        return value if isinstance(value, str) else None

    @property
    def settings(self) -> Mapping[str, Stated]:
        """Logged values by MLLOG key; the first statement counts."""
        return _LogSettings(self.log)

    @property
    def path(self) -> str:
        return self.log.path


class _LogSettings(Mapping[str, Stated]):
    def __init__(self, log: Log) -> None:
        self._log = log

    def __getitem__(self, key: str) -> Stated:
        found = self._log.stated(key)
        if found is None:
            raise KeyError(key)
        return Stated(found[0], self._log.path, found[1])

    def get(self, key: str, default: Any = None) -> Any:
        """As Mapping has it, without an exception for each key that is absent."""
        found = self._log.stated(key)
        return default if found is None else Stated(found[0], self._log.path, found[1])

    def __iter__(self) -> Any:
        return iter(self._log.by_key)

    def __len__(self) -> int:
        return sum(1 for _ in self)


# ---------------------------------------------------------------- data set, system, plan, package


# ---------------------------------------------------------------- verdict and score
