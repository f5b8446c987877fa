"""The board as data: leaderboard.json and leaderboard.csv."""

from __future__ import annotations

import json

from harness.core.csv_text import csv_text
from harness.leaderboard.model import Board, Entry, Key

JSON, CSV = "leaderboard.json", "leaderboard.csv"
_HEAD = [name for name in Key.model_fields if name != "division_name"]
_COLUMNS = [name for name in Entry.model_fields if name != "status"]


def board_json(board: Board) -> str:
    """ASCII only, so that no string in it can disturb a terminal or an editor."""
    return json.dumps(json.loads(board.model_dump_json(by_alias=True)), indent=1) + "\n"


def board_csv(board: Board) -> str:
    """One line per entry, its table's columns first. Texts can't become spreadsheet formulas."""
    rows = []
    for table in board.tables:
        shared = [*(getattr(table, name) for name in _HEAD), board.review, board.ruleset]
        rows += [[*shared, *(getattr(entry, name) for name in _COLUMNS)] for entry in table.entries]
    return csv_text([*_HEAD, "review", "ruleset", *_COLUMNS], rows)
