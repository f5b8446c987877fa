"""A good and a bad example of every rule: examples.yaml in the folder of its group.

One file per group, keyed by rule ID; each rule has `good` and `bad`, and each of them one of
- text: a sentence, for what only a person can judge or only a whole package can show;
- lines: raw lines of a result file;
- log: log lines in short, `{run_stop: {at: 63.2, status: success}}`. `is` is the value, `at` the time in
  seconds after the start of the example, `time_ms`, `type` (event_type) and `namespace` stand for
  themselves, and everything else is metadata;
- runs: several such logs, for rules that compare runs;
- power: such lines of a power file;
- system: fields of the system description.
All but `text` are executed by tests/rules/test_examples.py.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

import rules
from rules.model.log import Event
from rules.registry import GROUPS

FOLDER = Path(rules.__file__).parent
BASE_MS = 1_790_000_000_000  # September 2026
Kind = Literal["text", "lines", "log", "runs", "power", "system"]
KINDS: tuple[Kind, ...] = ("text", "lines", "log", "runs", "power", "system")

Line = dict[str, dict[str, Any]]  # one key: its value, time and metadata


class Example(BaseModel):
    """One of the kinds above."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = None
    lines: str | None = None
    log: list[Line] | None = None
    runs: list[list[Line]] | None = None
    power: list[Line] | None = None
    system: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Example:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"an example is exactly one of {', '.join(KINDS)}")
        for lines in [self.log or [], self.power or [], *(self.runs or [])]:
            if any(len(line) != 1 for line in lines):
                raise ValueError("a log line has exactly one key")
        return self

    @property
    def kind(self) -> Kind:
        """Which of the kinds it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    def shown(self) -> list[str]:
        """The example as lines for a reader."""
        if self.text is not None:
            return [self.text]
        if self.lines is not None:
            return self.lines.splitlines()
        if self.system is not None:
            return [json.dumps(self.system)]
        if self.runs is not None:
            return [f"run {at}: {_shown(line)}" for at, lines in enumerate(self.runs) for line in lines]
        return [_shown(line) for line in self.log or self.power or []]


class Pair(BaseModel):
    """The two examples of a rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    good: Example
    bad: Example


def _shown(line: Line) -> str:
    """A log line as JSON, without the parts that do not matter to the example."""
    ((key, stated),) = line.items()
    event, shown = events([line])[0], {}
    if event.time_ms is not None:
        shown["time_ms"] = event.time_ms
    if "type" in stated:
        shown["event_type"] = event.event_type
    if "namespace" in stated:
        shown["namespace"] = event.namespace
    shown["key"] = key
    if "is" in stated:
        shown["value"] = event.value
    if event.metadata:
        shown["metadata"] = event.metadata
    return json.dumps(shown)


def events(lines: list[Line]) -> list[Event]:
    """Short log lines as the events a rule reads; numbered from 1, without a time where none is stated."""
    found = []
    for number, line in enumerate(lines, start=1):
        ((key, stated),) = line.items()
        rest = dict(stated)
        kind = {"start": "INTERVAL_START", "stop": "INTERVAL_END"}.get(
            key.rpartition("_")[2], "POINT_IN_TIME"
        )
        at_s = rest.pop("at", None)
        time_ms = rest.pop("time_ms", None if at_s is None else BASE_MS + round(at_s * 1000))
        event_type, namespace = rest.pop("type", kind), rest.pop("namespace", "")
        found.append(Event(time_ms, event_type, key, rest.pop("is", None), rest, namespace, number))
    return found


@lru_cache(maxsize=1)
def load_examples() -> dict[str, Pair]:
    """Rule ID -> its examples. Raises ValueError in one line when a file is invalid or an ID is repeated."""
    found: dict[str, Pair] = {}
    for group, folder in GROUPS.items():
        path = FOLDER / folder / "examples.yaml"
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
            pairs = {str(id): Pair.model_validate(pair) for id, pair in raw.items()}
        except (OSError, yaml.YAMLError, ValidationError, AttributeError) as error:
            raise ValueError(
                f"{folder}/{path.name} cannot be read: {' '.join(str(error).split())[:300]}"
            ) from error
        strays = [id for id in pairs if id in found or not id.startswith(group)]
        if strays:
            raise ValueError(f"{folder}/{path.name}: {strays[0]} does not belong here, or stands twice")
        found.update(pairs)
    return found
