"""An experiment as its file states it: base recipe, search space, objective, budget. Unknown fields are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.core.errors import UserError
from harness.package.workspace import check_name
from harness.untrusted.documents import Unreadable, read_yaml

Scalar = bool | int | float | str
Values = dict[str, Scalar]  # by path in the recipe, e.g. hyperparameters.learning_rate
MAX_TRIALS = 10_000


def short(value: object) -> str:
    """A value of a setting in few characters; None as nothing."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def in_words(values: Values) -> str:
    """Settings in one line, each by the last part of its name; empty for the base recipe."""
    return ", ".join(f"{name.rpartition('.')[2]} {short(value)}" for name, value in values.items())


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Between(_Strict):
    """Numbers from `low` to `high`, both included; whole ones where both are whole."""

    low: int | float
    high: int | float
    log: bool = False  # even steps of the logarithm

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range begins above 0")
        return self

    @property
    def whole(self) -> bool:
        """Whether the numbers are whole ones."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class Search(_Strict):
    """Which settings are tried, and in which order."""

    method: Literal["grid", "random", "tpe"] = "grid"
    space: dict[str, list[Scalar] | Between] = {}  # empty: the base recipe alone
    points: int | None = Field(None, ge=1, le=MAX_TRIALS)  # settings to try; of a grid, all
    seed: int = Field(0, ge=0, lt=2**31)  # of the search, not of the trials
    startup: int = Field(10, ge=1)  # tpe: settings drawn at random before the model of it is used

    @model_validator(mode="after")
    def _fits_together(self) -> Search:
        for name, values in self.space.items():
            if isinstance(values, list) and (not values or len(set(map(repr, values))) < len(values)):
                raise ValueError(f"{name} needs values, each of them once")
            if isinstance(values, Between) and self.method == "grid":
                raise ValueError(f"a grid needs a list of values for {name}, not a range")
        if self.method == "grid" and self.points is not None:
            raise ValueError("a grid tries all its points: leave points out, or use method random")
        if self.method != "grid" and (self.points is None or not self.space):
            raise ValueError(f"{self.method} needs points, the number of settings to try, and a space")
        return self


class Objective(_Strict):
    """What a trial is judged by."""

    measure: Literal["time-to-train", "accuracy", "energy"] = "time-to-train"
    after_epochs: int | None = Field(None, ge=1)  # accuracy: the epoch; the trial ends with it
    scope: Literal["nodes", "gpu", "cpu_package"] = "nodes"  # energy: of what

    @model_validator(mode="after")
    def _fits_together(self) -> Objective:
        if (self.measure == "accuracy") != (self.after_epochs is not None):
            raise ValueError("after_epochs belongs to accuracy, which needs it")
        return self

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return {"time-to-train": "s", "accuracy": "1", "energy": "J"}[self.measure]

    @property
    def larger(self) -> bool:
        """Whether larger values are better."""
        return self.measure == "accuracy"

    @property
    def words(self) -> str:
        """What it is called."""
        if self.measure == "accuracy":
            return f"accuracy after {self.after_epochs} epoch{'' if self.after_epochs == 1 else 's'}"
        of = {"nodes": "whole nodes", "gpu": "GPUs", "cpu_package": "processor packages"}[self.scope]
        return "time to train" if self.measure == "time-to-train" else f"energy to train, {of}"


class Pruning(_Strict):
    """Trials whose best accuracy so far is below the median of finished ones at the same epoch are ended."""

    after_trials: int = Field(5, ge=1)  # that have to be finished before any is ended
    after_epochs: int = Field(1, ge=1)  # of a trial before it is ended


class Budget(_Strict):
    """When no further trial begins."""

    hours: float | None = Field(None, gt=0)  # sum of the times of all trials


class Experiment(_Strict):
    """EXPERIMENT.yaml. Every field is explained in docs/guides/experiments.md."""

    name: str
    description: str = ""
    base: str  # system whose recipe is the start, found as `submit` finds it
    fixed: dict[str, Any] = {}  # fields of the recipe that differ from the base in all trials
    search: Search = Search()
    repeats: int = Field(1, ge=1, le=1000)  # runs of each setting
    objective: Objective = Objective()
    pruning: Pruning | None = None
    budget: Budget = Budget()
    storage: Literal["sqlite", "journal"] = "sqlite"  # journal: for file systems that several machines share


def load_experiment(path: Path) -> Experiment:
    """Read and validate an experiment. Raises UserError in one line."""
    try:
        raw = read_yaml(path)
    except (Unreadable, yaml.YAMLError) as error:
        raise UserError(f"Cannot read the experiment {path}: {error}.", "name an EXPERIMENT.yaml.") from None
    try:
        experiment = Experiment.model_validate(raw)
    except ValidationError as error:
        found = error.errors()
        # of a union, the telling one
        first = next((one for one in found if one["type"] == "value_error"), found[0])
        where = ".".join(str(part) for part in first["loc"])[:80]
        why = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            why = "unknown field"
        raise UserError(
            f"Experiment {path}: {f'{where}: ' if where else ''}{why}.",
            "correct the field; docs/guides/experiments.md lists them all.",
        ) from None
    check_name("an experiment", experiment.name)
    return experiment
