"""The board as data: leaderboard.json and leaderboard.csv."""

from __future__ import annotations

import csv
import io
import json
import re

from harness.leaderboard.model import Board, Entry, Key

JSON, CSV = "leaderboard.json", "leaderboard.csv"
# What spreadsheets take for a formula, in full width too; also behind a separator, since a program that splits
# cells there would begin a new one. Line breaks inside a cell become blanks.
_FORMULA = re.compile(r"(\A|[;,|])([\s\"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_BREAKS = re.compile(r"[\t\r\n\v\f\x85\u2028\u2029]+")
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
            writer.writerow([_cell(value) for value in values])
    return buffer.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if isinstance(value, str):
        return _FORMULA.sub(r"\1\2'", _BREAKS.sub(" ", value))
    return "" if value is None else value
