"""Who has a rank in closed: what was recomputed, or is of a release; the others are listed below, by name."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.check import check_all
from harness.check.formats.json_record import verdict_record
from harness.cli import main
from harness.leaderboard import build_leaderboard
from harness.leaderboard.model import Board
from harness.leaderboard.ranking import HERE, RECOMPUTED, RELEASE, basis, kept_of
from harness.leaderboard.reviews import Event, add, path_of
from harness.package.manifest import write_manifest
from rules.model.findings import Outcome, RuleResult, Verdict
from rules.ruleset import load_ruleset
from tests.rules.cases.consistent import faster
from tests.support.builders import build_package

NOW = 1_795_000_000.0
SEEDS = {"Alpha": (101, 7_202, 30_303, 404_404, 5_050_505), "Beta": (111, 8_222, 43_333, 504_444, 6_155_555)}


@pytest.fixture
def submissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed entry of Alpha and a faster one of Beta, of code that was not released."""
    monkeypatch.setattr("rules.facts.releases.load_releases", list)
    monkeypatch.setattr("rules.package.released.load_releases", list)
    root = tmp_path / "submissions"
    for org, seeds in SEEDS.items():
        built = build_package(root, org=org, system="box", seeds=seeds)
    faster(built, 1.2)
    return root


def build(submissions: Path) -> tuple[Board, str]:
    board, page = build_leaderboard(
        submissions, submissions / "leaderboard", load_ruleset(), NOW, cache=submissions.parent / "cache"
    )
    assert not board.rejected
    return board, page.read_text()


def rows(board: Board) -> list[tuple[str, bool, str]]:
    return [(e.org, e.ranked, e.code) for e in board.tables[0].entries]


def recomputed(folder: Path, conclusion: str = "compliant", **changed: str) -> dict[str, Any]:
    """What `check --replay --data --format json` would print of a package whose work was found right."""
    ((_, verdict),) = check_all(folder, load_ruleset())
    record = {**verdict_record(verdict), "verdict": conclusion}
    for rule in record["rules"]:
        if rule["id"] in RECOMPUTED:
            rule["outcome"] = changed.get(rule["id"], "pass")
    return record


def review(submissions: Path, org: str, record: dict[str, Any]) -> None:
    event = Event(state="verified", when=date(2026, 11, 1), by="R. Eviewer", recomputed=kept_of(record))
    add(path_of(submissions, f"{org}/box"), event)


def test_what_nobody_recomputed_is_listed_by_name_and_compared_with_nothing(submissions: Path) -> None:
    board, page = build(submissions)
    unread = "code unread: nothing was recomputed"
    assert rows(board) == [("Alpha", False, unread), ("Beta", False, unread)]
    assert all(not e.against_first and not e.against_above for e in board.tables[0].entries)
    times = [e.time_to_train_s or 0.0 for e in board.tables[0].entries]
    assert times[0] > times[1], "not by time"
    assert page.count("not ranked") >= 2 and "none of them" in page and ">the first row" not in page


def test_a_reviewer_s_verdict_ranks_exactly_what_it_was_made_of(submissions: Path) -> None:
    review(submissions, "Alpha", recomputed(submissions / "Alpha"))
    board, page = build(submissions)
    assert [(org, ranked) for org, ranked, _ in rows(board)] == [("Alpha", True), ("Beta", False)], (
        "above a faster one without a rank"
    )
    assert rows(board)[0][2] == "recomputed by R. Eviewer, 2026-11-01" and "1 of them not" in page

    script = submissions / "Alpha/benchmarks/cloudmask/box/setup.sh"
    script.write_text(script.read_text() + "# another byte\n")
    write_manifest(submissions / "Alpha")
    assert rows(build(submissions)[0])[0][2].endswith("is on other files")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"EVD075": "not_checked"}, "has EVD075: not checked"),
        ({"EVD070": "fail"}, "has EVD070: fail"),
        ({"EVD071": "not_checked"}, "has EVD071: not checked"),
        ({"EVD083": "not_checked"}, "has EVD083: not checked"),
        ({"EVD019": "not_checked"}, "has EVD019: not checked"),
        ({"conclusion": "not_compliant"}, "found errors"),
    ],
)
def test_a_verdict_that_left_something_out_ranks_nothing(
    submissions: Path, changed: dict[str, str], why: str
) -> None:
    review(submissions, "Beta", recomputed(submissions / "Beta", **changed))
    ((_, ranked, code),) = [row for row in rows(build(submissions)[0]) if row[0] == "Beta"]
    assert not ranked and code.endswith(why)


def test_a_verdict_by_another_ruleset_ranks_nothing(submissions: Path) -> None:
    review(submissions, "Beta", {**recomputed(submissions / "Beta"), "ruleset": "cloudmask-1.0"})
    assert rows(build(submissions)[0])[1][1:] == (
        False,
        "code unread: the verdict of R. Eviewer, 2026-11-01, is by cloudmask-1.0",
    )


@pytest.mark.parametrize("record", [{}, [], {"entries": [], "rules": [], "ruleset": "x"}, {"entries": 3}])
def test_what_is_no_verdict_of_one_system_is_refused(record: Any) -> None:
    with pytest.raises(ValueError, match="of one system"):
        kept_of(record)


def test_a_verdict_without_a_replay_is_no_recomputation(submissions: Path) -> None:
    left_out = recomputed(submissions / "Beta", **dict.fromkeys(RECOMPUTED, "not_checked"))
    with pytest.raises(ValueError, match="computed nothing again"):
        kept_of(left_out)


def test_a_reviewer_keeps_a_verdict_with_one_command(
    submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "verdict.json"
    file.write_text(json.dumps(recomputed(submissions / "Beta")))
    arguments = ["review", "Beta/box", "--submissions", str(submissions), "--by", "R.", "--state", "verified"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--verdict", str(file)])
    assert not end.value.code and "with a recomputation" in capsys.readouterr().out
    assert rows(build(submissions)[0])[0][:2] == ("Beta", True)

    file.write_text("{")
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--verdict", str(file)])
    assert end.value.code == 2 and "cannot be read" in capsys.readouterr().err


def test_what_a_verdict_shows_by_itself() -> None:
    def verdict(**outcomes: Outcome) -> Verdict:
        return Verdict("r", "p", "compliant", [], [RuleResult(id, o) for id, o in outcomes.items()])

    passed, open_ = Outcome.PASS, Outcome.NOT_CHECKED
    all_pass = dict.fromkeys(RECOMPUTED, passed)
    assert basis(verdict(**all_pass)) == HERE
    for id in RECOMPUTED:  # without EVD019 it descends, and computes nothing
        assert basis(verdict(**{**all_pass, id: open_})) == ""
    assert basis(verdict(PKG030=passed, PKG031=passed, PKG032=passed)) == RELEASE
    assert basis(verdict(PKG030=passed, PKG031=Outcome.WARN, PKG032=passed)) == ""


def test_a_rulebook_without_these_rules_ranks_all(submissions: Path) -> None:
    older = load_ruleset("cloudmask-1.0")
    board, _ = build_leaderboard(submissions, submissions / "leaderboard", older, NOW)
    assert [(e.org, e.ranked, e.code) for t in board.tables for e in t.entries] == [
        ("Beta", True, ""),
        ("Alpha", True, ""),
    ]


def test_code_of_a_release_and_open_entries_have_a_rank(tmp_path: Path) -> None:
    root = tmp_path / "submissions"
    build_package(root, org="Alpha", system="box", seeds=SEEDS["Alpha"])
    build_package(root, org="Gamma", system="free", division="open", seeds=SEEDS["Beta"])
    board, _ = build(root)
    assert [(e.org, e.ranked, e.code) for table in board.tables for e in table.entries] == [
        ("Alpha", True, RELEASE),
        ("Gamma", True, ""),
    ]
