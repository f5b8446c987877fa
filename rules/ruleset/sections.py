"""The sections of a ruleset, as typed values: what each holds, and what an older ruleset means by leaving it out."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A section of a ruleset."""


class Quality(Section, frozen=True, kw_only=True):
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


class Division(Section, frozen=True, kw_only=True):
    """What a division requires of an entry."""

    runs_minimum: int
    runs_maximum: int | None
    olympic_from: int  # from this many runs on, the fastest and the slowest are dropped
    not_converged_allowed: int | None  # None: any number, as long as one converges
    init_limit_s: float

    def of_weak_scaling(self) -> Division:
        """The same division for throughput entries: as many models or more, and each converges (HR 8)."""
        return msgspec.structs.replace(self, runs_maximum=None, not_converged_allowed=0)


class Free(Section, frozen=True, kw_only=True):
    """Bounds of a hyperparameter that the closed division frees."""

    minimum: float | None = None
    maximum: float | None = None
    power_of_two: bool = False


class Precisions(Section, frozen=True, kw_only=True):
    """Where precision is logged, what closed allows, and what each policy of a recipe may log."""

    keys: list[str]
    closed: list[str]
    recipe: dict[str, list[str]]


class SyntheticScenes(Section, frozen=True, kw_only=True):
    """How scenes are known that the generator made (reference/data/synthetic/writer.py)."""

    name: str = "(?!)"  # of a file without its folders; by default of none
    digests: dict[str, str] = {}  # digest of a standard data set -> its profile

    def made(self, name: str) -> bool:
        """Whether a file is named as the generator names its scenes."""
        return re.fullmatch(self.name, name.rsplit("/", 1)[-1], re.IGNORECASE) is not None


class DataRules(Section, frozen=True, kw_only=True):
    """Names and geometry of the scenes and their split."""

    file_pattern: str
    split: dict[str, Any]
    profiles: dict[str, dict[str, int]]  # geometry of data sets known by name
    official: dict[str, int]
    official_files: dict[str, Any] = {}  # what is known of the official scenes (rules/data/official.py)
    synthetic: SyntheticScenes = SyntheticScenes()


class SeedRules(Section, frozen=True, kw_only=True):
    """Bounds of seeds."""

    minimum: int
    maximum: int
    fixed: int | None
    text: bool = False  # a string of digits is accepted too
    run_length: int


class Clock(Section, frozen=True, kw_only=True):
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
    # whose clock the score is read from (rules/facts/run_clock.py)
    scored: Literal["log", "arrivals"] = "log"
    agreement_s: float = 1.0  # between the two, in time-to-train: whichever of these is larger
    agreement_share: float = 0.0
    relayed_s: float = 0.0  # and as much more where a batch system passes the lines on
    read_late_s: float = 0.0  # up to so much more by the harness' clock, to which the score goes, only warns
    accelerator_peaks: dict[
        str, dict[str, float]
    ] = {}  # word of a model name -> precision -> operations per s
    core_flop_per_cycle: dict[str, float] = {}  # precision -> operations of one hardware thread
    # of the arithmetic's processor time at peak speed, that a run has to have used
    processor_share: float = 0.4
    boost: float = 2.0  # of a described clock, where none was sampled
    fastest_hz: float = 6.0e9
    first_epoch_share: float = 0.5  # of the shortest other epoch
    first_epoch_slack_s: float = 1.0
    # busy seconds before run_start: of one part
    init_work_s: dict[str, float] = msgspec.field(
        default_factory=lambda: {"processor": 60.0, "accelerator": 0.0}
    )
    # and of each part
    init_all_s: dict[str, float] = msgspec.field(
        default_factory=lambda: {"processor": 5.0, "accelerator": 30.0}
    )
    init_work_epochs: float = 0.25  # and so much of the mean epoch
    overlap_s: float = 1.0  # of runs that follow one another
    staging_inside: bool = False  # staging may lie inside the timed run, where it costs time
    work_after_stop: bool = False  # training may go on after run_stop, where it gains nothing


class ConvergenceRules(Section, frozen=True, kw_only=True):
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


class EvidenceRules(Section, frozen=True, kw_only=True):
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
    # Of the ways from beginnings to ends, medians over kernels. Cosine of two runs' ways: honest ones had 0.17 at most,
    # a copied one 1.00. Alignment: honest ways had 5 and more (60 epochs), noise has 1.
    way_cosine: float = 0.5
    way_alignment: float = 2.0
    telling_loss: float = 0.003  # of the loss of the first epoch: further off, it shows no seed
    science_replay_tolerance: float = 1e-3  # in float32; other precisions as replay_tolerance
    gallery_share: float = 0.01  # of the pixels of a picture
    # of marks of steps that two runs may share; measured: none, in 10,048 pairs of 143 files
    pace_share: float = 0.25
    energy_difference: float = 0.05  # between counter and power readings: meters are accurate to 5 % (PM 3.6)
    node_clock_s: float = 0.2  # a reading or two of the sampler
    # share of the readings that were due: a starved sampler makes most of them
    telemetry_density: float = 0.5
    failed_maximum: int | None = None  # attempts that trained and failed; None: no more than runs (a warning)
    series: list[str] = []  # what telemetry of a closed run has to hold
    cpu_tolerance: float = 0.1  # of processor shares over a run
    read_share: float = 0.5  # of the training data that a run on empty caches reads at least
    remote_storage: list[str] = []  # words for storage that may reach a node past its counters
    bill_s: float = 120.0  # from the life of a run to the time of its bill of materials, both by one clock
    inference_share: float = 0.5  # of the interval of inference that its scenes take; measured: 0.97
    output_words: list[str] = []  # patterns of lines that a reviewer should see
    idle_words: list[str] = []  # the same, where accelerators are declared
    output_clock_s: float = 120.0  # that lines of a library may be outside of the life of their run
    rss_share: float = 0.5  # of what the largest process held, that the recorded peak has at least
    rss_minimum: int = 0  # bytes of any program that trains this model
    cache_null: bool = False  # a cache_clear line without a value is a warning only
    cache_verified: bool = True  # eviction has to be shown in the line's metadata


class WitnessRules(Section, frozen=True, kw_only=True):
    """Whose time stamps count, and how far they may be from what the log says."""

    roots: dict[str, str] = {}  # certificates of authorities in PEM; a reviewer may add others
    accuracy_s: float = 1.0  # of stamps that state none
    drift_s: float = 0.5  # between the harness' wall clock and the authority's, over one run
    clock_s: float = 120.0  # the harness' wall clock may be off by this much
    late_s: float = 10.0  # from an event to its stamp
    idle_s: float = 60.0  # without a run, before it is asked whether one was left out


class PowerRules(Section, frozen=True, kw_only=True):
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


class PackageRules(Section, frozen=True, kw_only=True):
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


class SystemRules(Section, frozen=True, kw_only=True):
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


class KeyRule(Section, frozen=True, kw_only=True):
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
