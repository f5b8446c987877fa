"""Edits that several groups of cases use, and sets of package options."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support.builders import BuiltPackage, Lines, write_telemetry

GPU: dict[str, Any] = {"accelerators_per_node": 4}
POWER: dict[str, Any] = {"power": True}
TELEMETRY: dict[str, Any] = {"telemetry": True}
TWO_NODES: dict[str, Any] = {"power": True, "nodes": 2}


def index(events: Lines, key: str, nth: int = 0) -> int:
    """Position of the nth event of a key; negative counts from the end."""
    return [i for i, e in enumerate(events) if e["key"] == key][nth]


def find(events: Lines, key: str, nth: int = 0) -> dict[str, Any]:
    """The nth event of a key; negative counts from the end."""
    return events[index(events, key, nth)]


def set_value(built: BuiltPackage, key: str, value: Any, runs: range | None = None) -> None:
    """Log another value under a key, in all runs unless told."""

    def change(events: Lines) -> None:
        find(events, key)["value"] = value

    for run in runs if runs is not None else range(built.options.runs):
        built.edit_events(run, change, reseal=False)
    built.reseal()


def shift(events: Lines, start: int, stop: int, delta_ms: int) -> None:
    """Move events start..stop-1 in time."""
    for event in events[start:stop]:
        event["time_ms"] += delta_ms


def edit_record(built: BuiltPackage, change: Callable[[Any], Any], run: int = 1) -> None:
    """Edit run.json of a run."""
    built.edit_json(built.run_files(run).record, change)


def edit_dataset(built: BuiltPackage, change: Callable[[Any], Any]) -> None:
    """Edit dataset.json."""
    built.edit_json(built.layout.dataset, change)


def edit_timeline(built: BuiltPackage, change: Callable[[Lines], object], run: int = 2) -> None:
    """Edit the rows of a run's arrival timeline in place."""
    path = built.run_files(run).timeline
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    built.reseal(timeline=False)


def resample(built: BuiltPackage, run: int = 1, **how: Any) -> None:
    """Write the telemetry of a run anew, with the accelerators of the package unless told."""
    lines = built.layout.result(run).read_text().splitlines()
    how.setdefault("accelerators", built.options.accelerators_per_node)
    write_telemetry(built.run_files(run).telemetry(), lines, **how)
    built.reseal()
