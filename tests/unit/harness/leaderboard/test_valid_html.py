"""Every kind of page is HTML without a parse error, and its ids are unique."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from harness.leaderboard import build_leaderboard
from harness.report.rates import machines
from rules.ruleset import load_ruleset
from tests.support.builders import build_package
from tests.support.report_builders import enrich

justhtml = pytest.importorskip("justhtml", reason="justhtml is missing (pip install justhtml)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("valid")
    enrich(build_package(root, org="Alpha", system="box"), gpus=0, scenes=1, shape=(30, 40))
    build_package(root, org="Beta", system="x" * 60, seeds=(111, 8_222, 43_333, 504_444, 6_155_555))
    bad = build_package(root, org="Hasty", system="rushed", seeds=(131, 9_342, 73_363, 904_484, 8_155_655))
    bad.edit_events(1, lambda events: [e for e in events if e["key"] != "seed"])
    _, page = build_leaderboard(
        root, root / "out", load_ruleset("cloudmask-1.0"), 1_795_000_000.0, cache=root / "cache"
    )
    return page.parent


PAGES = (
    "index.html",
    "compare.html",
    "systems.html",
    "rejected.html",
    "method.html",
    "system/Alpha/box.html",
    "reports/Alpha/box/index.html",
    "reports/Hasty/rushed/index.html",
    "tables/*.html",
)


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_valid(site: Path, name: str) -> None:
    for path in sorted(site.glob(name)):
        text = path.read_text(encoding="utf-8")
        found = justhtml.JustHTML(text, collect_errors=True).errors
        assert [str(error) for error in found] == [], path.name
        ids = Counter(re.findall(r'\sid="([^"]+)"', text))
        assert [one for one, count in ids.items() if count > 1] == [], path.name
    assert list(site.glob(name))


def test_downloads_say_what_they_are(site: Path) -> None:
    folder = site / "reports/Alpha/box"
    pictures = sorted(folder.glob("*.svg"))
    assert {path.stem for path in pictures} >= {
        f"synthetic-chart-{name}" for name in ("runs", "learning-seconds", "learning-epochs", "loss")
    }
    for path in pictures:
        text = path.read_text()
        assert "Unofficial. Result not verified by MLCommons Association. SYNTHETIC data." in text
        assert (
            path.with_suffix(".csv")
            .read_text()
            .splitlines()[1]
            .endswith("Result not verified by MLCommons Association.")
        )
    assert all(path.name.startswith("synthetic-") for path in folder.glob("*.png"))


@pytest.mark.parametrize("page", ["index.html", "reports/Alpha/box/index.html"])
def test_every_download_is_there(site: Path, page: str) -> None:
    links = re.findall(r'href="([^"]+)" download', (site / page).read_text())
    assert len(links) >= 6
    assert [link for link in links if not (site / page).parent.joinpath(link).is_file()] == []


def test_downloads_of_a_rejected_package_say_that_it_does_not_count(site: Path) -> None:
    void, fine = "BREAKS THE RULES, does not count", "Consistent with the rules"
    for name, said in (("Hasty/rushed", void), (f"Beta/{'x' * 60}", fine)):
        folder = site / "reports" / name
        for path in folder.glob("*.csv"):
            head, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
            assert {row[head.index("verdict")] for row in rows if row[head.index("system")]} == {said}, path
        pictures = list(folder.glob("*.svg"))
        assert pictures and {void in path.read_text(encoding="utf-8") for path in pictures} == {said == void}
        page = (folder / "index.html").read_text(encoding="utf-8")
        assert ("<title>Unofficial report (BREAKS THE RULES, does not count): " in page) == (said == void)


def test_reference_machines_of_a_report_are_nobodys_result(site: Path) -> None:
    path = site / "reports/Alpha/box/synthetic-chart-pace.csv"
    first, *known = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    assert (first["kind"], first["system"], first["data"]) == ("result", "box", "SYNTHETIC")
    assert len(known) == len(machines())
    for row in known:
        assert row["kind"] == "reference machine" and row["data"].startswith("full-size patches (docs/bench/")
        assert row["system"] == row["organisation"] == row["verdict"] == ""
