"""Tables of trials: gathered, compared, drawn; and the recipe of one of them."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from harness.core.errors import UserError
from harness.experiment.chosen import chosen_recipe, write_chosen
from harness.experiment.importance import epsilon_squared, importances
from harness.experiment.page import build_page, page
from harness.experiment.table import Table, gathered, table_csv, table_json
from rules.model.layout import PackageLayout
from tests.support.chart_boxes import collisions, drawings
from tests.support.experiment_tables import BATCH, LR, fill, found_in, trial

NOW = 1_796_000_000.0


@pytest.fixture
def table(tmp_path) -> Table:
    trials = [trial(n, 10.0 + n) for n in range(8)] + [trial(8, None, reason="<b>too low</b>")]
    trials += [trial(9, 16.0, point=0, repeat=1)]
    return gathered(fill(found_in(tmp_path), trials), [])


def test_points_are_ordered_by_the_mean_of_their_runs(table):
    assert [row.point for row in table.best(3)] == [1, 2, 0]  # point 0 has 10 and 16
    assert table.best(3)[2].mean == 13 and table.best(3)[2].deviation == pytest.approx(18**0.5)
    assert table.best(1)[0].deviation is None
    assert table.made == 10 and table.tried == 9 and table.counts() == {"complete": 9, "pruned": 1}


def test_larger_accuracies_are_better(tmp_path):
    found = found_in(tmp_path, objective={"measure": "accuracy", "after_epochs": 2})
    best = gathered(fill(found, [trial(0, 0.7), trial(1, 0.9)]), []).best(1)[0]
    assert best.point == 1


@pytest.mark.parametrize(
    "header, words",
    [
        ({"dataset_digest": "b" * 64}, "the data set"),
        ({"ruleset": "cloudmask-1.0"}, "the ruleset"),
        ({"base_digest": "b" * 64}, "the base recipe"),
        ({"digest": "b" * 64}, "search, objective or repeats"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path, header, words):
    one = fill(found_in(tmp_path / "1"), [trial(0, 1.0)])
    other = fill(found_in(tmp_path / "2"), [trial(1, 1.0)])
    assert gathered(one, [one.places.root, other.places.root]).made == 2
    fill(other, [], **header)
    with pytest.raises(UserError, match=words):
        gathered(one, [one.places.root, other.places.root])


def test_copies_are_refused(tmp_path):
    found = fill(found_in(tmp_path), [trial(0, 1.0)])
    with pytest.raises(UserError, match="their logs are equal"):
        gathered(found, [found.places.root, found.places.root])


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1}', "x" * 100])
def test_what_is_no_record_is_said(tmp_path, text):
    found = fill(found_in(tmp_path), [trial(0, 1.0)])
    found.places.record(0).write_text(text)
    with pytest.raises(UserError, match=r"trial\.json"):
        gathered(found, [])


@pytest.mark.parametrize(
    "values", [{}, {LR: 0.01}, {LR: 0.01, BATCH: 5}, {LR: -1.0, BATCH: 4}, {LR: "a", BATCH: 4}]
)
def test_values_beyond_the_space_are_said(tmp_path, values):
    found = fill(found_in(tmp_path), [trial(0, 1.0, values=values)])
    with pytest.raises(UserError, match="search space"):
        gathered(found, [])


def test_csv_and_json_hold_every_trial(table):
    rows = list(csv.DictReader(io.StringIO(table_csv(table))))
    assert len(rows) == 10 and rows[3][LR] == "0.004" and rows[8]["value"] == ""
    said = json.loads(table_json(table))
    assert said["trials"][8]["reason"] == "<b>too low</b>" and said["dataset_digest"] == "a" * 64


def test_page_shows_all_parts_and_runs_nothing(table, tmp_path):
    text = page(table, NOW, synthetic=True)
    for part in ("points", "parallel", "slices", "importance", "learning", "cost", "trials", "machines"):
        assert f'<section id="{part}"' in text
    assert "SYNTHETIC data" in text and "&lt;b&gt;too low" in text and "<b>too low" not in text
    assert "default-src &#39;none&#39;" in text and not re.search(r'(?:src|href)="https?:', text)
    assert text == page(table, NOW, synthetic=True)
    assert build_page(table, tmp_path / "out", NOW).read_text() == page(table, NOW)
    assert {p.name for p in (tmp_path / "out").iterdir()} > {"index.html", "table.csv", "table.json"}
    assert "<title>Unofficial experiment" in text
    assert [said for one in drawings(text) for said in collisions(one)] == []


def test_page_of_nothing_says_so(tmp_path):
    text = page(gathered(fill(found_in(tmp_path), [trial(0, None, curve=[])]), []), NOW)
    assert "no value yet" in text and "<svg" not in text


def test_importance_is_of_the_field_that_decides():
    groups = np.array([0, 0, 0, 1, 1, 1])
    assert epsilon_squared(np.array([1.0, 1, 1, 5, 5, 5]), groups) == 1
    assert epsilon_squared(np.array([1.0, 3, 5, 1, 3, 5]), groups) == 0
    assert epsilon_squared(np.ones(6), groups) == 0
    values = np.array([0.0, 1, 2, 1.8, 2.8, 3.8])
    total, within = ((values - values.mean()) ** 2).sum(), 4.0
    assert epsilon_squared(values, groups) == pytest.approx((total - within - within / 4) / total)


def test_importance_of_few_trials_is_not_said(table):
    found = {one.name: one for one in importances(table.experiment, [row.trial for row in table.rows])}
    assert found[LR].share is not None and found[LR].share > 0.5  # the value follows the learning rate
    few = importances(table.experiment, [row.trial for row in table.rows[:3]])
    assert all(one.share is None and "8 are needed" in one.note for one in few)


def test_a_trial_becomes_a_recipe_that_says_where_it_is_from(table, tmp_path):
    found = found_in(tmp_path)
    recipe = chosen_recipe(found, table, 3)
    assert recipe.hyperparameters.learning_rate == 0.004 and recipe.division == "closed"
    assert recipe.tuned is not None
    assert (recipe.tuned.trial, recipe.tuned.trials, recipe.tuned.points) == (3, 10, 9)
    source = found.request.source
    source.code_dir.mkdir(parents=True)
    (source.code_dir / "README.md").write_text("how")
    target = PackageLayout(source.root, "found")
    write_chosen(found, table, 3, target)
    assert (target.code_dir / "README.md").read_text() == "how"
    for number, words in ((99, "no trial 99"), (8, "has no time to train: <b>too low</b>")):
        with pytest.raises(UserError, match=words):
            chosen_recipe(found, table, number)


@pytest.mark.parametrize(("synthetic", "before"), [(True, "synthetic-"), (False, ""), (None, "")])
def test_every_chart_can_be_taken_away_and_says_what_it_is(table, tmp_path, synthetic, before):
    out = tmp_path / "out"
    text = build_page(table, out, NOW, synthetic).read_text()
    fields = list(table.experiment.search.space)
    linked = set(re.findall(r'href="([^"]*chart-[^"]*)" download', text))
    files = {path.name for path in out.iterdir()} - {"index.html", "table.csv", "table.json"}
    assert linked == files and len(files) == 2 * (4 + len(fields))
    assert all(name.startswith(f"{before}chart-") for name in files)
    assert text.count("<figure") == len(files) // 2, "each figure has its files"
    for name in files:
        content = (out / name).read_text()
        assert ("SYNTHETIC" in content) == (synthetic is True)
        if name.endswith(".svg"):
            assert collisions(content) == [] and ".trial-dot" in content and "var(" not in content
            assert "not submissions" in content and "Result not verified by MLCommons" in content
    rows = list(csv.DictReader(io.StringIO((out / f"{before}chart-parallel.csv").read_text())))
    assert [int(row["trial"]) for row in rows] == [0, 1, 2, 3, 4, 5, 6, 7, 9], "those with a value"
    assert set(fields) < set(rows[0])
    costs = list(csv.DictReader(io.StringIO((out / f"{before}chart-cost.csv").read_text())))
    assert len(costs) == (out / f"{before}chart-cost.svg").read_text().count('class="trial-dot')
    build_page(table, out, NOW, not synthetic)
    assert not files & {path.name for path in out.iterdir()}, "leftovers are removed"
