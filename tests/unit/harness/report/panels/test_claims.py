"""The table of what stands behind a result, in its report."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from harness.check import check_package
from harness.report.data import report_data
from harness.report.page import report_page
from rules.model.findings import Outcome, RuleResult, Verdict
from tests.support.builders import build_package
from tests.support.report_builders import hand_score

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=timezone.utc)


def test_each_claim_says_how_it_stands_and_links_the_rules_that_show_it(tmp_path: Path) -> None:
    page = _page(tmp_path, [RuleResult("EVD071", Outcome.PASS), RuleResult("EVD019", Outcome.NOT_CHECKED)])
    claims = page[page.index('<section id="claims"') :].split("</section>")[0]
    seed, accuracy = (
        claims.split(f'<th scope="row">{name}</th>')[1].split("</tr>")[0] for name in ("seed", "accuracy")
    )
    assert "<b>recomputed</b>" in seed and '<a href="#EVD071">EVD071</a>' in seed
    assert "asserted only" in accuracy and "<a " not in accuracy


def test_no_claims_without_rules(tmp_path: Path) -> None:
    assert "Not known: the verdict names no rules." in _page(tmp_path, [])


def _page(folder: Path, outcomes: list[RuleResult]) -> str:
    package, _ = check_package(build_package(folder).root)
    verdict = Verdict("cloudmask-1.1", "p", "compliant", [], outcomes)
    return report_page(report_data(package, verdict, hand_score(package), NOW).report, NOW)
