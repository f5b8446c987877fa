"""The leaderboard site: one page of tables, a fresh report for each package, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.leaderboard.collect import Judged, collect
from harness.leaderboard.model import Board, Entry, Rejected, Table
from harness.report.labels import FOOTNOTES
from harness.report.model import Report
from harness.report.page import INDEX, write_report
from harness.report.site import render, write_folder
from harness.report.text import timestamp
from rules.ruleset import Ruleset

TEMPLATES = Path(__file__).resolve().parent / "templates"
JSON, CSV = "leaderboard.json", "leaderboard.csv"
_NOTHING = re.compile(r"(?!)")
_DATA_ORDER = ("official", "the submitter's own", "SYNTHETIC")
_DIVISION_ORDER = ("closed", "open")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Key = tuple[str, str, str, str, str, str]


def build_leaderboard(
    submissions: Path,
    out_dir: Path,
    ruleset: Ruleset,
    now: datetime | float,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[Board, Path]:
    """Check every package below `submissions` and write the site; returns its data and index.html.

    Reports are rendered anew from what was checked just now: a package's own HTML is never linked.
    Raises UserError when there are no submissions or out_dir cannot be written.
    """
    tables: dict[Key, list[Entry]] = {}
    rejected: list[Rejected] = []
    unscored: list[str] = []
    for one in collect(submissions, ruleset, now, out_dir, progress):
        if isinstance(one, Judged):
            write_report(one.content, out_dir / one.folder, now)
            if one.entry is not None:
                tables.setdefault(_key(one.content.report), []).append(one.entry)
        elif one.rejected is None:
            unscored.append(one.name)
        if one.rejected is not None:
            rejected.append(one.rejected)
    board = Board(
        generated=timestamp(now),
        tool=f"cloudmask-harness {__version__}",
        ruleset=ruleset.name,
        tables=[_table(key, tables[key]) for key in sorted(tables, key=_order)],
        rejected=rejected,
        unscored=unscored,
        footnotes=list(FOOTNOTES),
    )
    files: dict[str, str | bytes] = {
        INDEX: render("leaderboard.html", now, TEMPLATES, b=board),
        JSON: json.dumps(json.loads(board.model_dump_json(by_alias=True)), indent=1) + "\n",
        CSV: board_csv(board),
    }
    return board, write_folder(out_dir, files, INDEX, _NOTHING)


def _key(report: Report) -> Key:
    who, data = report.identity, report.dataset
    kind, profile, digest = (data.kind, data.profile, data.digest) if data else ("not stated", "", "")
    return (kind, who.division, profile, digest, who.status, who.division_name)


def _order(key: Key) -> tuple[int, int, Key]:
    kind, division = key[0], key[1]
    data = _DATA_ORDER.index(kind) if kind in _DATA_ORDER else len(_DATA_ORDER)
    return data, _DIVISION_ORDER.index(division) if division in _DIVISION_ORDER else 9, key


def _table(key: Key, entries: list[Entry]) -> Table:
    kind, division, profile, digest, status, name = key
    return Table(
        division=division,
        division_name=name,
        data_kind=kind,
        data_profile=profile,
        data_digest=digest,
        status=status,
        entries=sorted(entries, key=lambda e: (e.time_to_train_s or 0.0, e.org, e.system)),
    )


def board_csv(board: Board) -> str:
    """One line per entry, its table's columns first. Texts can't become spreadsheet formulas."""
    buffer = io.StringIO()
    names = [name for name in Entry.model_fields if name != "status"]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["division", "data_kind", "data_profile", "data_digest", "status", "review", "ruleset", *names]
    )
    for table in board.tables:
        head = [table.division, table.data_kind, table.data_profile, table.data_digest, table.status]
        for entry in table.entries:
            values = entry.model_dump()
            writer.writerow(
                [_cell(v) for v in [*head, "unverified", board.ruleset, *(values[n] for n in names)]]
            )
    return buffer.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
