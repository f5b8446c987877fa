"""The files of a site: a later build takes away what it no longer writes, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.leaderboard.publishing import LIST, SiteFiles


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {LIST}


def build(out: Path, source: Path, *pages: str, leave_out: tuple[str, ...] = ()) -> None:
    site = SiteFiles(out)
    site.publish(source, leave_out)
    for page in pages:
        site.write(page, page)
    site.finish()


def test_what_is_no_longer_written_goes_and_what_others_put_there_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = tree(
        tmp_path / "a",
        "judged.json",
        "reports/L/x/index.html",
        "reports/L/x/chart-loss.svg",
        "system/L/x.html",
    )
    build(out, before, "index.html", "tables/t-1.html", "tables/t-1-2.html")
    tree(out, "notes.txt", "tables/mine.html", "reports/L/x/chart-energy.svg", "reports/L/x/deep/own.txt")
    after = tree(tmp_path / "b", "reports/L/x/index.html", "reports/L/y/index.html")
    build(out, after, "index.html", "tables/t-1.html")
    assert files(out) == {
        "index.html",
        "notes.txt",
        "tables/t-1.html",
        "tables/mine.html",
        "reports/L/x/index.html",
        "reports/L/x/chart-energy.svg",
        "reports/L/x/deep/own.txt",
        "reports/L/y/index.html",
    }
    assert not (out / "system").exists(), "nor its folders, where nothing else is in them"


def test_an_interrupted_build_forgets_nothing(tmp_path: Path) -> None:
    out, source = tmp_path / "out", tree(tmp_path / "a", "reports/L/x/index.html")
    build(out, source, "index.html", "old.html")
    broken = SiteFiles(out)
    broken.write("new.html", "")
    broken.give_up()
    assert files(out) == {"index.html", "old.html", "new.html", "reports/L/x/index.html"}
    build(out, source, "index.html")
    assert files(out) == {"index.html", "reports/L/x/index.html"}


@pytest.mark.parametrize("folder", ["..", "../other", "/etc", "a/../../other", "link", "link/deep", ""])
def test_a_list_that_was_tampered_with_removes_nothing_elsewhere(tmp_path: Path, folder: str) -> None:
    out, other = tmp_path / "out", tree(tmp_path / "other", "kept.txt", "deep/kept.txt")
    tree(tmp_path, "kept.txt")
    out.mkdir()
    os.symlink(other, out / "link")
    names = [["kept.txt", "../kept.txt", "../other/kept.txt"]]
    (out / LIST).write_text(json.dumps({"schema": 1, "names": names, "folders": {folder: 0}}))
    SiteFiles(out).finish()
    assert (tmp_path / "kept.txt").exists() and (other / "kept.txt").exists()
    assert (other / "deep/kept.txt").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"names": 1, "folders": {"a": 0}}', '{"names": [], "folders": {"a": 3}}']
)
def test_a_broken_list_is_as_none(tmp_path: Path, text: str) -> None:
    out = tree(tmp_path, "kept.txt")
    (out / LIST).write_text(text)
    SiteFiles(out).finish()
    assert files(out) == {"kept.txt"}


def test_results_that_are_left_out_are_not_published_for_a_moment(tmp_path: Path) -> None:
    names = ("reports/L/x/index.html", "reports/L/xy/index.html", "system/L/x.html", "system/L/xy.html")
    build(tmp_path / "out", tree(tmp_path / "a", *names), leave_out=("L/x",))
    assert files(tmp_path / "out") == {"reports/L/xy/index.html", "system/L/xy.html"}
