"""A ruleset: the numbers the rules compare with, read from a YAML beside this file."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

DEFAULT = "cloudmask-1.0"
FOLDER = Path(__file__).resolve().parent


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quality(_Part):
    key: str
    loss_key: str
    target_key: str
    target: float
    minimum: float
    maximum: float
    frequency_epochs: int


class Division(_Part):
    runs_minimum: int
    runs_maximum: int | None
    olympic_from: int  # with so many runs the fastest and the slowest are dropped
    not_converged_allowed: int | None  # None: any number, as long as one converges
    init_limit_s: float


class Free(_Part):
    """Bounds of a hyperparameter that the closed division frees."""

    minimum: float | None = None
    maximum: float | None = None
    power_of_two: bool = False


class Precisions(_Part):
    keys: list[str]
    closed: list[str]
    recipe: dict[str, list[str]]


class DataRules(_Part):
    file_pattern: str
    split: dict[str, Any]
    official: dict[str, int]


class SeedRules(_Part):
    minimum: int
    maximum: int
    fixed: int
    run_length: int


class Clock(_Part):
    earliest_ms: int
    ahead_s: float
    backwards_ms: float
    arrival_early_s: float
    arrival_late_s: float
    wall_drift_s: float
    stop_gap_s: float
    pause_s: float
    throughput_tolerance: float
    throughput_slack_s: float
    child_slack_s: float


class ConvergenceRules(_Part):
    digits: int
    cut_epochs: int
    span_days: float
    test_gap: float


class EvidenceRules(_Part):
    resident_share: float
    telemetry_edge_s: float
    telemetry_gap_s: float
    busy_percent: float
    science_tolerance: float


class PowerRules(_Part):
    readings_minimum: int
    interval_s: float
    interval_slack_s: float
    window_slack_s: float
    efficiency_minimum: float
    watts_maximum: float


class PackageRules(_Part):
    code_files: list[str]
    companion_fields: list[str]
    file_limit_bytes: int
    forbidden_suffixes: list[str]
    bypass_files: list[str]


class SystemRules(_Part):
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


class KeyRule(_Part):
    """What the log must say under one key."""

    event: Literal["start", "stop", "point"] = "point"
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
        "nothing",
        "any",
    ] = "any"
    values: list[Any] | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    metadata: list[str] = Field(default_factory=list)
    phase: Literal["before", "any"] = "any"
    divisions: list[str] = Field(default_factory=lambda: ["closed", "open"])
    alias: str | None = None  # another spelling that is accepted


class Ruleset(_Part):
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
    excluded: dict[str, str] = Field(default_factory=dict)  # rule id -> why it does not apply here

    def division(self, name: str | None) -> Division:
        """Numbers of a division; an unknown one gets the strictest, closed."""
        return self.divisions.get(name or "", self.divisions["closed"])

    def required_keys(self, division: str | None) -> list[str]:
        """Keys a log of that division has to hold, in the order of the table."""
        known = division if division in self.divisions else "closed"
        return [k for k, r in self.keys.items() if r.count != "optional" and known in r.divisions]


def names() -> list[str]:
    """Rulesets that can be loaded by name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


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
        return Ruleset.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ValueError(f"Ruleset {name} cannot be read: {' '.join(str(error).split())[:300]}") from error
