"""Outcomes: the worst counts, what was not checked is not a pass, a defect of a rule is an error."""

from __future__ import annotations

import json
import re

import pytest

from harness.check import check_all, check_package, check_plan, combine, engine, render_json, render_text
from harness.core.errors import UserError
from rules.model.findings import Outcome, Scope, Severity
from rules.model.log import Stated
from rules.model.package import Plan, System
from rules.registry import NotApplicable, NotChecked, Rule, catalogue
from rules.ruleset import load_ruleset
from tests.support.builders import build_package, system_fields

RULESET = load_ruleset()


@pytest.fixture
def built(tmp_path):
    return build_package(tmp_path)


def make_rule(check, severity=Severity.ERROR, divisions=("closed", "open"), scopes=(Scope.RUN,)) -> Rule:
    return Rule("XXX001", "title", scopes, divisions, "source", "fix", severity, "why", check)


def outcome(monkeypatch, built, check, **how):
    monkeypatch.setattr(engine, "catalogue", lambda: [make_rule(check, **how)])
    _, verdict = check_package(built.root)
    (result,) = verdict.rules
    return result, verdict


def test_pass(monkeypatch, built):
    result, verdict = outcome(monkeypatch, built, lambda rule, run, ruleset: [])
    assert result.outcome is Outcome.PASS and verdict.verdict == "compliant"


def test_warning_does_not_fail(monkeypatch, built):
    result, verdict = outcome(
        monkeypatch, built, lambda r, run, s: [r.finding("m")], severity=Severity.WARNING
    )
    assert result.outcome is Outcome.WARN and verdict.verdict == "compliant" and len(verdict.findings) == 5


def test_one_run_not_checked_is_no_pass(monkeypatch, built):
    def check(rule, run, ruleset):
        if run.index == 3:
            raise NotChecked("no evidence")
        return []

    result, _ = outcome(monkeypatch, built, check)
    assert (result.outcome, result.reason) == (Outcome.NOT_CHECKED, "no evidence")


def test_error_wins_over_not_checked(monkeypatch, built):
    def check(rule, run, ruleset):
        if run.index == 3:
            raise NotChecked("no evidence")
        return [rule.finding("m")]

    result, verdict = outcome(monkeypatch, built, check)
    assert result.outcome is Outcome.FAIL and verdict.verdict == "not_compliant"


def test_not_applicable_everywhere(monkeypatch, built):
    def check(rule, run, ruleset):
        raise NotApplicable("nothing here")

    result, _ = outcome(monkeypatch, built, check)
    assert (result.outcome, result.reason) == (Outcome.NOT_APPLICABLE, "nothing here")


def test_a_defect_is_an_error(monkeypatch, built):
    def check(rule, run, ruleset):
        yield rule.finding("first")
        raise KeyError("boom")

    result, verdict = outcome(monkeypatch, built, check, severity=Severity.WARNING)
    assert result.outcome is Outcome.FAIL and verdict.verdict == "not_compliant"
    assert any(
        f.message.startswith("checker error") and f.severity is Severity.ERROR for f in verdict.findings
    )


def test_findings_are_bounded(monkeypatch, built):
    def check(rule, run, ruleset):
        while True:
            yield rule.finding("again")

    _, verdict = outcome(monkeypatch, built, check)
    assert len(verdict.findings) == 5 * (engine.MAX_FINDINGS + 1)


def test_division(monkeypatch, tmp_path):
    package = build_package(tmp_path, division="open", runs=1)
    result, _ = outcome(monkeypatch, package, lambda r, run, s: [r.finding("m")], divisions=("closed",))
    assert result.outcome is Outcome.NOT_APPLICABLE


def test_unknown_division_switches_nothing_off(monkeypatch, tmp_path):
    package = build_package(tmp_path, division="open", runs=1)
    package.edit_json(package.layout.system_json, lambda d: d.update(division="banana"))
    result, _ = outcome(monkeypatch, package, lambda r, run, s: [r.finding("m")], divisions=("closed",))
    assert result.outcome is Outcome.FAIL


# ---------------------------------------------------------------- what a path stands for


def test_paths_inside_a_package(built):
    for path in (built.root, built.root / "results" / "testbox", built.layout.results_dir):
        package, verdict = check_package(path)
        assert (package.org, package.system_name, len(package.runs)) == ("ExampleLab", "testbox", 5)
        assert verdict.verdict == "compliant"


def test_single_result_with_its_evidence(built):
    package, verdict = check_package(built.layout.result(2))
    assert [r.index for r in package.runs] == [2] and package.runs[0].record is not None
    assert verdict.verdict == "compliant"
    assert all(Scope.RUN in rule.scopes for rule in catalogue() if rule.id in {r.id for r in verdict.rules})


def test_single_result_alone(built, tmp_path):
    path = tmp_path / "some.log"
    path.write_bytes(built.layout.result(2).read_bytes())
    _, verdict = check_package(path)
    outcomes = {r.id: r.outcome for r in verdict.rules}
    assert verdict.verdict == "compliant" and outcomes["EVD002"] is Outcome.NOT_CHECKED
    path.write_text("nothing\n")
    assert check_package(path)[1].verdict == "not_compliant"


def test_of_a_description_that_cannot_be_read_one_finding_has_the_reason_and_the_other_refers_to_it(tmp_path):
    built = build_package(tmp_path)
    built.layout.system_json.write_text("{")
    built.reseal()
    said = {f.rule: f.message for f in check_package(built.root)[1].findings}
    assert said["SYS001"] == "the system description cannot be read: PKG009 says why"
    assert said["PKG009"].startswith("is not valid JSON")
    built.layout.system_json.unlink()
    said = {f.rule: f.message for f in check_package(built.root)[1].findings}
    assert said["SYS001"] == "there is no system description"


def test_several_systems(tmp_path):
    built = build_package(tmp_path, system="one")
    build_package(tmp_path, system="two", runs=4)
    with pytest.raises(UserError, match="several systems"):
        check_package(built.root)
    assert check_package(built.root, system="one")[1].verdict == "compliant"
    both = combine([v for _, v in check_all(built.root)], str(built.root))
    assert both.verdict == "not_compliant"
    assert {f.rule for f in both.findings if f.severity is Severity.ERROR} == {"PKG003"}
    assert {r.id: r.outcome for r in both.rules}["PKG003"] is Outcome.FAIL


def test_what_one_ruleset_asks_is_not_shown_of_a_system_of_another(tmp_path):
    built = build_package(tmp_path, system="one")
    older = build_package(tmp_path, system="two")
    older.edit_json(older.layout.plan, lambda plan: plan.update(ruleset="cloudmask-1.0"))
    found = [v for _, v in check_all(built.root)]
    assert {v.ruleset for v in found} == {"cloudmask-1.0", "cloudmask-1.1"}
    outcomes = {r.id: r.outcome for r in combine(found, str(built.root)).rules}
    assert outcomes["EVD074"] is Outcome.NOT_CHECKED, "1.0 has no such rule"
    assert outcomes["LOG001"] is Outcome.PASS


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_nothing_to_check(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        check_package(tmp_path / name)
    assert caught.value.fix


# ---------------------------------------------------------------- plans


def make_plan(built, **settings) -> Plan:
    stated = {"submission_division": "closed", "global_batch_size": 32, "target_quality": 0.9, **settings}
    fields = system_fields(built.options)
    return Plan(
        org="ExampleLab",
        system_name="testbox",
        implementation="reference",
        division="closed",
        status="research",
        runs=5,
        best_of=None,
        settings={k: Stated(v, "recipe.yaml") for k, v in stated.items()},
        recipe={},
        recipe_path="recipe.yaml",
        system=System("testbox", "systems/testbox.json", dict(fields), {}, dict(fields)),
        dataset=None,
        ruleset="cloudmask-1.1",
    )


def test_sound_plan(built):
    verdict = check_plan(make_plan(built), RULESET)
    assert verdict.verdict == "compliant"
    assert {r.id: r.outcome for r in verdict.rules}["DAT005"] is Outcome.NOT_CHECKED


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("HYP001", {"opt_base_learning_rate": 0.1}),
        ("HYP002", {"global_batch_size": 33}),
        ("HYP003", {"max_epochs": 0}),
        ("HYP006", {"lowest_numerical_precision_in_linear": "int2"}),
        ("QUA006", {"target_quality": 0.8}),
        ("SYS007", {"submission_org": "Other"}),
        ("SYS008", {"number_of_nodes": 3}),
    ],
)
def test_one_rule_two_moments(built, rule, settings):
    """The rules that judge logs judge a plan before it runs."""
    verdict = check_plan(make_plan(built, **settings), RULESET)
    findings = {f.rule: f for f in verdict.findings}
    assert rule in findings and findings[rule].path == "recipe.yaml"


def test_plan_with_wrong_run_count(built):
    plan = make_plan(built)
    plan.runs = 3
    assert {f.rule for f in check_plan(plan, RULESET).findings} == {"PKG003"}


def test_a_plan_without_scripts_breaks_a_rule_before_anything_runs(built):
    plan = make_plan(built)
    plan.code_sizes = dict.fromkeys(RULESET.package.code_files, 1) | {"setup.sh": 0}
    del plan.code_sizes["README.md"]
    found = check_plan(plan, RULESET).findings
    assert [(f.rule, f.message) for f in found] == [
        ("PKG001", "README.md is missing"),
        ("PKG001", "setup.sh is empty"),
    ]


# ---------------------------------------------------------------- outputs


def broken(built):
    built.edit_json(built.layout.system_json, lambda d: d.update(status="\x1b[31mbanana\x07", cooling=""))
    return check_package(built.root)[1]


def test_text_is_grouped_errors_first_and_clean(built):
    (built.root / "notes.txt").write_text("x")
    text = render_text(broken(built), width=70, colour=True)
    assert text.index("SYS003") < text.index("PKG006") < text.index("not checked")
    assert "\x07" not in text and "\x1b[31mbanana" not in text
    plain = re.sub(r"\x1b\[\d+m", "", render_text(broken(built), width=70))
    assert plain == render_text(broken(built), width=70)
    assert all(len(line) <= 70 for line in plain.splitlines() if " " in line.strip())
    assert "NOT CONSISTENT WITH THE RULES" in plain and "fix: " in plain


def test_no_color(built, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in render_text(broken(built), colour=True)


def test_json_has_the_published_shape(built):
    record = json.loads(render_json(broken(built)))
    parts = ["schema", "ruleset", "path", "verdict", "counts", "findings", "rules", "claims", "entries"]
    assert list(record) == parts
    assert list(record["findings"][0]) == [
        "rule",
        "severity",
        "outcome",
        "path",
        "line",
        "message",
        "expected",
        "actual",
        "fix",
    ]
    assert record["verdict"] == "not_compliant" and record["counts"]["fail"] == 2
    assert sum(record["counts"].values()) == len(record["rules"])


def test_json_survives_any_value(built):
    def change(events):
        for event in events:
            if event["key"] == "eval_accuracy":
                event["value"] = 10**4000

    built.edit_events(0, change)
    built.edit_text(built.layout.result(1), lambda text: text.replace('"value": 0.9', '"value": 1e999', 1))
    json.loads(render_json(check_package(built.root)[1]), parse_constant=pytest.fail)


def test_single_result_with_its_power_files(tmp_path):
    built = build_package(tmp_path, power=True)
    (built.layout.power_dir(2) / "node_0.txt").write_text("garbage\n")
    _, verdict = check_package(built.layout.result(2))
    assert {r.id: r.outcome for r in verdict.rules}["PWR003"] is Outcome.FAIL
