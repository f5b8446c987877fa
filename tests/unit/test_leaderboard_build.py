"""The leaderboard: only what the checker passes today, grouped so that rows compare."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.leaderboard import build_leaderboard
from harness.leaderboard.export import board_csv
from harness.leaderboard.judge import slug
from harness.leaderboard.model import Board
from rules.ruleset import load_ruleset
from tests.builders import build_package

NOW = 1_795_000_000.0


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two closed entries on one data set, one open, one that cheats, one that never ran."""
    root = tmp_path_factory.mktemp("submissions")
    build_package(root, org="Alpha", system="slow", seeds=(101, 7_202, 30_303, 404_404, 5_050_505))
    build_package(root, org="Beta", system="box", seeds=(111, 8_222, 43_333, 504_444, 6_155_555))
    build_package(
        root, org="Gamma", system="free", division="open", seeds=(121, 9_242, 53_363, 604_484, 7_155_655)
    )
    cheat = build_package(root, org="Delta", system="rushed", seeds=(131, 9_342, 73_363, 904_484, 8_155_655))
    cheat.edit_events(1, lambda events: [e for e in events if e["key"] != "seed"])
    (root / "Newcomer" / "systems").mkdir(parents=True)
    (root / "Newcomer" / "systems" / "local.json").write_text("{}")
    (root / "notes").mkdir()
    return root


@pytest.fixture(scope="module")
def built(submissions: Path) -> tuple[Board, Path]:
    return build_leaderboard(submissions, submissions / "leaderboard", load_ruleset(), NOW)


def test_tables_hold_what_compares(built: tuple[Board, Path]) -> None:
    board, _ = built
    assert [(t.division_name, t.data_kind, len(t.entries)) for t in board.tables] == [
        ("CloudMask Closed", "SYNTHETIC", 2),
        ("CloudMask Open", "SYNTHETIC", 1),
    ]
    times = [e.time_to_train_s for e in board.tables[0].entries]
    assert times == sorted(times, key=lambda t: t or 0)  # type: ignore[type-var]


def test_who_breaks_a_rule_is_rejected_with_reasons(built: tuple[Board, Path]) -> None:
    board, page = built
    (rejected,) = board.rejected
    assert (rejected.org, rejected.system, rejected.verdict) == ("Delta", "rushed", "not_compliant")
    assert rejected.errors >= 1 and any("seed" in reason for reason in rejected.reasons)
    text = page.read_text()
    assert text.index("rushed") > text.index('id="rejected"'), "never in a table"


def test_what_never_ran_is_no_rejection(built: tuple[Board, Path]) -> None:
    assert built[0].unscored == ["Newcomer / local"]


def test_every_row_leads_to_its_own_fresh_report(built: tuple[Board, Path]) -> None:
    board, page = built
    links = re.findall(r'href="(reports/[^"]+)"', page.read_text())
    assert len(links) == 4
    assert all((page.parent / link).is_file() for link in links)
    report = (page.parent / board.rejected[0].report).read_text()
    assert "Not compliant" in report


def test_unverified_stands_beside_each_score(built: tuple[Board, Path]) -> None:
    text = built[1].read_text()
    for cell in re.findall(r'<td class="r" data-v="[\d.]+"><b>.*?</td>', text, re.S):
        assert "unverified" in cell
    assert "not measured" in text, "energy of these packages"


def test_json_and_csv_say_the_same(built: tuple[Board, Path]) -> None:
    board, page = built
    data = json.loads((page.parent / "leaderboard.json").read_text())
    rows = list(csv.DictReader(io.StringIO((page.parent / "leaderboard.csv").read_text())))
    entries = [e for t in data["tables"] for e in t["entries"]]
    assert data["schema"] == 1 and len(rows) == len(entries) == 3
    assert [r["system"] for r in rows] == [e["system"] for e in entries]
    assert rows[0]["energy_j"] == "" and entries[0]["energy_j"] is None, "absent is not zero"
    assert {r["review"] for r in rows} == {"unverified"}


def test_building_again_gives_the_same_bytes_and_skips_its_own_folder(
    submissions: Path, tmp_path: Path
) -> None:
    (tmp_path / "leaderboard").mkdir()
    _, first = build_leaderboard(submissions, submissions / "leaderboard", load_ruleset(), NOW)
    _, second = build_leaderboard(submissions, tmp_path / "leaderboard", load_ruleset(), NOW)
    assert first.read_bytes() == second.read_bytes()


def test_other_data_is_another_table(submissions: Path, tmp_path: Path) -> None:
    build_package(tmp_path, org="Alpha", system="a")
    build_package(
        tmp_path, org="Beta", system="b", train_files=25, seeds=(121, 9_242, 53_363, 604_484, 7_155_655)
    )
    board, _ = build_leaderboard(tmp_path, tmp_path / "leaderboard", load_ruleset(), NOW)
    assert len(board.tables) == 2 and len({t.data_digest for t in board.tables}) == 2


def test_nothing_submitted_yet(tmp_path: Path) -> None:
    board, page = build_leaderboard(tmp_path, tmp_path / "out", load_ruleset(), NOW)
    assert board.tables == [] and "make submit SYSTEM=local" in page.read_text()
    with pytest.raises(UserError, match="no folder"):
        build_leaderboard(tmp_path / "gone", tmp_path / "out", load_ruleset(), NOW)


def test_folder_names_are_plain_and_distinct() -> None:
    assert slug("h100x4") == "h100x4"
    odd = ["../../etc", "..", "a/b", "a b", "", "Ünïcode", "x" * 300, ".hidden", "<script>"]
    names = [slug(name) for name in odd]
    assert len(set(names)) == len(odd)
    assert all(re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]*", name) for name in names)


def test_csv_cells_are_no_formulas(built: tuple[Board, Path]) -> None:
    table = built[0].tables[0]
    entry = table.entries[0].model_copy(update={"org": "=HYPERLINK(1)", "system": "+1"})
    board = built[0].model_copy(update={"tables": [table.model_copy(update={"entries": [entry]})]})
    row = next(csv.DictReader(io.StringIO(board_csv(board))))
    assert (row["org"], row["system"]) == ("'=HYPERLINK(1)", "'+1")
