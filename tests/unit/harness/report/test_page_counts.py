"""What a page counts: rules and not findings, runs by their number, and its own bytes."""

from __future__ import annotations

import csv
import html
import json
import re
from datetime import datetime, timezone
from pathlib import Path

from harness.check import check_package
from harness.report import build_report
from harness.score.score import score
from rules.model.findings import Finding, Outcome, RuleResult, Severity
from rules.model.package import Package
from rules.ruleset import DEFAULT, load_ruleset
from tests.support.builders import build_package
from tests.support.report_builders import enrich, hand_score, hand_verdict

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=timezone.utc)


def words(page: Path) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8"))).split())


def test_rules_are_counted_and_not_findings(package: Package, tmp_path: Path) -> None:
    found = [
        Finding(f"ERR00{rule}", Severity.ERROR, f"m{run}", path=f"results/box/cloudmask/result_{run}.txt")
        for rule in range(4)
        for run in range(5)
    ]
    verdict = hand_verdict(package, found)
    page = build_report(package, verdict, hand_score(package), tmp_path, NOW)
    said = words(page)
    assert said.count("reaks 4 rules, each in 5 runs") >= 2 and "20 errors" not in said
    assert "and 1 more error" in said, "of the four rules, three are listed"


def test_a_fresh_report_is_light(tmp_path: Path) -> None:
    """By the rulebook of today, with a GPU, five runs and five pictures."""
    built = build_package(tmp_path / "s", accelerators_per_node=1, precision="bfloat16")
    enrich(built, gpus=1, scenes=5)
    ruleset = load_ruleset(DEFAULT)
    package, verdict = check_package(built.root, ruleset)
    page = build_report(package, verdict, score(package, ruleset), tmp_path / "out", NOW)
    assert page.stat().st_size <= 195_000


def test_numbers_by_group_name_their_run(page: Path) -> None:
    (path,) = page.parent.glob("*chart-groups.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    shown = json.loads(page.with_name("data.json").read_text())["science"]["run"]
    assert rows and {row["run"] for row in rows} == {str(shown)}


def test_the_method_of_a_score_is_a_sentence(page: Path) -> None:
    said = words(page)
    assert re.search(
        r"Time-to-train to an accuracy of 0\.9\. ?Mean of 3 of 5 runs, fastest and slowest dropped\.", said
    )


def test_rules_that_passed_stand_in_groups(package: Package, tmp_path: Path) -> None:
    page = build_report(package, hand_verdict(package), hand_score(package), tmp_path, NOW)
    groups = re.findall(
        r"<details class=\"rulegroup\"><summary><b>(\w+)</b> (\w*) <span[^>]*>([^<]*)<", page.read_text()
    )
    assert groups == [("LOG", "log", "12 passed"), ("PWR", "power", "1 not applicable")]
    said = words(page)
    assert "Not applicable: no power logs:" in said and page.read_text().count('id="LOG001"') == 1


def test_rules_that_were_not_checked_for_one_reason_stand_below_it(package: Package, tmp_path: Path) -> None:
    verdict = hand_verdict(package)
    reason = "replay was not asked for"
    left = [RuleResult(f"EVD07{n}", Outcome.NOT_CHECKED, reason) for n in (0, 1)]
    verdict.rules += left
    page = build_report(package, verdict, hand_score(package), tmp_path, NOW)
    assert re.search(r"<summary><b>Not checked</b> +<span[^>]*>3 rules<", page.read_text())
    said = words(page)
    assert said.count("Replay was not asked for:") == 1 and reason not in said
    assert said.index("EVD070") < said.index("EVD071")
