"""What stands at the top of a report: by whose rules, what does not count, and which run is meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.report.data import report_data
from harness.report.drawing import text
from harness.report.model import Report
from harness.report.page import report_page
from harness.score.score import score
from rules.model.findings import Finding, Severity, Verdict
from rules.model.package import Package
from rules.ruleset import load_ruleset
from tests.support.builders import build_package
from tests.support.report_builders import hand_score, hand_verdict
from tests.support.runs import load

NOW = 1.8e9


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return load(build_package(tmp_path_factory.mktemp("headline")).root)


def shown(package: Package, verdict: Verdict) -> tuple[Report, str]:
    report = report_data(package, verdict, hand_score(package), NOW).report
    return report, " ".join(re.sub(r"<[^>]+>", "", report_page(report, NOW)).split())


def test_a_judge_by_another_rulebook_is_named_with_the_package_s_own(package: Package) -> None:
    verdict = hand_verdict(package, [Finding("HYP002", Severity.ERROR, "max_epochs is 60")])
    verdict.ruleset = package.plan["ruleset"]  # type: ignore[index]
    report, said = shown(package, verdict)
    assert report.verdict.made_by == "" and "made by cloudmask" not in said and "--ruleset" not in said
    verdict.ruleset = "cloudmask-1.0"
    report, said = shown(package, verdict)
    assert report.verdict.made_by == "cloudmask-1.1"
    assert "ruleset cloudmask-1.0, made by cloudmask-1.1" in said
    assert "It was made by cloudmask-1.1: judge it by that." in said
    commands = [one.command for one in report.reproduce]
    assert "cloudmask check submissions/ExampleLab --ruleset cloudmask-1.0" in commands
    assert "cloudmask check submissions/ExampleLab --ruleset cloudmask-1.1" in commands


def test_commands_name_the_rulebook_of_a_package_that_names_none(tmp_path: Path) -> None:
    package = load(build_package(tmp_path, runs=1).root)
    package.plan = None
    verdict = hand_verdict(package)
    verdict.ruleset = "cloudmask-1.0"
    report, _ = shown(package, verdict)
    assert report.verdict.made_by == ""
    assert report.reproduce[0].command.endswith("--ruleset cloudmask-1.0")
    assert "its own" not in report.reproduce[1].purpose


def test_a_score_that_does_not_count_shows_no_interval(package: Package) -> None:
    broken = [Finding("HYP002", Severity.ERROR, "max_epochs is 60")]
    pages = [
        report_page(report_data(package, verdict, score(package, load_ruleset()), NOW).report, NOW)
        for verdict in (hand_verdict(package), hand_verdict(package, broken))
    ]
    assert [("95 % interval:" in page, "It does not count" in page) for page in pages] == [
        (True, False),
        (False, True),
    ]


def test_the_worst_findings_name_their_run(package: Package) -> None:
    place = "results/box/strong/cloudmask/result_{}.txt"
    found = [
        Finding("QUA008", Severity.WARNING, f"test accuracy 0.7{n}", path=place.format(n)) for n in (4, 2)
    ]
    _, page = shown(package, hand_verdict(package, found))
    assert "test accuracy 0.74 (run 4; 1 more finding)" in page


def test_one_place_is_shown_and_the_others_on_demand(package: Package) -> None:
    found = [
        Finding("HYP002", Severity.ERROR, "max_epochs is 60, not 100", path=f"result_{n}.txt", actual=60)
        for n in range(5)
    ]
    report = report_data(package, hand_verdict(package, found), hand_score(package), NOW).report
    page = report_page(report, NOW)
    assert "<code>result_0.txt</code> <details><summary>and 4 more</summary>" in page
    assert all(f"<code>result_{n}.txt</code>" in page for n in range(5))
    assert "<dt>found</dt>" not in page, "the message says 60 already"


def test_whether_a_message_says_a_value() -> None:
    assert text.said("60", "max_epochs is 60, but has to be at least 100") and text.said("", "x")
    assert text.said("not probed", "cooling is 'not probed'")
    assert not text.said("2", "2.5 epochs") and not text.said("5", "2.5") and not text.said("a", "an epoch")
    assert text.runs_of(["a/result_1/run.json", "a/result_1.txt:3"]) == "run 1"
    assert text.runs_of(["result_0.txt", "result_2.txt"]) == "2 runs" and text.runs_of(["plan.json"]) == ""
