from __future__ import annotations

import json
from functools import partial

import pytest

from harness.core.errors import ExitCode
from rules.registry import catalogue
from tests.support import ROOT
from tests.support.command import cloudmask

DOCS = ROOT / "docs"


@pytest.fixture
def run(capsys):
    return partial(cloudmask, capsys, "rules")


def test_list(run):
    code, out, _ = run("list")
    assert code == ExitCode.OK and f"{len(catalogue())} rules" in out
    assert all(f"{rule.id}  " in out for rule in catalogue())


def test_list_of_one_group(run):
    code, out, _ = run("list", "--group", "sed")
    assert code == ExitCode.OK and "SED001" in out and "LOG001" not in out
    code, _, err = run("list", "--group", "XYZ")
    assert code == ExitCode.USAGE and "XYZ" in err


def test_list_as_json(run):
    for option in (["--json"], ["--format", "json"]):
        code, out, _ = run("list", *option)
        records = json.loads(out)
        assert code == ExitCode.OK and len(records) == len(catalogue())
        assert all(record["good"] and record["bad"] and record["why"] for record in records)


@pytest.mark.parametrize("id", [rule.id for rule in catalogue()])
def test_explain_shows_both_examples(run, id):
    code, out, _ = run("explain", id.lower())
    assert code == ExitCode.OK
    assert out.startswith(id) and "\n      good  " in out and "\n       bad  " in out


def test_explain_guesses(run):
    code, _, err = run("explain", "TIM0001")
    assert code == ExitCode.USAGE and "TIM001" in err


def test_rules_page_is_in_step_with_the_catalogue(run):
    code, out, _ = run("list", "--format", "markdown")
    assert code == ExitCode.OK
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == out, (
        "make it anew: cloudmask rules list --format markdown > docs/rules.md"
    )


def test_rules_page_is_of_all_groups(run):
    code, _, err = run("list", "--format", "markdown", "--group", "LOG")
    assert code == ExitCode.USAGE and "--group" in err
