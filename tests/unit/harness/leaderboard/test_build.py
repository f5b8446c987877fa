"""The leaderboard: what the checker passes, in tables whose rows compare."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest

from harness.core.errors import UserError
from harness.leaderboard import build_leaderboard
from harness.leaderboard.export import board_csv
from harness.leaderboard.judge import slug
from harness.leaderboard.model import Board
from harness.leaderboard.pages import board_pages, refusals
from harness.report.drawing.words import COLUMNS
from rules.ruleset import load_ruleset
from tests.support.board_builders import make_entry, make_table
from tests.support.builders import build_package
from tests.unit.harness.leaderboard.conftest import NOW


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
    assert refusals(board) == {"Delta/rushed": ("rejected.html#x-1", "breaks the rules")}
    assert (rejected.org, rejected.system, rejected.verdict) == ("Delta", "rushed", "not_compliant")
    assert rejected.errors >= 1 and any("seed" in reason for reason in rejected.reasons)
    text = page.read_text()
    assert text.index("rushed") > text.index('id="rejected"'), "never in a table"


def test_a_rejection_by_another_rulebook_than_the_package_s_own_says_so(
    built: tuple[Board, Path], submissions: Path, tmp_path: Path
) -> None:
    said = "made by cloudmask-1.1, judged here by cloudmask-1.0"
    assert built[0].rejected[0].made_by == "" and said not in built[1].read_text()
    board, page = build_leaderboard(
        submissions, tmp_path / "out", load_ruleset("cloudmask-1.0"), NOW, cache=tmp_path / "cache"
    )
    assert board.rejected[0].made_by == "cloudmask-1.1"
    assert said in page.read_text() and said in (page.parent / "rejected.html").read_text()


def test_the_method_page_names_every_column_once(built: tuple[Board, Path]) -> None:
    text = built[1].with_name("method.html").read_text()
    columns = text[text.index('id="columns"') : text.index('id="badges"')]
    names = re.findall(r'<tr id="column-(\w+)"><th scope="row">([^<]+)</th><td>([^<]+)</td>', columns)
    assert len(names) == columns.count("<tr") == len({name for _, name, _ in names}) == len(COLUMNS)
    assert [(key, said) for key, _, said in names if COLUMNS[key] != html.unescape(said)] == []


def test_the_method_page_explains_every_short_name_of_a_source(built: tuple[Board, Path]) -> None:
    rules = built[1].with_name("method.html").read_text().partition('<section id="rules"')[2]
    about, _, tables = rules.partition("</section>")[0].partition("</p>")
    sources = "".join(re.findall(r'<td>[^<]*<span class="muted">([^<]*)</span>', tables))
    short = set(re.findall(r"\b([A-Z]{2}) \d", sources))
    assert len(short) >= 5 and {name for name in short if f"{name} the" not in about} == {"TR"}
    assert "TR are the" in about and "<code>cloudmask system detect</code>" in tables and "`" not in tables


def test_what_never_ran_is_not_rejected(built: tuple[Board, Path]) -> None:
    assert built[0].unscored == ["Newcomer / local: nothing was run yet"]
    assert "<li><bdi>Newcomer / local: nothing was run yet</bdi></li>" in built[1].read_text()


def test_results_of_other_benchmarks_are_not_called_nothing(tmp_path: Path) -> None:
    build_package(tmp_path / "round", org="Both", system="box")
    for org in ("Both", "Lab"):
        for scaling in ("strong", "weak"):  # two entries of one system, one line
            results = tmp_path / "round" / org / "results" / "other" / scaling / "cosmoflow"
            results.mkdir(parents=True)
            (results / "result_0.txt").write_text("")
        (tmp_path / "round" / org / "systems").mkdir(exist_ok=True)
        (tmp_path / "round" / org / "systems" / "other.json").write_text("{}")
    board, page = build_leaderboard(tmp_path / "round", tmp_path / "out", load_ruleset(), NOW, cache=tmp_path)
    assert board.unscored == ["Both / other: no results of CloudMask", "Lab: results of CosmoFlow only"]
    assert "<h3>Not scored</h3>" in page.read_text()


def test_every_row_leads_to_its_own_fresh_report(built: tuple[Board, Path]) -> None:
    board, page = built
    links = set(re.findall(r'href="(reports/[^"#]+)', page.read_text()))
    assert len(links) == 4
    assert all((page.parent / link).is_file() for link in links)
    report = (page.parent / board.rejected[0].report).read_text()
    assert "Breaks the rules" in report


def test_unverified_stands_beside_each_score(built: tuple[Board, Path]) -> None:
    text = built[1].read_text()
    cells = re.findall(r'<td class="r" data-label="Score">.*?</td>', text, re.S)
    assert len(cells) == 3 and all("unverified" in cell for cell in cells)
    assert "not measured" in text, "energy of these packages"


def test_a_system_page_says_where_description_and_machine_agree(built: tuple[Board, Path]) -> None:
    page = (built[1].parent / "system/Beta/box.html").read_text()
    rows = re.findall(r'<tr class="(\w+)"><th scope="row">.*?</tr>', page)
    agreeing = re.findall(r"<td>(same|different)</td></tr>", page)
    assert agreeing == [state for state in rows if state in ("same", "different")] != []
    (entry,) = (e for table in built[0].tables for e in table.entries if e.id == "Beta/box")
    said = re.sub(r"<[^>]+>", "", page)
    assert f"Warnings{entry.warnings}" in said and entry.accuracy is not None
    assert f"the runs ended at {entry.accuracy:.4f}" in said, "beside the test accuracy"


def test_json_and_csv_say_the_same(built: tuple[Board, Path]) -> None:
    board, page = built
    data = json.loads((page.parent / "leaderboard.json").read_text())
    rows = list(csv.DictReader(io.StringIO((page.parent / "leaderboard.csv").read_text())))
    entries = [e for t in data["tables"] for e in t["entries"]]
    assert data["schema"] == 4 and len(rows) == len(entries) == 3
    assert [r["system"] for r in rows] == [e["system"] for e in entries]
    assert rows[0]["energy_j"] == "" and entries[0]["energy_j"] is None, "absent is not zero"
    assert {r["review"] for r in rows} == {"unverified"}


def test_building_again_gives_the_same_bytes_and_skips_its_own_folder(
    submissions: Path, tmp_path: Path
) -> None:
    (tmp_path / "leaderboard").mkdir()
    _, first = build_leaderboard(submissions, submissions / "leaderboard", load_ruleset(), NOW)
    _, second = build_leaderboard(
        submissions, tmp_path / "leaderboard", load_ruleset(), NOW, cache=tmp_path / "another cache"
    )
    files = {p.relative_to(second.parent): p for p in second.parent.rglob("*") if p.is_file()}
    assert len(files) > 20
    for name, path in files.items():
        assert path.read_bytes() == (first.parent / name).read_bytes(), name


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


def test_rejections_are_counted_only_where_there_are_any(built: tuple[Board, Path], tmp_path: Path) -> None:
    lead = "rejected, with reasons"
    assert f"1 package {lead}" in " ".join(built[1].read_text().split()).replace("</a>", "")
    build_package(tmp_path / "submissions", org="Alpha", system="box")
    build_leaderboard(tmp_path / "submissions", tmp_path / "out", load_ruleset(), NOW)
    page = (tmp_path / "out/index.html").read_text()
    assert "no package is rejected" in page and lead not in page
    assert "1 result in 1 table;" in page, "one table has none to compare with"
    assert "3 results in 2 tables that do not compare with each other;" in built[1].read_text()


def test_folder_names_are_plain_and_distinct() -> None:
    assert slug("h100x4") == "h100x4"
    odd = ["../../etc", "..", "a/b", "a b", "", "Ünïcode", "x" * 300, ".hidden", "<script>"]
    names = [slug(name) for name in odd]
    assert len(set(names)) == len(odd)
    assert all(re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]*", name) for name in names)


def test_csv_cells_are_not_formulas(built: tuple[Board, Path]) -> None:
    table = built[0].tables[0]
    entry = table.entries[0].model_copy(update={"org": "=HYPERLINK(1)", "system": "+1"})
    board = built[0].model_copy(update={"tables": [table.model_copy(update={"entries": [entry]})]})
    row = next(csv.DictReader(io.StringIO(board_csv(board))))
    assert (row["org"], row["system"]) == ("'=HYPERLINK(1)", "'+1")


def test_a_ruleset_of_other_benchmarks_is_refused(submissions, tmp_path):
    with pytest.raises(UserError, match="hpc-3.0.0 is for other benchmarks"):
        build_leaderboard(submissions, tmp_path / "site", load_ruleset("hpc-3.0.0"), NOW)
    assert not (tmp_path / "site").exists()


def test_some_organisations_only_with_a_note(submissions: Path, tmp_path: Path) -> None:
    board, page = build_leaderboard(
        submissions, tmp_path, load_ruleset(), NOW, orgs=("Alpha", "Beta"), note="<b>Only</b> two"
    )
    assert board.listed == 2 and board.rejected == []
    assert "&lt;b&gt;Only&lt;/b&gt; two" in page.read_text()


# ---------------------------------------------------------------- what is published


def test_the_data_keeps_its_published_schema(built: tuple[Board, Path]) -> None:
    out = built[1].parent
    schemas = {
        name: json.loads((out / f"schemas/{name}.schema.json").read_text())
        for name in ("leaderboard", "data")
    }
    jsonschema.validate(json.loads((out / "leaderboard.json").read_text()), schemas["leaderboard"])
    report = json.loads((out / built[0].tables[0].entries[0].report).with_name("data.json").read_text())
    jsonschema.validate(report, schemas["data"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**report, "runs": None}, schemas["data"])


def test_every_page_links_only_to_what_is_there(built: tuple[Board, Path]) -> None:
    out = built[1].parent
    pages = sorted(out.rglob("*.html"))
    assert {p.name for p in pages} >= {
        "index.html",
        "compare.html",
        "method.html",
        "systems.html",
        "rejected.html",
    }
    for page in pages:
        for link in re.findall(r'(?:href|src)="([^"#]+?)(?:#[^"]*)?"', page.read_text()):
            cited = page.name == "method.html" and link.startswith("https://github.com/mlcommons/")
            assert link == "data:," or cited or (page.parent / link).is_file(), (
                f"{page.relative_to(out)}: {link}"
            )


def test_a_board_of_thousands_keeps_its_index_small(tmp_path: Path) -> None:
    table = make_table([make_entry(id=f"Org/s{i}", system=f"s{i}") for i in range(10_000)])
    board = Board(
        generated="2026-01-01T00:00:00Z", tool="t", ruleset="cloudmask-1.1", tables=[table],
        rejected=[], unscored=[], footnotes=[],
    )  # fmt: skip
    sizes = {name: len(text.encode()) for name, text in board_pages(board, load_ruleset(), NOW)}
    assert sizes["index.html"] < 2_500_000
    plain = [name for name in sizes if name.startswith("tables/")]
    assert len(plain) == 20 and max(sizes[name] for name in plain) < 700_000
