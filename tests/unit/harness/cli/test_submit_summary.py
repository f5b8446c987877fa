"""What a submit says at its end."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.check import check_all
from harness.cli.submit import summarise
from harness.core.errors import UserError
from harness.score.model import Score
from harness.score.score import score
from rules.ruleset import load_ruleset
from tests.support.builders import build_package


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return check_all(build_package(tmp_path_factory.mktemp("summary")).root)[0]


def said(judged: tuple[Any, Any], result: Score, unreported: UserError | None = None) -> str:
    package, verdict = judged
    written = io.StringIO()
    report = None if unreported else Path("r.html")
    submission: Any = SimpleNamespace(
        verdict=verdict, score=result, package=package, report=report, unreported=unreported
    )
    summarise(Console(file=written, width=100), submission)
    return " ".join(written.getvalue().split())


def test_the_mean_of_the_runs(judged: tuple[Any, Any]) -> None:
    text = said(judged, score(judged[0], load_ruleset()))
    assert "verdict: consistent with the rules of cloudmask-1.1" in text
    assert "(unverified; mean without the fastest and the slowest run" in text


def test_a_report_that_cannot_be_written_leaves_the_verdict(judged: tuple[Any, Any]) -> None:
    text = said(judged, score(judged[0], load_ruleset()), UserError("Cannot write reports: disk full."))
    assert "verdict: consistent with the rules" in text and "report: none, Cannot write reports" in text
    assert f"cloudmask report {judged[0].root} --system testbox --out <folder>" in text


def test_a_score_that_is_not_the_mean_says_why(judged: tuple[Any, Any]) -> None:
    note = "multiplied by 1.125: faster convergence than the reference's, within chance"
    result = replace(score(judged[0], load_ruleset()), note=note)
    text = said(judged, result)
    assert f"(unverified; {result.method};" in text and f"{result.note})" in text


def test_no_score_says_why(judged: tuple[Any, Any]) -> None:
    note = "5 runs are needed, there are 3"
    result = replace(score(judged[0], load_ruleset()), time_to_train_s=None, note=note)
    assert "time-to-train: none (5 runs are needed, there are 3)" in said(judged, result)
