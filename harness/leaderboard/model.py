"""The data of a leaderboard, typed: the schema of leaderboard.json."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 2


class Part(BaseModel):
    """An immutable value of leaderboard.json."""

    model_config = ConfigDict(frozen=True)


class Entry(Part):
    """One compliant package. None and empty texts mean: not measured, not stated."""

    id: str  # stable: <organisation>/<system>, as folder names
    system: str
    org: str
    status: str
    time_to_train_s: float | None
    clock: str = ""  # whose clock the times are read from
    fastest_run_s: float | None  # of the runs that converged, the dropped ones included
    slowest_run_s: float | None
    runs: int
    accuracy: float | None  # on the validation scenes, mean of the last evaluations
    test_accuracy: float | None  # on the test scenes, mean over runs
    samples_per_s: float | None
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
    alike: list[str] = []  # other entries of this board that have runs of this one, one line each
    commit: str
    checked: str  # when the checker passed exactly these files
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
    entries: list[Entry]  # fastest first


class Rejected(Part):
    """One package that is not listed, with the first reasons."""

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
    review: str = "unverified"
    note: str = ""  # of whoever built this site
    tables: list[Table]
    rejected: list[Rejected]
    unscored: list[str]  # described, but nothing was run yet
    footnotes: list[str]

    @property
    def listed(self) -> int:
        """The number of entries in all tables."""
        return sum(len(table.entries) for table in self.tables)


def board_schema() -> str:
    """JSON Schema of leaderboard.json, as text."""
    schema = Board.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=True) + "\n"
