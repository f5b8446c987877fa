"""What a leaderboard says, as typed values: the schema of leaderboard.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1


class Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Entry(Part):
    """One compliant package. None and empty texts mean: not measured, not stated."""

    system: str
    org: str
    status: str
    time_to_train_s: float | None
    runs: int
    accuracy: float | None
    seconds_per_scene: float | None
    energy_j: float | None
    energy_scope: str  # empty when no energy was measured
    energy_method: str
    power_scored: bool  # whole-node power logs in every run
    accelerators: int | None
    accelerator: str
    nodes: int | None
    processor: str
    framework: str
    precision: str
    global_batch_size: int | None
    warnings: int
    commit: str
    report: str  # path of the report, relative to the leaderboard


class Table(Part):
    """Entries that compare with each other: same division, same data set, same status, same rules."""

    division: str
    division_name: str
    data_kind: str  # SYNTHETIC, official, the submitter's own
    data_profile: str
    data_digest: str
    status: str
    entries: list[Entry]  # fastest first


class Rejected(Part):
    org: str
    system: str
    verdict: str
    errors: int
    reasons: list[str]  # the first ones
    report: str  # path of the report, empty when there is none


class Board(Part):
    """leaderboard.json"""

    schema_version: int = Field(default=SCHEMA, serialization_alias="schema")
    generated: str
    tool: str
    ruleset: str
    tables: list[Table]
    rejected: list[Rejected]
    unscored: list[str]  # described, but nothing was run yet
    footnotes: list[str]
