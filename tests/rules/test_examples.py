"""Every rule has a good and a bad example, and those that can be executed are true."""

from __future__ import annotations

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
from tests.support.runs import make_facts, make_header, make_run

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
    lines = example.log or (example.runs[0] if example.runs else [])
    logged = next(
        (line["submission_division"]["is"] for line in lines if "submission_division" in line), "closed"
    )
    fields = {**system_fields(PackageOptions()), "division": logged, **(example.system or {})}
    header = make_header(system=System("testbox", "systems/testbox.json", fields))
    if example.lines is not None:
        return make_run(parse_log((example.lines + "\n").encode(), "result_0.txt"), package=header)
    if example.power is not None:
        power = {"node_0.txt": _log(example.power, "node_0.txt")}
        return make_run(_log([]), package=header, power=power)
    if example.log is not None and run:
        return make_run(_log(example.log), package=header)
    logs = example.runs if example.runs is not None else [example.log or []]
    facts = [make_facts(_log(lines, f"result_{i}.txt"), i, header) for i, lines in enumerate(logs)]
    return Package.of(header, facts, [])
