"""The data of a report, typed: the schema of data.json.

Everything that a page shows is here, already cleaned and bounded, so that templates only place it. The
cards of a panel are defined in its folder. Times are in seconds relative to run_start unless the name
says otherwise. None means: not measured.
"""

from __future__ import annotations

from pydantic import Field

from harness.report.panels.baselines.model import BaselinesCard
from harness.report.panels.claims.model import ClaimCard
from harness.report.panels.energy.model import EnergyCard, NodeEnergyCard
from harness.report.panels.gallery.model import GalleryCard
from harness.report.panels.machine.model import TimelineCard, UsageRow
from harness.report.panels.reproduce.model import Command
from harness.report.panels.runs.model import RunCard
from harness.report.panels.science.model import ScienceCard
from harness.report.panels.standing.model import StandingPoint
from harness.report.panels.system.model import SystemField
from harness.report.part import Part

SCHEMA = 1
MAX_LISTED = 20  # different findings of one rule that are listed; the others are counted


class Identity(Part):
    """Who submitted what: organisation, system, division and the size of the run."""

    org: str
    system: str
    benchmark: str  # cloudmask, or the folder's name: deepcam, ...
    division: str  # closed, open, or what the package states; empty when it states nothing
    division_name: str  # "CloudMask Closed", "CloudMask Open", "DeepCAM (division not stated)"
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
    """The data set that was used for training and testing, as the package states it."""

    profile: str
    synthetic: bool
    kind: str  # "SYNTHETIC", "official" or "the submitter's own"
    label: str  # the kind of data, in one line
    digest: str
    geometry: str
    patch_size: int | None  # pixels of a side
    train_scenes: int | None
    test_scenes: int | None
    train_samples: int | None
    eval_samples: int | None
    description: str


class FindingCard(Part):
    """One message of a rule, with every place it applies to."""

    message: str
    places: list[str]  # path:line of every finding with this message
    expected: str
    actual: str
    fix: str


class FindingGroup(Part):
    """Findings of one rule and severity; equal ones are merged, the first ones are listed."""

    rule: str
    title: str
    severity: str
    count: int
    fix: str
    findings: list[FindingCard]
    cause: bool = False  # what it found explains findings of other rules
    follows: str = ""  # the rule whose finding in the same file may explain this one


class RuleCard(Part):
    """What became of one rule, and why the rule exists."""

    id: str
    title: str
    outcome: str
    reason: str
    why: str
    source: str
    needs: str = ""  # not checked: the command that can, or that a person has to judge


class VerdictCard(Part):
    """The verdict, its findings by rule, and the outcome of every rule."""

    verdict: str
    ruleset: str
    made_by: str = ""  # the ruleset that the package's plan names, where it is not the one that judges
    counts: dict[str, int]  # rules by outcome
    errors: int
    warnings: int
    notes: int
    groups: list[FindingGroup]  # errors first, causes before consequences
    rules: list[RuleCard]
    broken: str = ""  # which rules errors break, in words: 5 rules, each in 5 runs
    weights: bool = False  # of a run are stored, so that its accuracy can be computed again


class Arithmetic(Part):
    """From the runs to the score (harness/score/breakdown.py)."""

    line: str  # the whole of it in one line
    counted: int  # runs in the mean
    mean_s: float | None  # of these, before the factor
    factor: float
    pace: str  # within, beyond, not_faster, no_point, not_compared
    reason: str  # of the factor, in one sentence
    mean_epochs: float | None
    reference_epochs: float | None
    least_epochs: float | None  # that chance explains
    low_s: float | None  # 95 % confidence interval of the score; None: too few runs to say
    high_s: float | None
    error_s: float | None  # standard error of the score
    degrees: int | None  # of freedom
    interval: str  # the same in words


class ScoreCard(Part):
    """The score and what stands beside it; None means that it could not be computed."""

    time_to_train_s: float | None
    clock: str = ""  # whose clock all times of the report are read from
    method: str
    note: str
    samples_per_s: float | None
    seconds_per_scene: float | None
    accuracy: float | None  # mean of the last evaluations of the runs that converged
    target: float | None
    science: dict[str, float]  # mean over runs
    arithmetic: Arithmetic | None = None  # None for throughput entries


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
    usage: list[UsageRow] = []
    claims: list[ClaimCard] = []  # empty: the verdict names no rules
    baselines: BaselinesCard | None = None  # None: no simple methods are known for this data set
