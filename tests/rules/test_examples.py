"""Every rule has a good and a bad example, and those that can be executed are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.rulebook.examples import Example, Line, events, load_examples
from harness.untrusted.logs import parse_log
from rules.model.findings import Scope
from rules.model.log import Log
from rules.model.package import Package, System
from rules.model.run import Run
from rules.registry import catalogue, get
from rules.ruleset import load_ruleset
from tests.support.builders import PackageOptions, system_fields

RULESET = load_ruleset()
EXECUTED = [
    pytest.param(id, how, example, id=f"{id}-{how}")
    for id, pair in load_examples().items()
    for how, example in (("good", pair.good), ("bad", pair.bad))
    if example.kind != "text"
]


def test_every_rule_has_examples_and_no_other():
    assert sorted(load_examples()) == sorted(r.id for r in catalogue())


def test_no_example_is_empty_or_the_same_as_its_opposite():
    for id, pair in load_examples().items():
        assert "".join(pair.good.shown()).strip() and "".join(pair.bad.shown()).strip(), id
        assert pair.good != pair.bad, id


@pytest.mark.parametrize(("id", "how", "example"), EXECUTED)
def test_examples_are_true(id: str, how: str, example: Example):
    rule = get(id)
    assert rule is not None
    subject = _subject(example, Scope.RUN in rule.scopes)
    found = list(rule.check(rule, subject, RULESET))
    assert bool(found) == (how == "bad"), [f.message for f in found]
    assert {f.rule for f in found} <= {id}


def test_most_rules_that_read_logs_have_examples_that_were_executed():
    executed = {id for id, pair in load_examples().items() if "text" not in (pair.good.kind, pair.bad.kind)}
    assert len(executed) >= 70
    for group in ("LOG", "QUA", "SED", "TIM"):
        ids = {r.id for r in catalogue() if r.id.startswith(group)}
        assert len(ids & executed) >= 0.7 * len(ids), group


def _log(lines: list[Line], path: str = "result_0.txt") -> Log:
    return Log(path, events(lines))


def _subject(example: Example, run: bool) -> Run | Package:
    if example.lines is not None:
        return Run(0, parse_log((example.lines + "\n").encode(), "result_0.txt"))
    if example.power is not None:
        return Run(0, _log([]), power={"node_0.txt": _log(example.power, "node_0.txt")})
    if example.log is not None and run:
        return Run(0, _log(example.log))
    logs = example.runs if example.runs is not None else [example.log or []]
    runs = [Run(i, _log(lines, f"result_{i}.txt")) for i, lines in enumerate(logs)]
    package = Package(Path("ExampleLab"), "ExampleLab", "testbox", runs)
    package.division = next((run.division for run in runs), None)
    fields = {**system_fields(PackageOptions()), **(example.system or {})}
    package.system = System("testbox", "systems/testbox.json", fields)
    return package
