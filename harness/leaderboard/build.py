"""The leaderboard site: what the checker passes is listed, everything else is rejected with reasons."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path

from harness import __version__
from harness.core.errors import UserError
from harness.leaderboard import charts
from harness.leaderboard.cache import default_cache
from harness.leaderboard.collect import collect, package_folders
from harness.leaderboard.export import CSV, JSON, board_csv, board_json
from harness.leaderboard.judge import Judge, Result
from harness.leaderboard.likeness import likenesses
from harness.leaderboard.model import Board, Entry, Key, Rejected, Table, Withdrawn, board_schema
from harness.leaderboard.pages import FIRST_TABLES, INDEX, board_pages
from harness.leaderboard.placing import in_order, placed
from harness.leaderboard.publishing import SiteFiles
from harness.leaderboard.ranking import ranked
from harness.leaderboard.reviews import Review, read_all
from harness.report.drawing.labels import DATA_KINDS, DIVISIONS, FOOTNOTES
from harness.report.drawing.text import clean, timestamp
from harness.report.page import report_schema
from harness.report.panels.baselines.builder import BEST_ENTRY, card
from rules.model.layout import BENCHMARK
from rules.ruleset import Ruleset

SCHEMAS = {"schemas/leaderboard.schema.json": board_schema, "schemas/data.schema.json": report_schema}


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
    said, day = read_all(submissions), date.fromisoformat(timestamp(now)[:10])
    hidden = {id for id, review in said.items() if review.hidden(day)}
    site = SiteFiles(out_dir)
    results: list[Result] = []
    try:
        for found in collect(folders, judge, jobs or os.cpu_count() or 1):
            if found.pages is not None:
                site.publish(found.pages, hidden)
            for result in found.results:
                if result.id in hidden:
                    progress(f"under embargo: {result.name}")
                else:
                    results.append(result)
                    progress(_line(result, found.known))
        board = _board(results, ruleset, now, note, said)
        _write(board, ruleset, site, now)
        site.finish()
        return board, out_dir / INDEX
    except BaseException as error:
        with contextlib.suppress(OSError):
            site.give_up()
        if isinstance(error, OSError):
            raise _unwritable(error, out_dir) from error
        raise


def _unwritable(error: OSError, out_dir: Path) -> UserError:
    where = f" {error.filename}" if error.filename else f" {out_dir}"
    return UserError(
        f"Cannot write{where}: {error.strerror}.",
        "free space, check permissions, or use --out and --cache.",
    )


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
            review = said.get(entry.id, Review())
            place[1].append(ranked(_reviewed(entry, review), one.key.division, review, ruleset))
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
        unscored=list(dict.fromkeys(unscored)),
        footnotes=list(FOOTNOTES),
    )


def _history(review: Review) -> list[str]:
    return [clean(event.words()) for event in review.events]


def _reviewed(entry: Entry, review: Review) -> Entry:
    """The entry with the state and history of its review."""
    if not review.events:
        return entry
    return entry.model_copy(update={"state": _state(review), "history": _history(review)})


def _state(review: Review) -> str:
    last = review.events[-1]
    if last.state == "embargoed":
        return f"embargo ended {last.until}"
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
    ended, tested = (e.accuracy for e in entries), (e.test_accuracy for e in entries)
    simple = card(key.data_digest, ended, tested, who=BEST_ENTRY)
    return Table(
        **key.model_dump(),
        id=f"t-{digest[:10]}",
        entries=placed(sorted(entries, key=in_order)),
        simple_methods=simple.methods if simple else [],
        skill=simple.sentence if simple else "",
    )


def _write(board: Board, ruleset: Ruleset, site: SiteFiles, now: datetime | float) -> None:
    for name, schema in SCHEMAS.items():
        site.write(name, schema())
    site.write(JSON, board_json(board))
    site.write(CSV, board_csv(board))
    for table in board.tables[:FIRST_TABLES]:
        for name, content in charts.files(table, board.ruleset):
            site.write(name, content)
    for name, text in board_pages(board, ruleset, now):
        site.write(name, text)
