"""rules.facts.sound only saves time: with and without it the rules find the same."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from harness.check.engine import check_run
from harness.untrusted.logs import parse_log
from rules.convergence import independence
from rules.data import dataset
from rules.evidence import arrivals as arrival_rules
from rules.evidence import records
from rules.facts import log_reading, sound
from rules.log import lines as log_rules
from rules.log import order
from rules.model.log import ArrivalColumns, Timeline
from rules.model.run import Run
from rules.quality import target
from rules.ruleset import load_ruleset
from rules.timing import clock
from tests.builders import Lines, build_package

RULESET = load_ruleset()
TESTS = (
    "stamps",
    "ascending",
    "between",
    "punctual",
    "call_sites",
    "counted",
    "sampled",
    "inside",
    "unpaused",
    "values",
    "one_namespace",
    "paired",
    "alternate",
)
MODULES = (dataset, log_rules, order, clock, log_reading, arrival_rules, records)
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    float("nan"),
    2**60,
    10**30,
    "",
    "x",
    [],
    {},
    "run_start",
    "epoch_stop",
]


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Lines:
    return build_package(tmp_path_factory.mktemp("sound"), runs=1, division="open").events(0)


def timeline(events: Lines) -> Timeline:
    """Every line arrives as soon as it is written."""
    count = len(events)
    times_s = [e["time_ms"] / 1000 for e in events]
    sources = ["harness" if n < 12 else "child" for n in range(count)]
    return Timeline(ArrivalColumns(list(range(1, count + 1)), times_s, times_s, sources, ["0" * 16] * count))


def findings(events: Lines, arrivals: Timeline) -> list[str]:
    """Written out, so that NaN equals NaN."""
    dataset = "".join(f":::MLLOG {json.dumps(e)}\n" for e in events).encode()
    found = check_run(Run(0, parse_log(dataset, "log"), timeline=arrivals), RULESET, "log").findings
    return sorted(map(repr, found))


def test_every_test_is_listed():
    public = {n for n, v in vars(sound).items() if callable(v) and v.__module__ == sound.__name__}
    assert public == set(TESTS)


def test_the_tests_answer_true_on_a_sound_log(events, monkeypatch):
    """They would save nothing otherwise."""
    answers: dict[str, set[bool]] = {}

    def spy(name: str, test: Callable[..., bool]) -> Callable[..., bool]:
        def spied(*arguments: Any) -> bool:
            answers.setdefault(name, set()).add(test(*arguments))
            return test(*arguments)

        return spied

    spies = SimpleNamespace(**{name: spy(name, getattr(sound, name)) for name in TESTS})
    for module in MODULES:
        monkeypatch.setattr(module, "sound", spies)
    findings(events, timeline(events))
    assert {name for name, said in answers.items() if True in said} == set(TESTS)


def _spoil(events: Lines, rng: random.Random) -> Lines:
    events = copy.deepcopy(events)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(events))
        how = rng.randrange(6)
        if how == 0:
            events[at][rng.choice(["time_ms", "event_type", "value", "namespace"])] = rng.choice(ODD)
        elif how == 1:
            name = rng.choice(["file", "lineno", "epoch_num", "samples_count", "status"])
            events[at]["metadata"][name] = rng.choice(ODD)
        elif how == 2:
            events[at]["time_ms"] += rng.choice([-(10**6), -1, 1, 10**6, 10**12])
        elif how == 3:
            events.insert(rng.randrange(len(events)), copy.deepcopy(events[at]))
        elif how == 4:
            events.insert(rng.randrange(len(events)), events.pop(at))
        else:
            events.pop(at)
    return events


@pytest.mark.parametrize("seed", range(150))
def test_rules_find_the_same_without_it(events, monkeypatch, seed):
    spoilt = _spoil(events, random.Random(seed))
    arrivals = timeline(events)
    expected = findings(spoilt, arrivals)
    nothing = SimpleNamespace(**dict.fromkeys(TESTS, lambda *arguments: False))
    for module in MODULES:
        monkeypatch.setattr(module, "sound", nothing)
    for module in (log_reading, independence, target):
        monkeypatch.setattr(module, "all_floats", lambda values: False)
    monkeypatch.setattr(Timeline, "numbered", False)
    monkeypatch.setattr(Timeline, "forwards", False)
    assert findings(spoilt, arrivals) == expected
