"""A result beside simple methods: in the report's data, on its page, in its curves and on the board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.leaderboard import build_leaderboard
from harness.report.data import report_data
from harness.report.model import Report
from harness.report.page import report_page
from harness.report.panels.baselines import builder
from harness.report.panels.baselines.model import SimpleMethod
from harness.report.panels.learning.chart import learning_curves
from harness.report.panels.learning.panel import wanted_curves
from harness.science.counts import scene_counts
from reference.baselines.records import Method, Record, SceneCounts
from rules.ruleset import load_ruleset
from tests.support.builders import build_package
from tests.support.report_builders import enrich, hand_score, hand_verdict
from tests.support.runs import load
from tests.support.scene_counts import measured

NOW = 1_795_000_000.0


def method(name: str, validation: float | None, test: float | None) -> Method:
    return Method(
        name, f"{name} title", 1, "pixels", 32, {"accuracy": validation}, {"accuracy": test, "mcc": None}, ()
    )


def record(digest: str, best: float) -> Record:
    methods = (method("majority", 0.5, 0.5), method("logistic", best, 0.7))
    return Record("quick", True, digest, "", 10, methods)


def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best: float | None) -> Report:
    """A report of a package whose data set simple methods know, if `best` is given."""
    monkeypatch.setattr(builder, "find", lambda digest: None if best is None else record(digest, best))
    package = load(enrich(build_package(tmp_path), scenes=2, shape=(40, 50)).root)
    return report_data(package, hand_verdict(package), hand_score(package), NOW).report


def test_a_simple_method_that_is_as_good_takes_the_skill_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = shown(tmp_path, monkeypatch, 0.999)
    assert report.baselines is not None and report.baselines.best_validation is not None
    assert report.baselines.sentence.startswith("A simple method does at least as well as the best run")
    assert "logistic title reaches 0.9990 on the validation patches" in report.baselines.sentence
    page = report_page(report, NOW)
    assert report.baselines.sentence in page and "not a submission" in page


def test_a_network_that_is_better_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = shown(tmp_path, monkeypatch, 0.6)
    assert report.baselines is not None
    assert report.baselines.sentence.startswith("The best run is better than every simple method")


def test_curves_show_methods_as_dashed_lines_but_not_the_majority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = shown(tmp_path, monkeypatch, 0.6)
    wanted = wanted_curves(report)["learning-epochs"]
    assert wanted.levels == (("logistic title", 0.6),)
    drawn = learning_curves(report.runs, wanted, 700)
    assert drawn is not None
    picture = str(drawn.render())
    assert picture.count('class="level"') == 1 and "logistic title 0.600" in picture
    assert wanted_curves(report)["loss"].levels == ()


def test_an_unknown_data_set_has_none_and_the_page_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = shown(tmp_path, monkeypatch, None)
    assert report.baselines is None and "cloudmask baselines" in report_page(report, NOW)


def test_runs_and_the_best_method_are_compared_by_scene() -> None:
    run = scene_counts(measured(10, (60, 75)))
    assert run is not None
    worse = [
        SceneCounts(name, int(tp), int(fp) + 20, int(fn), int(tn) - 20)
        for name, (tp, fp, fn, tn) in zip(run.names, run.confusion, strict=True)
    ]
    scenes = {"majority": (), "logistic": tuple(worse)}
    known = record("0" * 64, 0.6)
    methods = tuple(replace(one, scenes=scenes[one.name]) for one in known.methods)
    said = builder.by_scene(replace(known, methods=methods), [run, run])
    assert "the mean run labels 0.44 points more pixels right than logistic title" in said
    assert builder.by_scene(known, [run]) == "" and builder.by_scene(None, [run]) == ""
    assert builder.by_scene(replace(known, methods=methods), []) == ""


@pytest.mark.parametrize(
    ("validation", "test", "begins"),
    [
        (0.8, None, "A simple method does at least as well"),  # level is not better
        (0.81, None, "The best run is better"),
        (0.81, 0.69, "A simple method does at least as well"),  # behind on one of the two
        (None, None, ""),
    ],
)
def test_the_sentence(validation: float | None, test: float | None, begins: str) -> None:
    one = SimpleMethod(
        name="x", title="x", needs="", numbers=0, validation=0.8, test=0.7, balanced=None, mcc=None
    )
    said = builder.sentence([one], validation, test)
    assert said.startswith(begins) and bool(said) is bool(begins)


def test_a_board_knows_means_of_entries_and_calls_none_of_them_a_run() -> None:
    one = SimpleMethod(
        name="x", title="x", needs="", numbers=0, validation=0.8, test=0.7, balanced=None, mcc=None
    )
    level, better = (builder.sentence([one], best, None, builder.BEST_ENTRY) for best in (0.8, 0.9))
    assert level.startswith(
        "A simple method does at least as well as the best entry (mean of its runs), so the time"
    )
    assert better == (
        "The best entry (mean of its runs) is better than every simple method: "
        "x reaches 0.8000 on the validation patches, the best entry 0.9000."
    )


def test_a_board_shows_them_below_a_table_without_a_rank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "find", lambda digest: record(digest, 0.999))
    build_package(tmp_path / "submissions", org="Alpha", system="slow")
    board, index = build_leaderboard(
        tmp_path / "submissions", tmp_path / "site", load_ruleset(), NOW, cache=tmp_path / "cache", jobs=1
    )
    (table,) = board.tables
    assert [m.name for m in table.simple_methods] == ["majority", "logistic"] and len(table.entries) == 1
    page = index.read_text()
    assert "fitted here, not timed, not a submission" in page and table.skill in page
    assert "majority title" in (tmp_path / "site" / "tables" / f"{table.id}.html").read_text()
