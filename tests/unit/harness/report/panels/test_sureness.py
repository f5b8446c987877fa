"""Intervals, comparison and agreement in the science panel and in the tables, from the files of a package."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from harness.check import check_package
from harness.export.tables import tables
from harness.generalise.result import FILE, Generalisation, fold_run
from harness.report.data import report_data
from harness.report.page import report_page
from harness.report.panels.science.sureness import read_counts
from harness.score.score import score
from rules.ruleset import load_ruleset
from tests.support.builders import BuiltPackage, build_package
from tests.support.report_builders import make_picture, write_gallery
from tests.support.scene_counts import generalise_settings, measured, write_science

SHAPE = (60, 75)
RULES = load_ruleset()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltPackage:
    made = build_package(tmp_path_factory.mktemp("sure"), runs=3, division="open")
    for run in range(3):
        content = measured(10, SHAPE)
        for row in content["per_scene"]:  # later runs are a little better in every scene
            row["tn"], row["fp"] = row["tn"] + 4 * run, row["fp"] - 4 * run
        write_science(made, run, content)
    pictures = [make_picture(number, SHAPE) for number in range(2)]
    for run in (0, 2):
        write_gallery(made.run_files(run).gallery, pictures)
    made.reseal()
    return made


def test_the_report_has_intervals_comparison_and_agreement(built: BuiltPackage) -> None:
    package, verdict = check_package(built.root, RULES)
    content = report_data(package, verdict, score(package, RULES), 1_795_000_000.0)
    card = content.report.science  # type: ignore[attr-defined]
    accuracy = next(m for m in card.metrics if m.name == "accuracy")
    assert accuracy.low < accuracy.value < accuracy.high
    assert {"boundary_f1", "edge_accuracy", "cloud_fraction_rmse", "auc"} <= {m.name for m in card.metrics}
    assert "2000 draws of the 10 scenes" in card.intervals and "seed" in card.intervals
    assert "run 2 labels 0.18 points more pixels right than run 0" in card.apart
    assert len(card.by_scene) == 10 and card.by_scene[0].pixels == 3 * SHAPE[0] * SHAPE[1]
    assert (card.agreement.runs, card.agreement.scenes, card.agreement.pairs) == (2, 2, 1.0)
    assert {one.image for one in card.agreement.maps} <= set(content.files)
    page = report_page(content.report, 1_795_000_000.0)
    assert "95 % interval" in page and "not kept by scene" in page and "synthetic-errors-00.png" in page


def test_few_scenes_and_older_files_say_why_there_are_no_intervals(tmp_path: Path) -> None:
    made = build_package(tmp_path, runs=1, division="open")
    package, verdict = check_package(made.root, RULES)
    older = report_data(package, verdict, score(package, RULES), 0.0).report.science  # type: ignore[attr-defined]
    assert "schema 2" in older.intervals and older.by_scene == [] and older.apart == ""
    assert "not measured" in older.agreement_note
    write_science(made, 0, measured(5, SHAPE))
    package, verdict = check_package(made.root, RULES)
    few = report_data(package, verdict, score(package, RULES), 0.0).report.science  # type: ignore[attr-defined]
    assert "5 test scenes are too few (at least 8 are needed)" in few.intervals
    assert all(m.low is None for m in few.metrics)


def test_tables_have_the_counts_of_every_scene_and_the_intervals(built: BuiltPackage) -> None:
    package, verdict = check_package(built.root, RULES)
    made = tables(package, verdict, score(package, RULES))
    read = {name: list(csv.DictReader(io.StringIO(made[name].decode()))) for name in made}
    assert len(read["scenes.csv"]) == 30 and int(read["scenes.csv"][0]["valid_tp"]) > 0
    (row,) = [one for one in read["intervals.csv"] if one["metric"] == "accuracy"]
    assert float(row["low"]) < float(row["mean"]) < float(row["high"]) and row["draws"] == "2000"
    assert {one["run"] for one in read["science.csv"] if one["metric"] == "accuracy"} == {"0", "1", "2"}


def test_a_file_that_is_no_json_has_no_counts(tmp_path: Path) -> None:
    made = build_package(tmp_path, runs=1, division="open")
    package, _ = check_package(made.root, RULES)
    for text in ("", "[]", json.dumps({"per_scene": [{"name": 3}]})):
        made.run_files(0).science.write_text(text)
        assert read_counts(package.runs).runs == {}


def test_a_leave_one_out_test_beside_the_recipe_is_shown_as_stated(tmp_path: Path) -> None:
    made = build_package(tmp_path, runs=1, division="open")
    write_science(made, 0, measured(5, SHAPE))
    settings = generalise_settings(epochs=6)
    runs = [fold_run("<b>north</b>", seed, measured(2, SHAPE), 3, 1.0) for seed in (1, 2)]
    found = Generalisation(tool="x", settings=settings, scenes={}, runs=runs)
    place = made.layout.code_dir / FILE
    place.write_text(found.model_dump_json(by_alias=True))
    made.reseal()
    package, verdict = check_package(made.root, RULES)
    assert FILE not in " ".join(f.message for f in verdict.findings)
    report = report_data(package, verdict, score(package, RULES), 0.0).report
    page = report_page(report, 0.0)
    assert "What the model has never seen" in page and "not checked" in page and "<b>north" not in page
    assert report.science.generalisation.rows[0].accuracy == [runs[0].accuracy] * 2  # type: ignore[attr-defined]
    for text in ("[]", "{}", found.model_dump_json(by_alias=True).replace("per-scene", "magic")):
        place.write_text(text)
        package, verdict = check_package(made.root, RULES)
        card = report_data(package, verdict, score(package, RULES), 0.0).report.science  # type: ignore[attr-defined]
        assert card.generalisation is None and "cannot be read" in " ".join(card.notes)
