"""What stands at the top of a report: by whose rules, what does not count, and which run is meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.report.data import report_data
from harness.report.model import Report
from harness.report.page import report_page
from rules.model.findings import Finding, Severity, Verdict
from rules.model.package import Package
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
    assert "breaks this one says nothing about its own" in said
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
    assert "made by" not in report.reproduce[1].purpose
