"""trial.json: what a trial tried and what came of it, in a file that can be copied to another machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.core.errors import UserError
from harness.core.files import write_json
from harness.experiment.model import Experiment, Scalar
from harness.untrusted.documents import Unreadable, read_object

SCHEMA = 1
Status = Literal["running", "complete", "unreached", "pruned", "failed", "interrupted"]
WORDS: dict[Status, str] = {
    "running": "running",
    "complete": "complete",
    "unreached": "without the target reached",
    "pruned": "ended early",
    "failed": "failed",
    "interrupted": "interrupted, taken back",
}
Kept = TypeVar("Kept", bound=BaseModel)
_HEX = r"^[0-9a-f]{64}$"


class Epoch(NamedTuple):
    """One evaluation; time in seconds since run_start."""

    epoch: int
    at_s: float | None
    accuracy: float | None


class Header(BaseModel):
    """experiment.json: all that the trials of an experiment have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: int = Field(SCHEMA, alias="schema")
    experiment: Experiment
    recipe: dict[str, Any]  # base recipe with the fixed fields
    digest: str = Field(pattern=_HEX)
    base_digest: str = Field(pattern=_HEX)
    dataset_digest: str = Field(pattern=_HEX)
    ruleset: str = Field(max_length=100)


class TrialRecord(BaseModel):
    """One trial. A value that was not measured is None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: int = Field(SCHEMA, alias="schema")
    number: int = Field(ge=0)
    point: int = Field(ge=0)
    repeat: int = Field(ge=0)
    values: dict[str, Scalar]
    status: Status
    reason: str | None = Field(None, max_length=2000)
    value: float | None = None  # of the objective
    system: str = Field(max_length=200)
    host: str = Field("", max_length=200)
    at_once: int = Field(1, ge=1)  # trials that this machine ran at the same time
    started_wall_s: float | None = None
    duration_s: float | None = None  # of the whole run, with start-up and inference
    seed: int | None = None
    time_to_train_s: float | None = None
    epochs: int | None = None
    accuracy: float | None = None  # last evaluation
    test_accuracy: float | None = None
    energy_j: float | None = None
    patches_per_s: float | None = None
    seconds_per_scene: float | None = None
    curve: list[Epoch] = []
    log_sha256: str | None = Field(None, pattern=_HEX)
    commit: str | None = Field(None, max_length=64)

    @property
    def over(self) -> bool:
        """Whether the trial is finished, whatever came of it, and will not be repeated."""
        return self.status not in ("running", "interrupted")


def write_record(path: Path, record: BaseModel) -> None:
    """Write a header or a trial, atomically."""
    write_json(path, json.loads(record.model_dump_json(by_alias=True)))


def read_trial(path: Path) -> TrialRecord | None:
    """A trial's record; None when there is none. Raises UserError when it is not one."""
    return _read(path, TrialRecord)


def read_header(path: Path) -> Header | None:
    """An experiment's header; None when there is none. Raises UserError when it is not one."""
    return _read(path, Header)


def _read(path: Path, model: type[Kept]) -> Kept | None:
    if not path.exists():
        return None
    try:
        return model.model_validate(read_object(path))
    except Unreadable as error:
        raise UserError(f"{path}: {error}.", "restore it, or leave this folder out.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise UserError(
            f"{path} is not what an experiment writes: {where}: {first['msg'].lower()}.",
            "restore it, or leave this folder out.",
        ) from None
