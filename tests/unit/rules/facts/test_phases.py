"""Phases of a log: pairs of start and stop, added up, of sound logs and odd ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.untrusted.logs import parse_log
from rules.facts.phases import MAX_PHASES, Phase, phases, span_s
from rules.model.log import Log


def log_of(*events: tuple[str, Any] | tuple[str, Any, str]) -> Log:
    lines = []
    for key, at, *namespace in events:
        kind = {"start": "INTERVAL_START", "stop": "INTERVAL_END"}.get(
            key.rpartition("_")[2], "POINT_IN_TIME"
        )
        line = {"namespace": namespace[0] if namespace else "", "time_ms": at, "event_type": kind, "key": key}
        lines.append(f":::MLLOG {json.dumps({**line, 'value': None, 'metadata': {}})}")
    return parse_log("\n".join(lines).encode(), "result_0.txt")


def only(log: Log) -> Phase:
    (found,) = phases(log)
    return found


def test_intervals_are_added_up() -> None:
    log = log_of(
        ("run_start", 0), ("epoch_start", 0), ("epoch_stop", 2000), ("epoch_start", 3000), ("epoch_stop", 7000),
        ("run_stop", 8000), ("seed", 10_000),
    )  # fmt: skip
    run, epoch = phases(log)
    assert (run.name, run.count, run.total_s, run.share) == ("run", 1, 8.0, 0.8)
    assert (epoch.count, epoch.total_s, epoch.mean_s, epoch.shortest_s, epoch.longest_s) == (
        2,
        6.0,
        3.0,
        2.0,
        4.0,
    )
    assert epoch.share == 0.6 and epoch.unmatched == 0 and span_s(log) == 10.0


@pytest.mark.parametrize(
    "events",
    [
        [("run_start", 0), ("seed", 5000)],
        [("run_stop", 0), ("seed", 5000)],
        [("run_start", 5000), ("run_stop", 4000)],
        [("run_start", "soon"), ("run_stop", 4000)],
        [("run_start", True), ("run_stop", 4000)],
        [("run_start", 1), ("run_stop", -3)],
    ],
    ids=["no end", "no beginning", "backwards", "text", "bool", "negative"],
)
def test_what_has_no_counterpart_adds_no_time(events: list[tuple[str, Any]]) -> None:
    found = only(log_of(*events))
    assert (found.count, found.total_s, found.mean_s, found.share, found.unmatched) == (0, 0.0, None, None, 1)


def test_a_phase_that_begins_twice_counts_from_the_second_beginning() -> None:
    found = only(log_of(("eval_start", 0), ("eval_start", 1000), ("eval_stop", 1500)))
    assert (found.count, found.total_s, found.unmatched) == (1, 0.5, 1)


def test_namespaces_are_phases_of_their_own() -> None:
    log = log_of(("run_start", 0, ""), ("run_start", 0, "worker1"), ("run_stop", 1000, ""))
    assert [(p.name, p.count, p.unmatched) for p in phases(log)] == [("run", 1, 0), ("run (worker1)", 0, 1)]


def test_number_of_names_is_bounded() -> None:
    assert len(phases(log_of(*((f"x{i}_start", i) for i in range(MAX_PHASES + 50))))) == MAX_PHASES


def test_empty_log_has_no_phases() -> None:
    assert phases(log_of()) == [] and span_s(log_of(("seed", 1))) is None
