"""The trials of an experiment, of one machine or several, as one table."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, get_args

from harness.core.csv_text import csv_text
from harness.core.errors import UserError
from harness.experiment.model import Experiment, Values
from harness.experiment.places import trial_records
from harness.experiment.prepare import Found, differences
from harness.experiment.record import Header, Status, TrialRecord, read_header, read_trial
from harness.experiment.space import base_digest, experiment_digest

TABLE_SCHEMA = 1
COLUMNS = (
    *("place", "number", "point", "repeat", "status", "reason", "value", "system", "host", "at_once"),
    *(
        "time_to_train_s",
        "epochs",
        "accuracy",
        "test_accuracy",
        "energy_j",
        "patches_per_s",
        "seconds_per_scene",
    ),
    *("duration_s", "seed", "commit", "log_sha256"),
)


@dataclass(frozen=True)
class Row:
    """A trial, and which of the gathered folders it is from."""

    place: int
    trial: TrialRecord


@dataclass(frozen=True)
class PointRow:
    """The finished trials of one setting, in one gathered folder."""

    place: int
    point: int
    values: Values
    count: int
    mean: float
    deviation: float | None  # None: fewer than two


@dataclass(frozen=True)
class Table:
    """All trials, and what they have in common."""

    experiment: Experiment
    header: Header
    places: list[Path]
    rows: list[Row]

    def counts(self) -> dict[Status, int]:
        """How many trials ended in which way; those that did not occur are left out."""
        found = Counter(row.trial.status for row in self.rows)
        return {status: found[status] for status in get_args(Status) if found[status]}

    @property
    def made(self) -> int:
        """Trials that were begun, whatever became of them."""
        return len(self.rows)

    @property
    def tried(self) -> int:
        """Settings that were tried."""
        return len({(row.place, row.trial.point) for row in self.rows})

    def points(self) -> list[PointRow]:
        """Settings with at least one value, in order."""
        groups: dict[tuple[int, int], list[TrialRecord]] = {}
        for row in self.rows:
            if row.trial.value is not None:
                groups.setdefault((row.place, row.trial.point), []).append(row.trial)
        found = []
        for (place, point), trials in sorted(groups.items()):
            values = [trial.value for trial in trials if trial.value is not None]
            spread = stdev(values) if len(values) > 1 else None
            found.append(PointRow(place, point, trials[0].values, len(values), fmean(values), spread))
        return found

    def best(self, count: int) -> list[PointRow]:
        """The best settings by the mean of their runs."""
        larger = self.experiment.objective.larger
        return sorted(self.points(), key=lambda row: -row.mean if larger else row.mean)[:count]


def gathered(found: Found, folders: list[Path]) -> Table:
    """The trials in these folders; without any, those of this machine. Raises UserError when there are none, or when
    they do not fit together or to the experiment."""
    places = folders or [found.places.root]
    headers = [_header(place) for place in places]
    recipe = found.request.recipe
    wanted = headers[0].model_copy(
        update={"digest": experiment_digest(found.experiment, recipe), "base_digest": base_digest(recipe)}
    )
    for place, header in zip(places, headers, strict=True):
        if odd := differences(wanted, header):
            against = "the experiment's file" if place == places[0] else str(places[0])
            raise UserError(
                f"{place} does not fit together with {against}: they differ in {', '.join(odd)}.",
                "gather trials of one base recipe on one data set by one ruleset; leave this folder out.",
            )
    rows = [
        Row(number, trial)
        for number, place in enumerate(places)
        for trial in _trials(place, found.experiment)
    ]
    _once(rows, places)
    return Table(found.experiment, headers[0], places, rows)


def _header(place: Path) -> Header:
    header = read_header(place / "experiment.json")
    if header is None:
        raise UserError(
            f"There are no trials in {place}.",
            "run them with `cloudmask experiment run`; or name the folder that holds experiment.json.",
        )
    return header


def _trials(place: Path, experiment: Experiment) -> list[TrialRecord]:
    """The trials in a folder. Raises UserError for one whose values are not of the experiment's space."""
    trials = []
    for path in trial_records(place):
        trial = read_trial(path)
        if trial is None:
            continue
        if not _inside(trial.values, experiment):
            raise UserError(
                f"{path} has values that are not of the experiment's search space.",
                "restore it, or leave this folder out.",
            )
        trials.append(trial)
    return trials


def _inside(values: Values, experiment: Experiment) -> bool:
    """Whether there is a value for each searched field, from its list or range, and no other."""
    space = experiment.search.space
    if set(values) != set(space):
        return False
    for name, dimension in space.items():
        value = values[name]
        if isinstance(dimension, list):
            if value not in dimension:
                return False
        elif isinstance(value, (bool, str)) or not dimension.low <= value <= dimension.high:
            return False
    return True


def _once(rows: list[Row], places: list[Path]) -> None:
    """Raises UserError when two trials are of one log: the same folder, or a copy, was named twice."""
    seen: dict[str, Row] = {}
    for row in rows:
        digest = row.trial.log_sha256
        if digest is None:
            continue
        if digest in seen:
            other = seen[digest]
            raise UserError(
                f"Trial {row.trial.number} of {places[row.place]} is trial {other.trial.number} of "
                f"{places[other.place]}: their logs are equal.",
                "name each folder once, and no copies.",
            )
        seen[digest] = row


def table_json(table: Table) -> str:
    """The table as JSON: what the trials have in common, then every trial with its curve."""
    value = {
        "schema": TABLE_SCHEMA,
        **json.loads(table.header.model_dump_json(by_alias=True, exclude={"schema_"})),
        "trials": [{"place": row.place, **_dump(row.trial)} for row in table.rows],
    }
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def table_csv(table: Table) -> str:
    """The table as CSV, one line per trial; searched fields are columns named by their path in the recipe."""
    names = list(table.experiment.search.space)
    lines = []
    for row in table.rows:
        plain = {"place": row.place, **_dump(row.trial)}
        lines.append([*(plain[name] for name in COLUMNS), *(row.trial.values.get(name) for name in names)])
    return csv_text([*COLUMNS, *names], lines)


def _dump(trial: TrialRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(trial.model_dump_json(by_alias=True, exclude={"schema_"}))
    return found
