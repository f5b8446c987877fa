"""A ruleset: the numbers the rules compare with, read from a YAML beside this file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

DEFAULT = "cloudmask-1.1"
FOLDER = Path(__file__).resolve().parent / "rulesets"
FILE = "ruleset.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C: a fifth of the time of a check otherwise


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A section of a ruleset."""


class Quality(_Part, frozen=True, kw_only=True):
    """The quality target, and how it is measured."""

    key: str
    loss_key: str
    target_key: str
    target: float
    minimum: float
    maximum: float
    frequency_epochs: int
    decimals: int = 3  # an accuracy with no more decimals was rounded
    loss_tolerance: float = 1.0e-3  # of the smallest loss that an accuracy allows: rounding of bfloat16
    evaluation_slack: int = 0  # this many epochs may lack an evaluation, and evaluations an epoch
    better: Literal["higher", "lower"] = "higher"

    def met(self, value: float | None) -> bool:
        """Whether a finite value meets the target; an error of exactly its minimum (0) is not a result."""
        if value is None:
            return False
        if self.better == "lower":
            return self.minimum < value <= self.target
        return self.target <= value <= self.maximum

    @property
    def wanted(self) -> str:
        """The target as a condition."""
        return f"{'>=' if self.better == 'higher' else '<='} {self.target}"


class Division(_Part, frozen=True, kw_only=True):
    """What a division requires of an entry."""

    runs_minimum: int
    runs_maximum: int | None
    olympic_from: int  # from this many runs on, the fastest and the slowest are dropped
    not_converged_allowed: int | None  # None: any number, as long as one converges
    init_limit_s: float

    def of_weak_scaling(self) -> Division:
        """The same division for throughput entries: as many models or more, and each converges (HR 8)."""
        return msgspec.structs.replace(self, runs_maximum=None, not_converged_allowed=0)


class Free(_Part, frozen=True, kw_only=True):
    """Bounds of a hyperparameter that the closed division frees."""

    minimum: float | None = None
    maximum: float | None = None
    power_of_two: bool = False


class Precisions(_Part, frozen=True, kw_only=True):
    """Where precision is logged, what closed allows, and what each policy of a recipe may log."""

    keys: list[str]
    closed: list[str]
    recipe: dict[str, list[str]]


class DataRules(_Part, frozen=True, kw_only=True):
    """Names and geometry of the scenes and their split."""

    file_pattern: str
    split: dict[str, Any]
    profiles: dict[str, dict[str, int]]  # geometry of data sets known by name
    official: dict[str, int]
    official_files: dict[str, Any] = {}  # what is known of the official scenes (rules/data/official.py)


class SeedRules(_Part, frozen=True, kw_only=True):
    """Bounds of seeds."""

    minimum: int
    maximum: int
    fixed: int | None
    text: bool = False  # a string of digits is accepted too
    run_length: int


class Clock(_Part, frozen=True, kw_only=True):
    """Tolerances of times, in the unit of each name."""

    earliest_ms: int
    ahead_s: float
    backwards_ms: float
    backwards_excused_ms: float = 0  # steps back up to this long only warn
    arrival_early_s: float
    arrival_late_s: float
    wall_drift_s: float
    stop_gap_s: float
    pause_s: float
    throughput_tolerance: float
    throughput_slack_s: float
    child_slack_s: float
    startup_s: float
    after_log_s: float
    boot_drift_s: float
    evaluation_speedup: float
    evaluation_slack_s: float
    train_flop_per_pixel: float
    accelerator_flop_per_s: float
    host_flop_per_s: float
    scored: Literal["log", "arrivals"] = (
        "log"  # whose clock the score is read from (rules/facts/run_clock.py)
    )
    agreement_s: float = 1.0  # between the two, in time-to-train: whichever of these is larger
    agreement_share: float = 0.0
    accelerator_peaks: dict[
        str, dict[str, float]
    ] = {}  # word of a model name -> precision -> operations per s
    core_flop_per_cycle: dict[str, float] = {}  # precision -> operations of one hardware thread
    boost: float = 2.0  # of a described clock, where none was sampled
    fastest_hz: float = 6.0e9
    first_epoch_share: float = 0.5  # of the shortest other epoch
    first_epoch_slack_s: float = 1.0
    init_work_s: dict[str, float] = msgspec.field(
        default_factory=lambda: {"processor": 60.0, "accelerator": 0.0}
    )  # busy seconds before run_start: of one part
    init_all_s: dict[str, float] = msgspec.field(
        default_factory=lambda: {"processor": 5.0, "accelerator": 30.0}
    )  # and of each part
    init_work_epochs: float = 0.25  # and so much of the mean epoch
    overlap_s: float = 1.0  # of runs that follow one another
    staging_inside: bool = False  # staging may lie inside the timed run, where it costs time
    work_after_stop: bool = False  # training may go on after run_stop, where it gains nothing


class ConvergenceRules(_Part, frozen=True, kw_only=True):
    """How runs are compared with each other and with the reference."""

    digits: int
    cut_epochs: int
    span_days: float
    test_gap: float
    learned_gain: float
    shared_losses: int
    break_s: float
    break_runs: float
    points: Literal["trimmed", "upstream"] = "trimmed"  # see rules/facts/reference_points.py
    scale_practice: bool = False  # on practice data, multiply the score beyond chance too


class EvidenceRules(_Part, frozen=True, kw_only=True):
    """Tolerances between evidence and log."""

    resident_share: float
    telemetry_edge_s: float
    telemetry_gap_s: float
    busy_percent: float
    worked_percent: float
    science_tolerance: float
    replay_tolerance: dict[str, float]  # by the logged precision of the run
    # Measured on 16 trained runs and on forgeries: docs/evidence.md. Kernels that descend from a seed have a cosine
    # with its beginning of 0.9, unrelated ones of 0.0; kernels of two runs are below 0.1.
    descent_cosine: float = 0.1
    kinship_cosine: float = 0.3
    science_replay_tolerance: float = 1e-3  # in float32; other precisions as replay_tolerance
    gallery_share: float = 0.01  # of the pixels of a picture
    energy_difference: float = 0.05  # between counter and power readings: meters are accurate to 5 % (PM 3.6)
    node_clock_s: float = 0.2  # a reading or two of the sampler
    telemetry_density: float = (
        0.5  # share of the readings that were due: a starved sampler makes most of them
    )
    failed_maximum: int | None = None  # attempts that trained and failed; None: no more than runs (a warning)
    series: list[str] = []  # what telemetry of a closed run has to hold
    cpu_tolerance: float = 0.1  # of processor shares over a run
    read_share: float = 0.5  # of the training data that a run on empty caches reads at least
    remote_storage: list[str] = []  # words for storage that may reach a node past its counters
    output_words: list[str] = []  # patterns of lines that a reviewer should see
    rss_share: float = 0.5  # of what the largest process held, that the recorded peak has at least
    rss_minimum: int = 0  # bytes of any program that trains this model
    cache_null: bool = False  # a cache_clear line without a value is a warning only
    cache_verified: bool = True  # eviction has to be shown in the line's metadata


class WitnessRules(_Part, frozen=True, kw_only=True):
    """Whose time stamps count, and how far they may be from what the log says."""

    roots: dict[str, str] = {}  # certificates of authorities in PEM; a reviewer may add others
    accuracy_s: float = 1.0  # of stamps that state none
    drift_s: float = 0.5  # between the harness' wall clock and the authority's, over one run
    clock_s: float = 120.0  # the harness' wall clock may be off by this much
    late_s: float = 10.0  # from an event to its stamp
    idle_s: float = 60.0  # without a run, before it is asked whether one was left out


class PowerRules(_Part, frozen=True, kw_only=True):
    """Bounds and tolerances of power readings."""

    formula_tolerance: float
    agreement_tolerance: float
    readings_minimum: int
    interval_s: float
    interval_slack_s: float
    window_slack_s: float
    efficiency_minimum: float
    watts_maximum: float
    watts_minimum: float
    telemetry_share: float
    part_watts_maximum: float


class PackageRules(_Part, frozen=True, kw_only=True):
    """Files that an entry has or must not have."""

    code_files: list[str]
    companion_fields: list[str]
    file_limit_bytes: int
    forbidden_suffixes: list[str]
    bypass_files: list[str]
    empty_files_maximum: int | None = None  # below benchmarks/; None: any number
    code_files_maximum: int | None = None
    report_words: list[str]
    report_limit_bytes: int
    numbering_from: list[int] = msgspec.field(default_factory=lambda: [0])  # the first run's number


class SystemRules(_Part, frozen=True, kw_only=True):
    """Fields of a system description."""

    required: list[str]
    optional: list[str]
    may_be_blank: list[str]
    one_of: list[str]
    integers: list[str]
    optional_integers: list[str]
    placeholders: list[str]
    not_probed: list[str]
    statuses: dict[str, list[str]]
    status_aliases: dict[str, str]


class KeyRule(_Part, frozen=True, kw_only=True):
    """What the log must state under one key."""

    event: Literal["start", "stop", "point", "any"] = "point"
    count: Literal["one", "some", "optional"] = "optional"
    type: Literal[
        "text",
        "integer",
        "number",
        "number_or_null",
        "boolean",
        "sha256",
        "commit",
        "mapping",
        "numbers",
        "pair",
        "nothing",
        "any",
    ] = "any"
    values: list[Any] | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    metadata: list[str] = []
    phase: Literal["before", "any"] = "any"
    divisions: list[str] = msgspec.field(default_factory=lambda: ["closed", "open"])
    alias: str | None = None  # another spelling that is accepted
    instead: str | None = None  # another key that may be logged instead
    when: dict[str, list[Any]] = {}  # required only with these values of other keys


class Ruleset(_Part, frozen=True, kw_only=True):
    """The numbers of one rulebook, for all of its divisions and benchmarks."""

    name: str
    title: str
    benchmark: str
    scaling: str
    quality: Quality
    divisions: dict[str, Division]
    reference: dict[str, Any]
    free: dict[str, Free]
    recipe_keys: dict[str, str]
    precisions: Precisions
    data: DataRules
    seeds: SeedRules
    clock: Clock
    convergence: ConvergenceRules
    evidence: EvidenceRules
    power: PowerRules
    package: PackageRules
    system: SystemRules
    keys: dict[str, KeyRule]
    witness: WitnessRules = WitnessRules()
    epoch_numbers: Literal["counted", "increasing"] = "counted"  # 1, 2, 3... or, say, samples seen so far
    first_epoch: int = 1  # the smallest epoch_num; 0 where a model is evaluated before it is trained
    tolerated: dict[str, str] = {}  # kind of log problem -> why it only warns
    scalings: list[str] = msgspec.field(default_factory=lambda: ["strong"])
    excluded: dict[str, str] = {}  # rule id -> why it does not apply here
    lenient: dict[str, str] = {}  # rule id -> why it only warns here
    benchmarks: dict[str, dict[str, Any]] = {}  # name -> what differs for it

    def of(self, benchmark: str | None) -> Ruleset:
        """This ruleset with the numbers of one of its benchmarks; unchanged for one it does not know."""
        changes = self.benchmarks.get(benchmark or "")
        if changes is None:
            return self
        base = {name: part for name, part in self.dump().items() if name != "benchmarks"}
        return msgspec.convert({**_merged(base, changes), "benchmark": benchmark}, Ruleset)

    def dump(self) -> dict[str, Any]:
        """All numbers, as mappings, lists and plain values."""
        dumped: dict[str, Any] = msgspec.to_builtins(self)
        return dumped

    def knows(self, benchmark: str) -> bool:
        """Whether this ruleset has numbers for a benchmark."""
        return benchmark in self.benchmarks if self.benchmarks else benchmark == self.benchmark

    def division(self, name: str | None, scaling: str = "strong") -> Division:
        """Numbers of a division; an unknown one gets the strictest, closed."""
        division = self.divisions.get(name or "", self.divisions["closed"])
        return division.of_weak_scaling() if scaling == "weak" else division

    def required_keys(self, division: str | None, stated: Mapping[str, Any] | None = None) -> list[str]:
        """Keys a log of that division has to hold, in the order of the table.

        `stated` maps keys to logged values: some keys are required only with a certain value of another.
        """
        known = division if division in self.divisions else "closed"
        return [
            key
            for key, when in self._required[known or "closed"]
            if not when or all((stated or {}).get(other) in values for other, values in when.items())
        ]

    @cached_property
    def _required(self) -> dict[str, list[tuple[str, dict[str, list[Any]]]]]:
        """Required keys of each division, with the values of other keys that they are required with."""
        asked = {key: rule for key, rule in self.keys.items() if rule.count != "optional"}
        return {
            division: [(key, rule.when) for key, rule in asked.items() if division in rule.divisions]
            for division in self.divisions
        }

    @cached_property
    def metadata(self) -> dict[str, list[str]]:
        """Metadata that lines must carry, of those keys that need any."""
        return {key: rule.metadata for key, rule in self.keys.items() if rule.metadata}

    @cached_property
    def conditions(self) -> frozenset[str]:
        """Keys whose value decides whether another key is required."""
        return frozenset(other for rule in self.keys.values() for other in rule.when)


def names() -> list[str]:
    """Rulesets that can be loaded by name."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))


@lru_cache(maxsize=8)
def load_ruleset(name: str = DEFAULT) -> Ruleset:
    """The ruleset of that name.

    Raises ValueError in one line when there is none (with the nearest name) or when its file is broken.
    """
    known = names()
    if name not in known:
        guess = difflib.get_close_matches(name, known, 1)
        hint = f", did you mean '{guess[0]}'?" if guess else "."
        raise ValueError(f"There is no ruleset '{name}'{hint} Known: {', '.join(known)}.")
    try:
        return msgspec.convert(_read(name), Ruleset)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValueError(f"Ruleset {name} cannot be read: {' '.join(str(error).split())[:300]}") from error


def _read(name: str) -> dict[str, Any]:
    """A ruleset's YAML with the sections it shares with others (`include: {ruleset: [section]}`)."""
    raw: dict[str, Any] = yaml.load((FOLDER / name / FILE).read_text(encoding="utf-8"), LOADER)
    shared: dict[str, Any] = {}
    for other, sections in raw.pop("include", {}).items():
        source = _read(other)
        shared.update({section: source[section] for section in sections})
    return _merged(shared, raw)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """base with changes put into it, mapping by mapping; lists are replaced."""
    result = dict(base)
    for name, value in changes.items():
        below = result.get(name)
        nested = isinstance(below, dict) and isinstance(value, dict)
        result[name] = _merged(below, value) if nested else value  # type: ignore[arg-type]
    return result
