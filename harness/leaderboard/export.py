"""The board as data: leaderboard.json and leaderboard.csv."""

from __future__ import annotations

import csv
import io
import json

from harness.leaderboard.model import Board, Entry, Key
from harness.report.drawing.text import spreadsheet_cell

JSON, CSV = "leaderboard.json", "leaderboard.csv"
_HEAD = [name for name in Key.model_fields if name != "division_name"]
_COLUMNS = [name for name in Entry.model_fields if name != "status"]


def board_json(board: Board) -> str:
    """ASCII only, so that no string in it can disturb a terminal or an editor."""
    return json.dumps(json.loads(board.model_dump_json(by_alias=True)), indent=1) + "\n"


def board_csv(board: Board) -> str:
    """One line per entry, its table's columns first. Texts can't become spreadsheet formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_HEAD, "review", "ruleset", *_COLUMNS])
    for table in board.tables:
        shared = [*(getattr(table, name) for name in _HEAD), board.review, board.ruleset]
        for entry in table.entries:
            values = [*shared, *(getattr(entry, name) for name in _COLUMNS)]
            writer.writerow([spreadsheet_cell(value) for value in values])
    return buffer.getvalue()
