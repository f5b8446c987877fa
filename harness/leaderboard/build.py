"""The leaderboard site: what the checker passes is listed, everything else is rejected with reasons."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path

from harness import __version__
from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.leaderboard.cache import default_cache, publish
from harness.leaderboard.collect import collect, package_folders
from harness.leaderboard.export import CSV, JSON, board_csv, board_json
from harness.leaderboard.judge import Judge, Result
from harness.leaderboard.likeness import likenesses
from harness.leaderboard.model import Board, Entry, Key, Rejected, Table, Withdrawn, board_schema
from harness.leaderboard.pages import INDEX, board_pages
from harness.leaderboard.placing import placed
from harness.leaderboard.reviews import Review, read_all
from harness.leaderboard.systempage import SYSTEMS
from harness.report.drawing.labels import DATA_KINDS, DIVISIONS, FOOTNOTES
from harness.report.drawing.text import clean, timestamp
from harness.report.page import report_schema
from harness.report.panels.baselines.builder import card
from rules.model.layout import BENCHMARK
from rules.ruleset import Ruleset

SCHEMAS = {"schemas/leaderboard.schema.json": board_schema, "schemas/data.schema.json": report_schema}
_REPORT = re.compile(r"reports/[A-Za-z0-9_+][A-Za-z0-9_+.-]*/[A-Za-z0-9_+][A-Za-z0-9_+.-]*/index\.html")


def build_leaderboard(
    submissions: Path,
    out_dir: Path,
    ruleset: Ruleset,
    now: datetime | float,
    progress: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
    data: tuple[Path, ...] = (),
    jobs: int | None = None,
    orgs: tuple[str, ...] = (),
    note: str = "",
) -> tuple[Board, Path]:
    """Check every package below `submissions` and write the site; returns its data and index.html.

    Reports are rendered from what was checked: a package's own HTML is never linked. A package whose
    files, tool and ruleset are those of an earlier check is not checked again (`cache`, by default in
    the user's cache folder). `data` names data sets to replay packages on; `jobs` is the number of
    processes, by default one per processor. `orgs` lists the only organisations to take; `note` is shown
    at the top. Raises UserError when the ruleset is for other benchmarks, when there is no folder of
    submissions, or a folder cannot be written.
    """
    if ruleset.benchmark != BENCHMARK:
        raise UserError(
            f"The leaderboard is of CloudMask; the ruleset {ruleset.name} is for other benchmarks.",
            "leave --ruleset out; one package is judged with `cloudmask report PATH --ruleset`.",
        )
    folders = [f for f in package_folders(submissions, out_dir) if not orgs or f.name in orgs]
    judge = Judge(ruleset, cache or default_cache(), now, data)
    results: list[Result] = []
    try:
        before = _reports(out_dir)
        for found in collect(folders, judge, jobs or os.cpu_count() or 1):
            if found.pages is not None:
                publish(found.pages, out_dir)
            results += found.results
            for result in found.results:
                progress(_line(result, found.known))
        said, day = read_all(submissions), date.fromisoformat(timestamp(now)[:10])
        shown = [one for one in results if one.entry is None or not _embargoed(one.entry, said, day)]
        board = _board(shown, ruleset, now, note, said)
        pages = {one.entry.report for one in results if one.entry is not None}
        _remove(out_dir, (before | pages) - set(_linked(board)))
        return board, _write(board, ruleset, out_dir, now)
    except OSError as error:
        where = f" {error.filename}" if error.filename else f" {out_dir}"
        raise UserError(
            f"Cannot write{where}: {error.strerror}.",
            "free space, check permissions, or use --out and --cache.",
        ) from error


def _embargoed(entry: Entry, said: dict[str, Review], day: date) -> bool:
    return entry.id in said and said[entry.id].hidden(day)


def _line(result: Result, known: bool) -> str:
    became = "listed" if result.entry else "rejected" if result.rejected else "not scored"
    return f"{became}{' (unchanged)' if known else ''}: {result.name}"


def _board(
    results: Iterable[Result], ruleset: Ruleset, now: datetime | float, note: str, said: dict[str, Review]
) -> Board:
    tables: dict[tuple[str, ...], tuple[Key, list[Entry]]] = {}
    rejected: list[Rejected] = []
    unscored: list[str] = []
    results = list(results)
    alike = likenesses([one.marked for one in results if one.marked is not None])
    withdrawn: list[Withdrawn] = []
    for one in results:
        if one.entry is not None and said.get(one.entry.id, Review()).state == "withdrawn":
            history = _history(said[one.entry.id])
            withdrawn.append(Withdrawn(id=one.entry.id, history=history, report=one.entry.report))
        elif one.entry is not None and one.key is not None:
            place = tables.setdefault(tuple(one.key.model_dump().values()), (one.key, []))
            entry = one.entry.model_copy(update={"alike": alike.get(one.entry.id, [])})
            place[1].append(_reviewed(entry, said))
        elif one.rejected is not None:
            rejected.append(one.rejected)
        elif one.unscored is not None:
            unscored.append(one.unscored)
    return Board(
        generated=timestamp(now),
        tool=f"cloudmask-harness {__version__}",
        ruleset=ruleset.name,
        note=clean(note),
        tables=[_table(key, entries) for key, entries in sorted(tables.values(), key=_order)],
        rejected=rejected,
        withdrawn=withdrawn,
        unscored=unscored,
        footnotes=list(FOOTNOTES),
    )


def _history(review: Review) -> list[str]:
    return [clean(event.words()) for event in review.events]


def _reviewed(entry: Entry, said: dict[str, Review]) -> Entry:
    """The entry with the state and history of its review."""
    review = said.get(entry.id)
    if review is None or not review.events:
        return entry
    return entry.model_copy(update={"state": _state(review), "history": _history(review)})


def _state(review: Review) -> str:
    last = review.events[-1]
    if last.state == "verified":
        return clean(f"looked at by {last.by}", 80)
    return clean(f"superseded by {last.superseded_by}", 80) if last.superseded_by else last.state


def _order(table: tuple[Key, list[Entry]]) -> tuple[int, int, int, tuple[str, ...]]:
    """Official data first, closed before open, then the table with most entries."""
    key, entries = table
    data, division = _rank(key.data_kind, DATA_KINDS), _rank(key.division, DIVISIONS)
    return data, division, -len(entries), tuple(key.model_dump().values())


def _rank(value: str, order: Iterable[str]) -> int:
    """The place of a value in an order; after all others when it is not in it."""
    known = list(order)
    return known.index(value) if value in known else len(known)


def _table(key: Key, entries: list[Entry]) -> Table:
    digest = hashlib.sha256("\0".join(key.model_dump().values()).encode("utf-8", "replace")).hexdigest()
    simple = card(key.data_digest, (e.accuracy for e in entries), (e.test_accuracy for e in entries))
    return Table(
        **key.model_dump(),
        id=f"t-{digest[:10]}",
        entries=placed(sorted(entries, key=lambda e: (e.time_to_train_s or 0.0, e.org, e.system))),
        simple_methods=simple.methods if simple else [],
        skill=simple.sentence if simple else "",
    )


def _write(board: Board, ruleset: Ruleset, out: Path, now: datetime | float) -> Path:
    for name, schema in SCHEMAS.items():
        write_atomic(out / name, schema())
    write_atomic(out / JSON, board_json(board))
    write_atomic(out / CSV, board_csv(board))
    for name, text in board_pages(board, ruleset, now):
        write_atomic(out / name, text)
    return out / INDEX


def _linked(board: Board) -> Iterable[str]:
    yield from (entry.report for table in board.tables for entry in table.entries)
    yield from (one.report for one in board.rejected if one.report)
    yield from (one.report for one in board.withdrawn)


def _reports(out: Path) -> set[str]:
    """Reports that an earlier build put there."""
    try:
        board = json.loads((out / JSON).read_bytes())
        entries = [entry for table in board["tables"] for entry in table["entries"]]
        return {one["report"] for one in [*entries, *board["rejected"], *board.get("withdrawn", ())]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _remove(out: Path, reports: set[str]) -> None:
    """Take away the pages of packages that are gone."""
    for name in reports:
        if _REPORT.fullmatch(name):
            folder = (out / name).parent
            system = out / SYSTEMS / folder.parent.name / f"{folder.name}.html"
            for path in [*(folder.iterdir() if folder.is_dir() else ()), system]:
                path.unlink(missing_ok=True)
