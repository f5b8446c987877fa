"""The leaderboard in a browser: searching, filtering, sorting, columns, comparing, all from a file path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.leaderboard.comparison import write_comparison
from harness.leaderboard.model import Board
from harness.leaderboard.pages import board_pages
from harness.leaderboard.systempage import write_system_page
from harness.report.model import GalleryCard, Report
from harness.report.page import report_page
from harness.report.site import write_plain
from harness.science.counts import SceneCounts
from harness.science.paired import compare, in_words
from rules.ruleset import load_ruleset

pytestmark = pytest.mark.slow

NO_PICTURES = GalleryCard(run=None, scenes=[], notes=[])

NAMES = "[...document.querySelectorAll('.board tbody th a:not(.muted)')].map((link) => link.textContent)"


def sort_by(page: Any, key: str) -> Any:
    head = page.locator(f"thead th:has([data-sort={key}])").first
    head.locator("button").press("Enter")
    return head


def test_with_scripts_the_rows_say_what_they_say_without(visit: Callable[..., Any], site: Any) -> None:
    cells = (
        "[...document.querySelectorAll('.board')].map((table) => [...table.rows].map("
        "(row) => [...row.cells].map((cell) => cell.innerText.trim())))"
    )
    with_scripts, without = (
        visit(site.board, java_script_enabled=on).page.evaluate(cells) for on in (True, False)
    )
    assert with_scripts == without and sum(len(table) - 1 for table in without) == 3


def test_sorting(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.board, part="#?division=CloudMask+Closed").page
    assert page.evaluate(NAMES) == ["fast", "box"], "fastest first"
    head = sort_by(page, "time")
    assert page.evaluate(NAMES) == ["box", "fast"] and head.get_attribute("aria-sort") == "descending"
    assert page.evaluate("document.activeElement.dataset.sort") == "time", "focus stays on the heading"
    sort_by(page, "system")
    assert page.evaluate(NAMES) == ["box", "fast"]
    for _ in range(2):
        sort_by(page, "energy")
        assert page.evaluate(NAMES)[-1] == "box", "what was not measured comes last, both ways"


def test_search_filter_columns_and_their_address(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.board)
    page = seen.page
    page.locator("summary", has_text="Search, filters").click()
    assert page.locator("#counted").inner_text().startswith("3 results in 2 tables."), "not 3 of 3"
    page.get_by_role("searchbox").fill("a100 gam")
    assert page.evaluate(NAMES) == ["free"] and "1 of 3 results" in page.locator("#counted").inner_text()
    page.get_by_role("searchbox").fill("")
    page.get_by_role("combobox", name="Precision").select_option("bfloat16")
    assert sorted(page.evaluate(NAMES)) == ["fast", "free"]
    page.locator("summary", has_text="Columns").last.click()
    page.get_by_label("Nodes", exact=True).check()
    page.get_by_label("Framework", exact=True).last.uncheck()
    heads = page.locator(".board").first.locator("thead th").all_inner_texts()
    assert "Nodes" in " ".join(heads) and "Framework" not in " ".join(heads)
    again = visit(site.board, part=page.evaluate("location.hash")).page
    assert again.evaluate(NAMES) == page.evaluate(NAMES)
    assert again.locator(".board").first.locator("thead th").all_inner_texts() == heads
    page.get_by_role("button", name="Reset filters and columns").click()
    assert len(page.evaluate(NAMES)) == 3 and page.evaluate("location.hash") == ""
    page.get_by_role("searchbox").fill("nothing like this")
    assert "No result fits" in page.locator("#tables").inner_text()
    assert seen.complaints == [] and seen.foreign == []


def test_choosing_by_keyboard_and_comparing(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.board)
    page = seen.page
    for name in ("Compare box by Alpha", "Compare fast by Beta"):
        page.get_by_label(name).press("Space")
    page.get_by_role("link", name="Compare 2").press("Enter")
    page.wait_for_selector("#numbers")
    text = page.locator("#numbers").inner_text()
    data = json.loads(site.board.with_name("leaderboard.json").read_text())
    times = {e["system"]: e["time_to_train_s"] for t in data["tables"] for e in t["entries"]}
    assert times["fast"] < times["box"] and "cannot be told apart" in text
    entry = next(e for t in data["tables"] for e in t["entries"] if e["system"] == "box")
    page.get_by_label("compare with this").nth(1).click()  # now against the first of the table
    page.wait_for_selector("text=Ratios are against fast by Beta")
    assert entry["against_first"] in page.locator(".conclusion").inner_text(), "as the board says it"
    page.get_by_label("compare with this").nth(1).click()
    page.wait_for_selector("text=Ratios are against box by Alpha")
    assert "Accelerators: box 0, fast 2" in page.locator("#compared").inner_text().replace("\n", " ")
    assert page.locator("#learning-curves path.curve").count() == 10
    page.get_by_label("epochs").check()
    assert page.locator("#learning-curves path.curve").count() == 10
    page.get_by_label("compare with this").nth(1).click()
    page.wait_for_selector("text=Ratios are against fast by Beta")
    assert page.evaluate("document.activeElement.name") == "base", "the focus is not lost"
    page.get_by_role("button", name="Remove box by Alpha").click()
    page.wait_for_function("document.querySelectorAll('.compared > li').length === 1")
    assert seen.complaints == [] and seen.foreign == []


def test_energy_ratios_only_within_one_scope_and_no_ratio_across_divisions(
    visit: Callable[..., Any], site: Any
) -> None:
    page = visit(site.compare, part="#Beta/fast&Gamma/free").page
    page.wait_for_selector("#numbers")
    assert "do not compare" in page.locator(".warnbox").inner_text()
    text = page.locator("#numbers").inner_text()
    assert (
        "slower" not in text
        and "told apart" not in text
        and "energy ratio" not in text
        and "all 2 GPUs" in text
    )


@pytest.mark.parametrize(("scenes", "gain"), [(12, 40), (12, 0), (5, 40)])
def test_masks_are_compared_by_scene_as_python_does(
    visit: Callable[..., Any], site: Any, scenes: int, gain: int
) -> None:
    rng = np.random.default_rng(scenes + gain)
    pixels = rng.integers(3000, 6000, scenes)
    right = [pixels - rng.integers(200, 900, scenes) for _ in range(2)]
    right[0] = right[1] + gain + rng.integers(-25, 25, scenes)
    page = visit(site.compare).page
    for place, values in zip(("Beta/fast", "Alpha/box"), right, strict=True):
        script = (site.board.parent / "reports" / place / "compare.js").read_text()
        entry = json.loads(script.removeprefix("cloudmask(").rstrip().removesuffix(");"))
        rows = zip(values.tolist(), pixels.tolist(), strict=True)
        entry["scenes"] = [[f"scene {n}", *row] for n, row in enumerate(rows)]
        page.evaluate("(entry) => window.cloudmask(entry)", entry)
    page.evaluate("location.hash = 'Alpha/box&Beta/fast'")
    page.wait_for_selector(".masks")
    one, two = ([_counts(values, pixels)] for values in right)
    found = compare(one, two)
    assert found is not None
    said = page.locator(".masks").inner_text()
    assert said == f"{in_words(found, 'fast by Beta', 'box by Alpha')}."
    assert ("cannot be told apart" in said, "too few" in said) == (gain == 0, scenes < 8)


def _counts(right: np.ndarray, pixels: np.ndarray) -> SceneCounts:
    count, none = len(right), np.zeros(len(right))
    confusion = np.stack([right, pixels - right, none, none], axis=1).astype(float)
    rest = np.zeros((count, 4)), np.zeros((count, 8)), none, np.zeros((count, 2)), np.zeros((count, 2))
    return SceneCounts(tuple(f"scene {n}" for n in range(count)), confusion, *rest)


def test_an_odd_address_loads_nothing_odd(visit: Callable[..., Any], site: Any) -> None:
    seen = visit(site.compare, part="#../../etc&//example.org/x&a/../b&.a/b&Beta/fast&No/body")
    seen.page.wait_for_selector("#numbers")
    scripts = [url for url in seen.requests if url.endswith(".js")]
    assert len(scripts) == 2 and all("/reports/" in url and ".." not in url for url in scripts)
    assert "Not on this leaderboard: No/body" in seen.page.locator("#said").inner_text()
    assert seen.foreign == []


def test_a_rejected_result_is_called_that_and_one_result_asks_for_another(
    visit: Callable[..., Any], site: Any
) -> None:
    seen = visit(site.compare, part="#Hasty/rushed&Beta/fast")
    page = seen.page
    page.wait_for_selector("#numbers")
    said = page.locator("#said")
    assert said.inner_text() == (
        "Hasty/rushed was rejected: it breaks the rules (why). Choose a second one to compare with."
    )
    said.get_by_role("link", name="why").click()
    assert page.url.split("/")[-1].startswith("rejected.html#x-")
    assert "rushed" in page.locator(":target").inner_text()
    assert seen.complaints == [] and seen.foreign == []


def test_adding_by_id(visit: Callable[..., Any], site: Any) -> None:
    page = visit(site.compare).page
    page.get_by_label("Result ID").fill("<script>")
    page.keyboard.press("Enter")
    assert "looks like" in page.locator("#said").inner_text()
    page.get_by_label("Result ID").fill("Alpha/box")
    page.keyboard.press("Enter")
    page.wait_for_selector("#numbers")
    assert page.evaluate("location.hash") == "#Alpha/box"


def test_ten_thousand_rows_stay_usable(visit: Callable[..., Any], site: Any, tmp_path: Any) -> None:
    data = json.loads(site.board.with_name("leaderboard.json").read_text())
    (table, *_) = data["tables"]
    first = table["entries"][0]
    table["entries"] = [
        {**first, "id": f"Org/s{i}", "system": f"s{i}", "time_to_train_s": 100 + i / 7} for i in range(10_000)
    ]
    board = Board.model_validate({k: v for k, v in data.items() if k != "schema"} | {"tables": [table]})
    *_, (name, text) = board_pages(board, load_ruleset(), 1.8e9)
    (tmp_path / name).write_text(text)
    page = visit(tmp_path / name).page
    assert page.locator(".board tbody tr").count() == 50
    page.get_by_role("button", name="Last").click()
    assert page.evaluate(NAMES)[-1] == "s9999"
    page.locator("summary", has_text="Search, filters").click()
    page.get_by_role("searchbox").fill("s777")
    assert len(page.evaluate(NAMES)) == 11
    page.locator("[data-sort=system]").click()
    assert page.evaluate(NAMES)[0] == "s777"


def test_what_has_no_rank_stays_below_and_says_why(
    visit: Callable[..., Any], site: Any, tmp_path: Path
) -> None:
    data = json.loads(site.board.with_name("leaderboard.json").read_text())
    table = next(t for t in data["tables"] if len(t["entries"]) == 2)
    slow = {**table["entries"][1], "against_first": "", "against_above": "", "alike": []}
    unread = {
        "alike": [],
        "ranked": False,
        "code": "code unread: nothing was recomputed",
        "against_first": "",
    }
    table["entries"] = [slow, {**table["entries"][0], **unread}]
    board = Board.model_validate({k: v for k, v in data.items() if k != "schema"} | {"tables": [table]})
    for name, text in board_pages(board, load_ruleset(), 1.8e9):
        write_plain(tmp_path / name, text)
    names = "[...document.querySelectorAll('.board tbody th bdi')].map((name) => name.textContent)"
    for scripts in (True, False):
        page = visit(tmp_path / "index.html", java_script_enabled=scripts).page
        assert page.evaluate(names) == ["box", "fast"], "the faster one has no rank"
        text = page.locator(".board tbody tr").last.inner_text()
        assert text.count("not ranked") == 2 and unread["code"] in text
    page = visit(tmp_path / "index.html").page
    sort_by(page, "time")
    assert page.evaluate(names) == ["box", "fast"], "nor the other way round"


def test_comparing_with_a_result_that_is_faster_than_chance_says_so(
    visit: Callable[..., Any], site: Any, tmp_path: Path
) -> None:
    data = json.loads((site.board.parent / "leaderboard.json").read_text())
    board = Board.model_validate({k: v for k, v in data.items() if k != "schema"})
    for name, text in board_pages(board, load_ruleset(), 1.8e9):
        write_plain(tmp_path / name, text)
    for entry in (e for t in board.tables for e in t.entries if e.id in ("Beta/fast", "Alpha/box")):
        record = json.loads((site.board.parent / "reports" / entry.id / "data.json").read_text())
        report = Report.model_validate({k: v for k, v in record.items() if k != "schema"})
        pace = "beyond" if entry.system == "fast" else "within"
        entry = entry.model_copy(update={"pace": pace, "warnings": 2 if entry.system == "fast" else 0})
        write_comparison(report, entry, tmp_path / "reports" / entry.id)
    page = visit(tmp_path / "compare.html", part="#Beta/fast&Alpha/box").page
    page.wait_for_selector("#numbers")
    cards = page.locator(".compared > li").all_inner_texts()
    assert ["fewer epochs than chance explains" in card for card in cards] == [True, False]
    assert ["2 warnings" in card for card in cards] == [True, False]
    doubt = "Faster than chance explains, so that ratios with it may flatter: fast by Beta."
    assert doubt in page.locator(".conclusion").inner_text()


EVIL = ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "x" * 10_000, "a\"b'c</script>&amp;\U0001f600\u2028"]


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_names_stay_names(visit: Callable[..., Any], site: Any, tmp_path: Path, evil: str) -> None:
    """Strings that reach the pages' data although no package may carry them: the last line of defence."""

    def spoilt(name: str) -> dict[str, Any]:
        text = (site.board.parent / name).read_text()
        for innocent in ("NVIDIA A100-SXM4-80GB", "TensorFlow 2.20.0, Keras 3.15.0", "bfloat16", "research"):
            text = text.replace(innocent, json.dumps(evil)[1:-1])
        return {k: v for k, v in json.loads(text).items() if k != "schema"}

    board = Board.model_validate(spoilt("leaderboard.json"))
    report = Report.model_validate(spoilt("reports/Beta/fast/data.json"))
    entry = next(e for t in board.tables for e in t.entries if e.id == "Beta/fast")
    for name, text in board_pages(board, load_ruleset(), 1.8e9):
        write_plain(tmp_path / name, text)
    write_comparison(report, entry, tmp_path / "reports" / "Beta" / "fast")
    write_system_page(report, entry, tmp_path / entry.system_page, 1.8e9)
    write_plain(
        tmp_path / entry.report, report_page(report.model_copy(update={"gallery": NO_PICTURES}), 1.8e9)
    )
    for name, part in [
        ("index.html", ""),
        ("compare.html", "#Beta/fast"),
        (entry.system_page, ""),
        (entry.report, ""),
    ]:
        seen = visit(tmp_path / name, 360, part=part)
        if part:
            seen.page.wait_for_selector("#numbers")
        assert seen.complaints == [] and seen.foreign == []
        pictures = set(seen.page.evaluate("[...document.images].map(i => i.getAttribute('src'))"))
        assert pictures <= {m.image for m in report.science.agreement.maps}
        assert seen.page.evaluate("document.documentElement.scrollWidth") == 360, name
