"""What is judged once and kept: verdicts, replays, and packages side by side."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import WrongData
from harness.leaderboard import build_leaderboard
from harness.leaderboard.collect import collect
from harness.leaderboard.fingerprint import package_digest
from harness.leaderboard.judge import Found, Judge, Result
from harness.leaderboard.model import Board, Entry
from rules.model.evidence import Replay
from rules.model.package import Dataset
from rules.model.run import Run
from rules.ruleset import load_ruleset
from tests.support.builders import build_package
from tests.unit.harness.leaderboard.conftest import NOW


def test_an_unchanged_package_is_not_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_package(tmp_path / "submissions", org="Alpha", system="box")

    def build(now: float) -> tuple[list[str], Board]:
        said: list[str] = []
        board, _ = build_leaderboard(
            tmp_path / "submissions", tmp_path / "out", load_ruleset(), now, said.append, tmp_path / "cache"
        )
        return said, board

    first, _ = build(NOW)
    again, board = build(NOW + 60)
    assert (first, again) == (["listed: Alpha / box"], ["listed (unchanged): Alpha / box"])
    assert board.tables[0].entries[0].checked == "2026-11-18T11:06:40Z" < board.generated
    built.edit_events(1, lambda events: [e for e in events if e["key"] != "seed"])
    changed, board = build(NOW + 120)
    assert changed == ["rejected: Alpha / box"] and board.tables == []
    for verdict in (tmp_path / "cache").rglob("judged.json"):
        verdict.write_text("{")
    assert build(NOW + 150)[0] == ["rejected: Alpha / box"], "a verdict that cannot be read does not count"
    monkeypatch.setattr("harness.leaderboard.cache.tool_digest", lambda: "another rulebook")
    assert build(NOW + 180)[0] == ["rejected: Alpha / box"], "checked again by the other rulebook"


@pytest.mark.parametrize("change", ["content", "name", "new file", "link", "empty folder"])
def test_any_change_changes_the_digest(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    before = package_digest(tmp_path)
    assert before == package_digest(tmp_path)
    if change == "content":
        (tmp_path / "a").write_text("on3")
    elif change == "name":
        (tmp_path / "a").rename(tmp_path / "c")
    elif change == "new file":
        (tmp_path / "c").write_text("")
    elif change == "link":
        (tmp_path / "b").unlink()
        (tmp_path / "b").symlink_to("a")
    else:
        (tmp_path / "d").mkdir()
    assert package_digest(tmp_path) != before


def test_a_pipe_does_not_stop_the_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert len(package_digest(tmp_path)) == 64


def test_a_package_that_is_gone_takes_its_pages_with_it(tmp_path: Path) -> None:
    submissions, out = tmp_path / "submissions", tmp_path / "out"
    build_package(submissions, org="Alpha", system="box")
    build_package(submissions, org="Beta", system="box", seeds=(111, 8_222, 43_333, 504_444, 6_155_555))
    build_leaderboard(submissions, out, load_ruleset(), NOW)
    assert (out / "reports/Beta/box/index.html").is_file() and (out / "system/Beta/box.html").is_file()
    shutil.rmtree(submissions / "Beta")
    (out / "reports" / "mine.txt").write_text("kept")
    build_leaderboard(submissions, out, load_ruleset(), NOW)
    assert not (out / "reports/Beta/box/index.html").exists() and not (out / "system/Beta/box.html").exists()
    assert (out / "reports/Alpha/box/index.html").is_file() and (out / "reports" / "mine.txt").is_file()


def test_several_processes_say_the_same_as_one(submissions: Path, tmp_path: Path) -> None:
    boards = [
        build_leaderboard(
            submissions,
            tmp_path / f"out{jobs}",
            load_ruleset(),
            NOW,
            cache=tmp_path / f"cache{jobs}",
            jobs=jobs,
        )[0]
        for jobs in (1, 2)
    ]
    assert boards[0] == boards[1]


def test_a_package_that_ends_the_checker_is_unreadable_and_no_other(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "killer", "c", *"defghi")]
    found = list(collect(folders, _Mortal(load_ruleset(), tmp_path, NOW), 2))
    reasons = [one.results[0].rejected for one in found]
    assert [r.org for r in reasons if r] == ["killer"] and len(found) == len(folders)


class _Mortal(Judge):
    """Ends its process on one folder, as a hostile file may end a library written in C."""

    def __call__(self, folder: Path) -> Found:
        if folder.name == "killer":
            os._exit(11)
        return Found(folder, [Result(name=folder.name, unscored="nothing")], False)


def test_a_replay_earns_the_badge_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_package(tmp_path / "submissions", org="Alpha", system="box")
    tried: list[Path] = []

    def section(dataset: Dataset, folder: Path, say: Any) -> dict[str, Any]:
        tried.append(folder)
        if folder.name != "right":
            raise WrongData("another data set")
        return {}

    def result(settings: Run) -> Replay:
        (accuracy, loss) = (settings.log.last(key) for key in ("eval_accuracy", "eval_loss"))
        return Replay(accuracy=accuracy.value, loss=loss.value)  # type: ignore[union-attr]

    monkeypatch.setattr("harness.check.replay_data.data_section", section)
    monkeypatch.setattr("harness.check.replay.Replayer._evaluate", lambda self, run: result(run))

    def build(*data: str) -> Entry:
        sets = tuple(tmp_path / name for name in data)
        submissions, out, cache = (tmp_path / name for name in ("submissions", "out", "cache"))
        board, _ = build_leaderboard(submissions, out, load_ruleset(), NOW, cache=cache, data=sets)
        return board.tables[0].entries[0]

    assert not build().replay_verified
    assert build("wrong", "right").replay_verified and [path.name for path in tried] == ["wrong", "right"]
    assert build().replay_verified and len(tried) == 2, "kept while nothing changes"
    assert "replay-verified" in (tmp_path / "out" / "index.html").read_text()
