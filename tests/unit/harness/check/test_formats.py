"""Every format holds to its schema, says the same, and lets nothing of a package act on its reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

from harness.check import check_package, render_json, render_text
from harness.check.formats.json_record import json_schema
from harness.check.formats.junit import render_junit
from harness.check.formats.origin import Origin
from harness.check.formats.registry import FORMATS, render
from harness.check.formats.sarif import render_sarif
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from tests.rules.cases.edits import find
from tests.support import SUPPORT
from tests.support.builders import build_package
from tests.support.sarif_schema import sarif_schema

XSD = SUPPORT / "data/junit.xsd"
NASTY = [
    "::error file=x::boo",
    "##[add-path]/tmp",
    "100 % of a,b:c\r\n::set-output name=x::1",
    "\x1b[2J\x00\ud800\ufffe\u202e<![CDATA[ ]]> <a b='c'>&amp;",
    'quote " and \\ back',
    "",
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> dict[str, tuple[Verdict, Path]]:
    """One verdict of each kind, with the folder it is about."""
    sound = build_package(tmp_path_factory.mktemp("sound"))
    spoilt = build_package(tmp_path_factory.mktemp("spoilt"), runs=4, power=True)
    spoilt.edit_events(1, lambda events: find(events, "opt_name").update(value="sgd"))
    (spoilt.root / "results" / "a b,c:d%.txt").write_text("x")
    found = {"compliant": sound.root, "not_compliant": spoilt.root}
    verdicts = {name: (check_package(root)[1], root) for name, root in found.items()}
    finding = Finding("PKG009", Severity.ERROR, "nothing there", path="/nowhere", fix="look again")
    verdicts["unreadable"] = (Verdict("cloudmask-1.1", "/nowhere", "unreadable", [finding], []), Path("/"))
    verdicts["nasty"] = (_nasty(), sound.root)
    return verdicts


def _nasty() -> Verdict:
    values = [*NASTY, float("nan"), 10**400, [[[[[1]]]]], {"\ud800": NASTY}]
    findings = [
        Finding(
            "LOG001", severity, text or "x", path=text or None, line=7, expected=value, actual=value, fix=text
        )
        for text in NASTY
        for value in values
        for severity in Severity
    ]
    findings.append(Finding("LOG002", Severity.ERROR, "checker error: boom"))
    rules = [
        RuleResult("LOG001", Outcome.FAIL),
        RuleResult("LOG002", Outcome.FAIL),
        *(RuleResult(f"TIM{n:03d}", Outcome.NOT_CHECKED, text) for n, text in enumerate(NASTY, 1)),
    ]
    return Verdict("cloudmask-1.1", "".join(NASTY), "not_compliant", findings, rules)


KINDS = ("compliant", "not_compliant", "unreadable", "nasty")


@pytest.mark.parametrize("kind", KINDS)
def test_json_holds_to_its_schema(packages, kind):
    schema = json.loads(json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    record = json.loads(render_json(packages[kind][0]))
    jsonschema.Draft202012Validator(schema).validate(record)
    assert record["verdict"] == packages[kind][0].verdict


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.pop("verdict"),
        lambda r: r.update(verdict="fine"),
        lambda r: r["counts"].update(other=1),
        lambda r: r["rules"][0].update(outcome="ok"),
        lambda r: r["findings"].append({"rule": "LOG001"}),
        lambda r: r.update(schema=2),
    ],
)
def test_the_schema_can_refuse(packages, spoil):
    record = json.loads(render_json(packages["not_compliant"][0]))
    spoil(record)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, json.loads(json_schema()))


@pytest.mark.parametrize("kind", KINDS)
def test_junit_holds_to_its_schema(packages, kind):
    verdict, _ = packages[kind]
    document = etree.fromstring(render_junit(verdict).encode())
    etree.XMLSchema(etree.parse(XSD)).assertValid(document)
    (suite,) = document
    counted = {
        "tests": len(suite),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    assert {name: int(suite.get(name)) for name in counted} == counted
    failed = counted["failures"] + counted["errors"]
    assert (failed > 0) == (verdict.verdict != "compliant")
    if verdict.rules:
        assert failed == verdict.counts()["fail"]
        assert counted["skipped"] == verdict.counts()["not_checked"] + verdict.counts()["not_applicable"]


def test_the_xsd_can_refuse(packages):
    xsd = etree.XMLSchema(etree.parse(XSD))
    text = render_junit(packages["not_compliant"][0])
    for old, new in (('tests="', 'test="'), ("<skipped ", "<skippd "), (' time="0"', ' time="-1"')):
        assert old in text
        assert not xsd.validate(etree.fromstring(text.replace(old, new, 1).encode()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("origin", ["folder", "elsewhere", "archive"])
def test_sarif_holds_to_the_official_schema(packages, kind, origin, monkeypatch):
    verdict, root = packages[kind]
    monkeypatch.chdir(root.parent if origin == "folder" else root.anchor)
    where = {"folder": Origin(root), "elsewhere": Origin(Path("/x y")), "archive": Origin(None, "a.zip")}
    if origin == "elsewhere":
        monkeypatch.chdir(root)
    log = json.loads(render_sarif(verdict, where[origin]))
    schema = sarif_schema()
    validator = jsonschema.validators.validator_for(schema, jsonschema.Draft4Validator)
    validator(schema, format_checker=validator.FORMAT_CHECKER).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(verdict.findings)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result.get("locations", []):
            artifact = location["physicalLocation"]["artifactLocation"]
            assert "uriBaseId" not in artifact  # GitHub ignores bases
            if kind == "not_compliant":
                start = {"folder": "ExampleLab/", "elsewhere": "file:///x%20y/", "archive": "a.zip"}[origin]
                assert artifact["uri"].startswith(start) or artifact["uri"].startswith("file:///a.zip")
                assert (origin == "archive") == ("logicalLocations" in location)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is (verdict.verdict != "unreadable")
    notes = [n for n in invocation["toolExecutionNotifications"] if n["level"] == "note"]
    assert len(notes) == verdict.counts()["not_checked"]


def test_sarif_schema_can_refuse(packages):
    schema = sarif_schema()
    log = json.loads(render_sarif(packages["not_compliant"][0], Origin()))
    del log["runs"][0]["results"][0]["message"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validators.validator_for(schema, jsonschema.Draft4Validator)(schema).validate(log)


def test_sarif_names_the_rules_of_the_verdict(packages):
    verdict, root = packages["not_compliant"]
    log = json.loads(render_sarif(verdict, Origin(root)))
    rules = {r["id"]: r for r in log["runs"][0]["tool"]["driver"]["rules"]}
    assert set(rules) == {r.id for r in verdict.rules}
    assert all(r["shortDescription"]["text"] and r["help"]["text"] for r in rules.values())


COMMAND = re.compile(r"::(error|warning|notice) [^\n]*?::[^\n]*\Z")


def parse(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner reads it."""
    head, _, message = line[2:].partition("::")
    level, _, listed = head.partition(" ")

    def decoded(text: str, property: bool) -> str:
        for code, char in (("%0D", "\r"), ("%0A", "\n"), *((("%3A", ":"), ("%2C", ",")) if property else ())):
            text = text.replace(code, char)
        return text.replace("%25", "%")

    pairs = (pair.split("=", 1) for pair in listed.split(","))
    return level, {name: decoded(value, True) for name, value in pairs}, decoded(message, False)


@pytest.mark.parametrize("kind", KINDS)
def test_github_lines_are_commands_and_nothing_else(packages, kind):
    verdict, root = packages[kind]
    lines = render("github", verdict, Origin(root)).split("\n")
    assert len(lines) == len(verdict.findings) + 1
    for line in lines:
        assert COMMAND.match(line) and line.isprintable(), line
        level, properties, message = parse(line)
        assert set(properties) <= {"file", "line", "title"} and message
    levels = [parse(line)[0] for line in lines[:-1]]
    assert levels == sorted(levels, key=["error", "warning", "notice"].index)


def test_github_names_files_from_the_working_directory(packages, monkeypatch):
    verdict, root = packages["not_compliant"]
    monkeypatch.chdir(root.parent)
    found = [parse(line) for line in render("github", verdict, Origin(root)).split("\n")[:-1]]
    files = {properties["file"] for _, properties, _ in found if "file" in properties}
    assert "ExampleLab/results/a b,c:d%.txt" in files
    assert any(properties.get("line", "").isdigit() for _, properties, _ in found)
    inside = [parse(line) for line in render("github", verdict, Origin(None, "x.zip")).split("\n")[:-1]]
    assert all("file" not in properties for _, properties, _ in inside)
    assert any(message.startswith("results/") for _, _, message in inside)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_each_rule_that_failed(packages, form):
    verdict, root = packages["not_compliant"]
    text = render(form, verdict, Origin(root))
    for result in verdict.rules:
        if result.outcome in (Outcome.FAIL, Outcome.WARN):
            assert result.id in text


@pytest.mark.parametrize("form", FORMATS)
def test_no_control_character_reaches_the_reader(packages, form):
    text: Any = render(form, packages["nasty"][0], Origin(), colour=False)
    assert all(c == "\n" or c.isprintable() for c in text)
    text.encode("utf-8")


def test_rules_that_were_not_checked_for_one_reason_share_a_line():
    ids = ["EVD019", "WIT001", "WIT002", "WIT003", "WIT005"]
    results = [RuleResult(id, Outcome.NOT_CHECKED, "alone" if id == "EVD019" else "no witness") for id in ids]
    text = render_text(Verdict("any", "any", "compliant", [], results), 100)
    assert "not checked (5)" in text and "  EVD019  alone" in text
    assert "  WIT001-003, WIT005  no witness" in text
