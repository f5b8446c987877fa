"""The data of a leaderboard, typed: the schema of leaderboard.json."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

from harness.report.panels.baselines.model import SimpleMethod

SCHEMA = 4


class Part(BaseModel):
    """An immutable value of leaderboard.json."""

    model_config = ConfigDict(frozen=True)


class Entry(Part):
    """One compliant package. None and empty texts mean: not measured, not stated."""

    id: str  # stable: <organisation>/<system>, as folder names
    system: str
    org: str
    status: str
    time_to_train_s: float | None  # the score: mean_s times factor
    mean_s: float | None  # of the runs that count, before the factor
    factor: float  # of convergence
    pace: str  # within, beyond, not_faster, no_point, not_compared (harness/score/model.py)
    factor_reason: str  # in one sentence
    low_s: float | None  # 95 % confidence interval of the score; None: too few runs to say
    high_s: float | None
    error_s: float | None  # standard error of the score
    degrees: int | None  # of freedom
    run_times_s: list[float | None]  # of each run; None: did not converge
    run_epochs: list[int | None]
    run_dropped: list[str]  # why a run is left out of the mean; empty: it is in it
    mean_epochs: float | None  # without the fewest and the most
    reference_epochs: float | None
    least_epochs: float | None  # that chance explains
    against_first: str = ""  # how the score compares with the first of its table, in words
    against_above: str = ""  # the same with the row above it
    clock: str = ""  # whose clock the times are read from
    fastest_run_s: float | None  # of the runs that converged, the dropped ones included
    slowest_run_s: float | None
    runs: int
    accuracy: float | None  # on the validation scenes, mean of the last evaluations
    test_accuracy: float | None  # on the test scenes, mean over runs
    samples_per_s: float | None
    train_flop_per_s: float | None = (
        None  # of the reference's model while it trained (harness/report/rates.py)
    )
    trained: str = ""  # day on which the first run began, as its log states
    seconds_per_scene: float | None
    energy_j: float | None
    energy_scope: str  # empty when no energy was measured
    energy_method: str
    power_scored: bool  # whole-node power logs in every run
    replay_verified: bool  # the accuracy was computed again from the stored weights
    accelerators: int | None
    accelerator: str
    nodes: int | None
    processor: str
    framework: str
    precision: str
    global_batch_size: int | None
    warnings: int
    warned: list[str]  # the rules that warn
    target: float | None  # accuracy that ends a run
    ranked: bool = True  # False: shown, but its place says nothing
    code: str = ""  # what a rank in closed rests on, or why there is none
    digest: str = ""  # SHA-256 of the entry's files, as `check --format json` states it
    alike: list[str] = []  # other entries of this board that have runs of this one, one line each
    commit: str
    checked: str  # when the checker passed exactly these files
    state: str = (
        ""  # of its review by whoever runs this board: submitted, under review, objection, verified ...
    )
    history: list[str] = []  # of its review, oldest first
    report: str  # path of the report, relative to the leaderboard
    system_page: str


class Key(Part):
    """What entries must share to stand in one table: they compare with each other and nothing else."""

    data_kind: str  # SYNTHETIC, official, the submitter's own
    division: str
    data_profile: str
    data_digest: str
    status: str
    division_name: str


class Table(Key):
    """Entries that compare with each other: same division, same data set, same status, same rules."""

    id: str  # stable name of the table in links
    entries: list[Entry]  # those with a rank, fastest first; then the others by name
    simple_methods: list[SimpleMethod] = []  # on the same data set: fitted here, not timed, not a submission
    skill: str = ""  # the best entry beside the best simple method, in one sentence


class Rejected(Part):
    """One package that is not listed, with the first reasons."""

    org: str
    system: str
    verdict: str
    errors: int  # findings at error level
    broken: str = ""  # which rules they break, in words
    made_by: str = ""  # the ruleset of its plan, where it is not the board's
    reasons: list[str]  # the first ones
    report: str  # path of the report, empty when there is none


class Withdrawn(Part):
    """One result that was listed and is no more."""

    id: str
    history: list[str]
    report: str


class Board(Part):
    """leaderboard.json"""

    schema_version: int = Field(default=SCHEMA, serialization_alias="schema")
    generated: str
    tool: str
    ruleset: str
    review: str = "unverified"
    note: str = ""  # of whoever built this site
    tables: list[Table]
    rejected: list[Rejected]
    withdrawn: list[Withdrawn] = []
    unscored: list[str]  # described, but without a result that counts here, and why
    footnotes: list[str]

    @property
    def listed(self) -> int:
        """The number of entries in all tables."""
        return sum(len(table.entries) for table in self.tables)


def board_schema() -> str:
    """JSON Schema of leaderboard.json, as text."""
    schema = Board.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"
