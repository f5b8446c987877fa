"""What a report says, as typed values: the schema of data.json.

Everything a page shows is here, already cleaned and bounded, so that templates only place it.
Times are in seconds relative to run_start unless the name says otherwise. None means: not measured.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Identity(Part):
    org: str
    system: str
    division: str  # closed, open, or what the package says; empty when it says nothing
    division_name: str  # "CloudMask Closed", "CloudMask Open", "CloudMask (division not stated)"
    status: str
    implementation: str
    precision: str
    framework: str
    nodes: int | None
    accelerators: int | None  # in all nodes together
    accelerator: str
    global_batch_size: int | None
    commit: str


class DatasetCard(Part):
    profile: str
    synthetic: bool
    kind: str  # "SYNTHETIC", "official" or "the submitter's own"
    label: str  # one line that says what kind of data this is
    digest: str
    geometry: str
    train_scenes: int | None
    test_scenes: int | None
    train_samples: int | None
    eval_samples: int | None
    description: str


class FindingCard(Part):
    message: str
    places: list[str]  # path:line of every finding that says the same
    expected: str
    actual: str
    fix: str


class FindingGroup(Part):
    """Findings of one rule and severity; those that say the same are one, only the first ones are listed."""

    rule: str
    title: str
    severity: str
    count: int
    fix: str
    findings: list[FindingCard]


class RuleCard(Part):
    id: str
    title: str
    outcome: str
    reason: str
    why: str
    source: str


class VerdictCard(Part):
    verdict: str
    ruleset: str
    counts: dict[str, int]  # rules by outcome
    errors: int
    warnings: int
    notes: int
    groups: list[FindingGroup]  # errors first
    rules: list[RuleCard]


class ScoreCard(Part):
    time_to_train_s: float | None
    method: str
    note: str
    samples_per_s: float | None
    seconds_per_scene: float | None
    accuracy: float | None  # mean of the last evaluations of the runs that converged
    target: float | None
    science: dict[str, float]  # mean over runs


class StandingPoint(Part):
    """One thing that makes the result official, or keeps it from being so."""

    state: Literal["yes", "no", "unknown"]
    text: str


class Epoch(Part):
    epoch: int
    at_s: float | None  # when the evaluation was logged, since run_start
    train_loss: float | None = None
    train_accuracy: float | None = None
    patches_per_s: float | None = None
    eval_loss: float | None = None
    eval_accuracy: float | None = None


class Phase(Part):
    kind: Literal["init", "train", "evaluate", "inference"]
    start_s: float
    stop_s: float


class RunCard(Part):
    index: int
    seed: str
    status: str
    reason: str  # why it failed, when it did
    epochs: int | None
    time_to_train_s: float | None
    accuracy: float | None
    dropped: str
    peak_rss_bytes: int | None
    host: str
    curve: list[Epoch]
    phases: list[Phase]
    problems: list[str]


class SeriesCard(Part):
    """One measured quantity over time, thinned to what a page can show."""

    label: str  # scope and source, e.g. "node, psutil"
    points: list[tuple[float, float]]


class Panel(Part):
    title: str
    unit: str
    maximum: float | None  # upper end of the axis when the quantity has one (100 %)
    series: list[SeriesCard]


class QuantityCard(Part):
    source: str
    name: str
    unit: str
    scope: str
    samples: int
    mean: float | None
    minimum: float | None
    maximum: float | None


class TimelineCard(Part):
    run: int
    start_s: float
    stop_s: float
    clock_stop_s: float | None  # run_stop
    phases: list[Phase]
    panels: list[Panel]
    quantities: list[QuantityCard]
    sampling: str  # interval asked for, rate achieved, longest gap
    notes: list[str]  # what is not shown, and why


class EnergyRow(Part):
    run: int
    scope: str
    source: str
    joules: float | None
    mean_w: float | None
    method: str
    note: str


class EnergySummary(Part):
    """Mean over the runs of one scope; scopes overlap (a GPU lies in its node) and are never added up."""

    scope: str
    source: str
    method: str
    joules: float
    runs: int  # that have a value


class EnergyCard(Part):
    rows: list[EnergyRow]
    summary: list[EnergySummary]
    missing: list[str]  # sources that gave nothing, and why
    node_level: bool  # whole-node power of every scored run: eligible for a power score
    explanation: str


class NodeEnergyRow(Part):
    """One power file: a node, or a switch that is estimated."""

    run: int
    file: str
    source: str
    joules: float | None  # by the power rules' formula, run_start to run_stop
    upstream_joules: float | None  # by mlperf_logging's: mean of the whole measurement x time-to-train
    readings: int | None
    longest_gap_s: float | None
    efficiency: float | None
    note: str


class NodeEnergyCard(Part):
    """Energy to train of whole nodes: mean over the runs that the time's mean is made of."""

    joules: float | None
    upstream_joules: float | None
    upstream_difference: float | None  # upstream's relative to ours
    note: str
    rows: list[NodeEnergyRow]


class Metric(Part):
    name: str
    value: float | None
    per_run: list[float | None]
    meaning: str
    unit: str


class GroupRow(Part):
    group: str  # "daylight", "surface", "cloud fraction"
    name: str
    count: int | None
    count_of: str  # "scenes", "pixels", ...
    metrics: dict[str, float | None]


class CalibrationBin(Part):
    low: float
    high: float
    count: int
    mean_probability: float | None
    cloud_fraction: float | None


class SceneRow(Part):
    name: str
    accuracy: float | None
    cloud_fraction: float | None
    daylight: str
    latitude: float | None
    longitude: float | None
    estimated: bool = False  # from the orbit in the file name


class ScienceCard(Part):
    run: int | None  # whose details (groups, calibration, scenes) are shown
    scenes: int | None
    metrics: list[Metric]
    groups: list[GroupRow]
    calibration: list[CalibrationBin]
    precision_recall: list[tuple[float, float]]  # recall, precision
    per_scene: list[SceneRow]
    notes: list[str]


class GalleryScene(Part):
    name: str
    accuracy: float | None
    daylight: str
    position: str
    width: int
    height: int
    missed: float  # fraction of pixels
    false_alarm: float
    images: dict[str, str]  # view -> file name beside the page


class GalleryCard(Part):
    run: int | None
    scenes: list[GalleryScene]
    notes: list[str]


class SystemField(Part):
    name: str
    label: str
    declared: str
    detected: str
    provenance: str
    state: Literal["same", "different", "only_declared", "only_detected", "absent"]


class Command(Part):
    purpose: str
    command: str


class Report(Part):
    """data.json of one package."""

    schema_version: int = Field(default=SCHEMA, serialization_alias="schema")
    generated: str
    tool: str
    identity: Identity
    dataset: DatasetCard | None
    verdict: VerdictCard
    score: ScoreCard
    standing: list[StandingPoint]
    runs: list[RunCard]
    timeline: TimelineCard | None
    energy: EnergyCard
    node_energy: NodeEnergyCard | None = None  # only with power files
    science: ScienceCard
    gallery: GalleryCard
    system: list[SystemField]
    software: dict[str, str]
    reproduce: list[Command]
    notes: list[str]
    footnotes: list[str]
