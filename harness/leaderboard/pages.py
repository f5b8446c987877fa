"""The pages of the site: index, plain lists for large boards, systems, compare, method, rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.leaderboard.charts import address, drawings
from harness.leaderboard.model import Board, Entry, Key, Rejected, Table
from harness.leaderboard.placing import interval_of
from harness.leaderboard.strips import epoch_caption, time_caption
from harness.report.drawing.labels import COMPLIANT, SYNTHETIC, VERDICTS
from harness.report.drawing.words import COLUMN_NAMES, COLUMNS, FIVE, GLOSSARY
from harness.report.rates import machines, rate_text
from harness.report.site import data_block, render, unverified
from harness.science.resampling import DRAWS, FEWEST, SEED, tail_of
from harness.score.interval import quantile
from harness.score.words import interval_text
from rules.registry import GROUPS, catalogue
from rules.ruleset import Ruleset

TEMPLATES = Path(__file__).resolve().parent / "templates"
STYLE = TEMPLATES / "board.css"
INDEX, COMPARE, METHOD, ALL_SYSTEMS, REJECTED = (
    "index.html",
    "compare.html",
    "method.html",
    "systems.html",
    "rejected.html",
)
FIRST_ROWS = 50  # of a table that stand in the index itself; scripts show the rest, or tables/ does
FIRST_TABLES = 20
FIRST_REJECTED = 20
PAGE_ROWS = 500  # of the plain pages
MOST_SCENES = 400  # whose tails the compare page has
MOST_DEGREES = 200  # of freedom whose quantiles the compare page has

_TEXT = (
    "id",
    "system",
    "org",
    "energy_scope",
    "accelerator",
    "processor",
    "framework",
    "precision",
    "commit",
    "checked",
    "against_first",
    "against_above",
    "pace",
    "factor_reason",
    "warned_rules",
    "state",
    "history_text",
    "interval",
    "alike",
    "code",
)
_NUMBERS = (
    "time_to_train_s",
    "fastest_run_s",
    "slowest_run_s",
    "accuracy",
    "test_accuracy",
    "samples_per_s",
    "seconds_per_scene",
    "energy_j",
    "accelerators",
    "nodes",
    "global_batch_size",
    "runs",
    "warnings",
    "power_scored",
    "replay_verified",
    "ranked",
    "mean_s",
    "factor",
    "low_s",
    "high_s",
    "mean_epochs",
    "reference_epochs",
    "target",
)
_OF_TABLE = {*Key.model_fields, "id"}


def _sampling() -> Markup:
    """What the compare page needs to draw the scenes that harness/science/resampling.py draws."""
    tails = [tail_of(max(scenes, 2)) for scenes in range(MOST_SCENES + 1)]
    return data_block({"draws": DRAWS, "seed": SEED, "fewest": FEWEST, "tails": tails})


def board_pages(board: Board, ruleset: Ruleset, now: datetime | float) -> Iterator[tuple[str, str]]:
    """(path, text) of every page but the reports and system pages, one at a time; the index comes last."""
    quantiles = data_block([round(quantile(degrees), 6) for degrees in range(1, MOST_DEGREES + 1)])
    unranked = data_block([entry.id for table in board.tables for entry in table.entries if not entry.ranked])
    values: dict[str, Any] = {"quantiles": quantiles, "sampling": _sampling(), "unranked": unranked}
    values["rejected"] = data_block(refusals(board))
    yield COMPARE, page("compare.html", now, "", ("compare.js",), loads=True, current=COMPARE, **values)
    every = catalogue()
    groups = [
        (prefix, topic, [rule for rule in every if rule.id.startswith(prefix)])
        for prefix, topic in GROUPS.items()
    ]
    method: dict[str, Any] = {"rules": groups, "rule_count": len(every), "glossary": GLOSSARY}
    method |= {"machines": machines(), "rate_text": rate_text}
    yield (
        METHOD,
        page("method.html", now, "", ruleset=ruleset, current=METHOD, **method),
    )
    yield from _table_pages(board, now)
    yield from _system_pages(board, now)
    yield from _rejected_pages(board, now)
    yield (
        INDEX,
        page(
            "leaderboard.html",
            now,
            "",
            ("board.js",),
            running=(f"Unofficial CloudMask leaderboard, ruleset {board.ruleset}", _of_tables(board)),
            b=board,
            data=compact(board),
            first_rows=FIRST_ROWS,
            first_tables=FIRST_TABLES,
            first_rejected=FIRST_REJECTED,
            table_page=table_page,
            five=FIVE,
            current=INDEX,
        ),
    )


def _of_tables(board: Board) -> str:
    """What stands above every printed page of the index, on the right."""
    made = [table.data_kind == SYNTHETIC for table in board.tables]
    said = unverified(any(made))
    return said if all(made) or not any(made) else f"in part {said}"


def page(
    template: str,
    now: datetime | float,
    root: str,
    scripts: Sequence[str] = (),
    loads: bool = False,
    **values: Any,
) -> str:
    """A page of the site. `root` leads from it to the folder of index.html: "", "../", ..."""
    files = (STYLE, *(TEMPLATES / name for name in scripts))
    shared = {
        "columns": COLUMNS,
        "column_names": COLUMN_NAMES,
        "interval": _interval,
        "drawn": drawings,
        "epoch_caption": epoch_caption,
        "time_caption": time_caption,
        "address": address,
    }
    return render(template, now, (TEMPLATES,), files, loads, root=root, **{**shared, **values})


def _interval(entry: Entry) -> str:
    return interval_text(interval_of(entry))


def table_page(table: Table, number: int = 1) -> str:
    """Path of the plain page that lists rows of a table."""
    return f"tables/{table.id}.html" if number == 1 else f"tables/{table.id}-{number}.html"


def _beside(table: Table, number: int) -> str:
    return table_page(table, number).rpartition("/")[2]


def _table_pages(board: Board, now: datetime | float) -> Iterator[tuple[str, str]]:
    for table in board.tables:
        parts = _split(table.entries, PAGE_ROWS)
        for number, rows in enumerate(parts, start=1):
            yield (
                table_page(table, number),
                page(
                    "table.html",
                    now,
                    "../",
                    running=(f"Unofficial: {table.division_name}", unverified(table.data_kind == SYNTHETIC)),
                    b=board,
                    t=table,
                    rows_here=rows,
                    number=number,
                    pages=len(parts),
                    table_name=partial(_beside, table),
                    current="",
                ),
            )


def _system_pages(board: Board, now: datetime | float) -> Iterator[tuple[str, str]]:
    """All systems: one table per division, data set and status, in it by the hardware that trains."""
    named = [
        (table, (hardware, entry))
        for table in board.tables
        for hardware, entry in sorted(
            ((_hardware(entry), entry) for entry in table.entries),
            key=lambda one: (one[0].casefold(), one[1].org.casefold(), one[1].system.casefold()),
        )
    ]
    parts = _split(named, PAGE_ROWS)
    for number, rows in enumerate(parts, start=1):
        groups: dict[str, tuple[Table, list[tuple[str, Entry]]]] = {}
        for table, row in rows:
            groups.setdefault(table.id, (table, []))[1].append(row)
        name = ALL_SYSTEMS if number == 1 else f"systems-{number}.html"
        values: dict[str, Any] = {
            "groups": list(groups.values()),
            "total": len(named),
            "number": number,
            "pages": len(parts),
        }
        yield name, page("systems.html", now, "", current=ALL_SYSTEMS, **values)


def _hardware(entry: Entry) -> str:
    if entry.accelerators:
        return entry.accelerator or "accelerators, model not stated"
    return entry.processor or "processor not stated"


def _rejected_pages(board: Board, now: datetime | float) -> Iterator[tuple[str, str]]:
    parts: list[list[Rejected]] = _split(board.rejected, PAGE_ROWS)
    for number, rows in enumerate(parts, start=1):
        name = _rejected_page(number)
        values: dict[str, Any] = {"b": board, "rows": rows, "number": number, "pages": len(parts)}
        yield name, page("rejected.html", now, "", current=REJECTED, **values)


def _rejected_page(number: int) -> str:
    return REJECTED if number == 1 else f"rejected-{number}.html"


def refusals(board: Board) -> dict[str, tuple[str, str]]:
    """By ID, where the rejected pages name a package and in a few words why; without those that have no report."""
    found = {}
    for number, rows in enumerate(_split(board.rejected, PAGE_ROWS), start=1):
        for place, one in enumerate(rows, start=1):
            id = one.report.removeprefix("reports/").removesuffix("/index.html")
            words = (
                VERDICTS.get(one.verdict, one.verdict).lower()
                if one.verdict != COMPLIANT
                else "has no time-to-train"
            )
            if id:
                found[id] = (f"{_rejected_page(number)}#x-{place}", words)
    return found


def _split(values: list[Any], size: int) -> list[list[Any]]:
    """Parts of at most `size`; one empty part when there is nothing."""
    return [values[i : i + size] for i in range(0, len(values), size)] or [[]]


def compact(board: Board) -> Markup:
    """All rows for the index's script: arrays instead of objects, each text once."""
    places: dict[str, int] = {}

    def place(text: str) -> int:
        return places.setdefault(text, len(places))

    def row(entry: Entry) -> list[Any]:
        values = {
            **entry.model_dump(),
            "warned_rules": " ".join(entry.warned[:4]),
            "interval": _interval(entry),
            "alike": "\n".join(entry.alike),
            "history_text": "\n".join(entry.history),
        }
        return [*(place(values[name]) for name in _TEXT), *(_short(values[name]) for name in _NUMBERS)]

    tables = [
        {
            **{name: value for name, value in table if name in _OF_TABLE},
            "rows": [row(entry) for entry in table.entries],
        }
        for table in board.tables
    ]
    return data_block(
        {"text": _TEXT, "numbers": _NUMBERS, "tables": tables, "strings": list(places), "columns": COLUMNS}
    )


def _short(value: float | int | bool | None) -> float | int | None:
    """Numbers to nine digits, truth as 0 or 1: what is shown has fewer."""
    return float(f"{value:.9g}") if isinstance(value, float) else None if value is None else int(value)
