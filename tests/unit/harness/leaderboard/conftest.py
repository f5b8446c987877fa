"""Packages and the board that is built of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.leaderboard import build_leaderboard
from harness.leaderboard.model import Board
from rules.ruleset import load_ruleset
from tests.support.builders import build_package

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
