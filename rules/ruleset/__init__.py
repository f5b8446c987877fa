"""A ruleset: the numbers the rules compare with, read from a YAML beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from rules.ruleset.sections import (
    Clock,
    ConvergenceRules,
    DataRules,
    Division,
    EvidenceRules,
    Free,
    KeyRule,
    PackageRules,
    PowerRules,
    Precisions,
    Quality,
    Section,
    SeedRules,
    SystemRules,
    WitnessRules,
)

DEFAULT = "cloudmask-1.1"
FOLDER = Path(__file__).resolve().parents[1] / "rulesets"
FILE = "ruleset.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C: a fifth of the time of a check otherwise


class Ruleset(Section, frozen=True, kw_only=True):
    """The numbers of one rulebook, for all of its divisions and benchmarks."""

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
    witness: WitnessRules = WitnessRules()
    epoch_numbers: Literal["counted", "increasing"] = "counted"  # 1, 2, 3... or, say, samples seen so far
    first_epoch: int = 1  # the smallest epoch_num; 0 where a model is evaluated before it is trained
    tolerated: dict[str, str] = {}  # kind of log problem -> why it only warns
    scalings: list[str] = msgspec.field(default_factory=lambda: ["strong"])
    excluded: dict[str, str] = {}  # rule id -> why it does not apply here
    lenient: dict[str, str] = {}  # rule id -> why it only warns here
    benchmarks: dict[str, dict[str, Any]] = {}  # name -> what differs for it

    def of(self, benchmark: str | None) -> Ruleset:
        """This ruleset with the numbers of one of its benchmarks; unchanged for one it does not know."""
        changes = self.benchmarks.get(benchmark or "")
        if changes is None:
            return self
        base = {name: part for name, part in self.dump().items() if name != "benchmarks"}
        return msgspec.convert({**merged(base, changes), "benchmark": benchmark}, Ruleset)

    def dump(self) -> dict[str, Any]:
        """All numbers, as mappings, lists and plain values."""
        dumped: dict[str, Any] = msgspec.to_builtins(self)
        return dumped

    def knows(self, benchmark: str) -> bool:
        """Whether this ruleset has numbers for a benchmark."""
        return benchmark in self.benchmarks if self.benchmarks else benchmark == self.benchmark

    def division(self, name: str | None, scaling: str = "strong") -> Division:
        """Numbers of a division; an unknown one gets the strictest, closed."""
        division = self.divisions.get(name or "", self.divisions["closed"])
        return division.of_weak_scaling() if scaling == "weak" else division

    def required_keys(self, division: str | None, stated: Mapping[str, Any] | None = None) -> list[str]:
        """Keys a log of that division has to hold, in the order of the table.

        `stated` maps keys to logged values: some keys are required only with a certain value of another.
        """
        known = division if division in self.divisions else "closed"
        return [
            key
            for key, when in self._required[known or "closed"]
            if not when or all((stated or {}).get(other) in values for other, values in when.items())
        ]

    @cached_property
    def _required(self) -> dict[str, list[tuple[str, dict[str, list[Any]]]]]:
        """Required keys of each division, with the values of other keys that they are required with."""
        asked = {key: rule for key, rule in self.keys.items() if rule.count != "optional"}
        return {
            division: [(key, rule.when) for key, rule in asked.items() if division in rule.divisions]
            for division in self.divisions
        }

    @cached_property
    def metadata(self) -> dict[str, list[str]]:
        """Metadata that lines must carry, of those keys that need any."""
        return {key: rule.metadata for key, rule in self.keys.items() if rule.metadata}

    @cached_property
    def conditions(self) -> frozenset[str]:
        """Keys whose value decides whether another key is required."""
        return frozenset(other for rule in self.keys.values() for other in rule.when)


def names() -> list[str]:
    """Rulesets that can be loaded by name."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))


@lru_cache(maxsize=8)
def load_ruleset(name: str = DEFAULT) -> Ruleset:
    """The ruleset of that name.

    Raises ValueError in one line when there is none (with the nearest name) or when its file is broken.
    """
    known = names()
    if name not in known:
        import difflib  # only for a wrong name

        guess = difflib.get_close_matches(name, known, 1)
        hint = f", did you mean '{guess[0]}'?" if guess else "."
        raise ValueError(f"There is no ruleset '{name}'{hint} Known: {', '.join(known)}.")
    try:
        return msgspec.convert(_read(name), Ruleset)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValueError(f"Ruleset {name} cannot be read: {' '.join(str(error).split())[:300]}") from error


def _read(name: str) -> dict[str, Any]:
    """A ruleset's YAML with the sections it shares with others (`include: {ruleset: [section]}`)."""
    raw: dict[str, Any] = yaml.load((FOLDER / name / FILE).read_text(encoding="utf-8"), LOADER)
    shared: dict[str, Any] = {}
    for other, sections in raw.pop("include", {}).items():
        source = _read(other)
        shared.update({section: source[section] for section in sections})
    return merged(shared, raw)


def merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` put into it, mapping by mapping; lists are replaced."""
    result = dict(base)
    for name, value in changes.items():
        below = result.get(name)
        nested = isinstance(below, dict) and isinstance(value, dict)
        result[name] = merged(below, value) if nested else value  # type: ignore[arg-type]
    return result
