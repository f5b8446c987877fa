"""What a rule can see (Plan, Run, Package and their parts) and what it can say (Finding, Outcome).

Plain values, filled by the harness from files, read by the rules. Times keep their unit in the
name. A value that was not measured or not stated is None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rules.lines import Arrival as Arrival
from rules.lines import Event as Event
from rules.lines import Log as Log
from rules.lines import LogProblem as LogProblem
from rules.lines import Timeline as Timeline

if TYPE_CHECKING:
    from rules.energy import EnergyScore


class Severity(str, Enum):
    ERROR = "error"  # the package is not compliant
    WARNING = "warning"  # a reviewer should look
    INFO = "info"


class Outcome(str, Enum):
    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    NOT_APPLICABLE = "not_applicable"
    NOT_CHECKED = "not_checked"  # always with a reason; never a silent pass


class Scope(str, Enum):
    """What one call of a rule judges."""

    PLAN = "plan"  # before the runs
    RUN = "run"  # one result log and its evidence
    PACKAGE = "package"  # everything together


@dataclass(frozen=True)
class Finding:
    """One thing wrong, said so that a person can act on it. `path` is relative to the package."""

    rule: str
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None  # 1-based line of the file as it is on disk
    expected: Any = None
    actual: Any = None
    fix: str | None = None


class Stated(msgspec.Struct, frozen=True, gc=False):
    """A value and where it is stated, so that one rule can judge a recipe and a log alike."""

    value: Any
    path: str | None = None
    line: int | None = None


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
    """Energy of one scope over the run by one method (harness/telemetry/energy.py); None: no number."""

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
    """The last evaluation of a run, computed again from its weights (harness/replay.py)."""

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


@dataclass(frozen=True)
class DatasetFile:
    name: str  # relative to the data set's folder
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """What was trained and tested on (written to the package as evidence)."""

    profile: str
    synthetic: bool
    root: str
    digest: str
    geometry: dict[str, int]
    split: dict[str, Any]
    train: list[DatasetFile]
    test: list[DatasetFile]
    train_samples: int
    eval_samples: int
    description: str = ""


@dataclass(frozen=True)
class System:
    """systems/<name>.json: the 33 MLPerf fields as written, and which of them were probed."""

    name: str
    path: str
    fields: dict[str, Any]
    provenance: dict[str, str] = field(default_factory=dict)  # field -> probed | typed | unknown
    detected: dict[str, Any] | None = None  # what the harness saw on the machine that ran


@dataclass
class Plan:
    """What would run, before it runs. `settings` uses the MLLOG keys of the log to come."""

    org: str
    system_name: str
    implementation: str
    division: str | None
    status: str
    runs: int
    best_of: int | None  # open only: how many runs the submitted ones were chosen from
    settings: Mapping[str, Stated]
    recipe: dict[str, Any]
    recipe_path: str
    system: System | None
    dataset: Dataset | None
    ruleset: str
    scaling: str = "strong"  # weak: `runs` models at the same time (HR 7.2)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link in the package, and whether it leads out of it (or nowhere)."""

    path: str
    target: str
    inside: bool
    exists: bool


@dataclass
class ManifestStatus:
    """MANIFEST.sha256 against the files on disk (paths relative to the package)."""

    present: bool
    missing: list[str] = field(default_factory=list)  # listed, not there
    changed: list[str] = field(default_factory=list)  # there, other bytes
    unlisted: list[str] = field(default_factory=list)  # there, not listed
    problem: str | None = None


@dataclass
class Package:
    """One organisation's entry for one system, as found on disk.

    `files` lists every file of the package, relative and sorted; `unreadable` says in one line
    each what could not be read and is therefore never a pass.
    """

    root: Path
    org: str
    system_name: str | None
    runs: list[Run]
    division: str | None = None
    system: System | None = None
    recipe: dict[str, Any] | None = None
    dataset: Dataset | None = None
    plan: dict[str, Any] | None = None
    files: list[str] = field(default_factory=list)
    manifest: ManifestStatus | None = None
    unreadable: list[str] = field(default_factory=list)
    scaling: str = "strong"
    benchmark: str = "cloudmask"
    result_names: list[str] = field(default_factory=list)  # every result*.txt, whatever its number
    failed_runs: list[RunRecord] = field(default_factory=list)  # kept and marked, not scored
    sizes: dict[str, int] = field(default_factory=dict)  # bytes of each of `files`
    links: list[Link] = field(default_factory=list)
    companion: dict[str, Any] | None = None  # <system>_<implementation>.json
    system_names: list[str] = field(default_factory=list)  # every system the organisation describes
    dataset_digest: str | None = None  # as it follows from the files that dataset.json lists
    entries: list[str] = field(default_factory=list)  # every system/scaling/benchmark of the organisation
    pruned: list[Run] = field(default_factory=list)  # weak scaling: models trained but not scored (HR 7.2)
    scaling_file: dict[str, Any] | None = None  # scaling.json beside the results, as it stands

    @property
    def entry(self) -> str:
        return f"{self.system_name}/{self.scaling}/{self.benchmark}"


# ---------------------------------------------------------------- verdict and score


@dataclass(frozen=True)
class RuleResult:
    id: str
    outcome: Outcome
    reason: str | None = None  # for not_applicable and not_checked


@dataclass
class Verdict:
    ruleset: str
    path: str
    verdict: str  # compliant, not_compliant, unreadable
    findings: list[Finding]
    rules: list[RuleResult]

    def counts(self) -> dict[str, int]:
        tally = {outcome.value: 0 for outcome in Outcome}
        for result in self.rules:
            tally[result.outcome.value] += 1
        return tally


@dataclass(frozen=True)
class RunScore:
    index: int
    time_to_train_s: float | None  # None: did not converge
    epochs: int | None
    accuracy: float | None  # the last evaluation
    dropped: str | None = None  # "fastest", "slowest", "did not converge"


@dataclass(frozen=True)
class WeakScore:
    """Weak scaling (HR 7.2): so many models trained in so long, each on so large a part of the system."""

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
    scaling_factor: float = 1.0  # from the convergence points (TR 12.2); already in time_to_train_s
    weak: WeakScore | None = None  # throughput entries: instead of time_to_train_s
    energy: EnergyScore | None = None  # of whole nodes; None when no power was submitted


def relative(path: Path, root: Path) -> str:
    """Path as findings show it: relative to the package, with forward slashes."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def numbers(values: Iterable[Any]) -> list[float]:
    """Only the real, finite numbers (bool is no number here)."""
    return [
        float(v)
        for v in values
        if isinstance(v, (int, float)) and not isinstance(v, bool) and v == v and abs(v) != float("inf")
    ]
