"""Experiments as files: what is accepted, what is refused in one line, and what recipes come of it."""

from __future__ import annotations

import pytest
import yaml

from harness.core.errors import UserError
from harness.experiment.model import Experiment, load_experiment
from harness.experiment.space import (
    applied,
    base_digest,
    base_recipe,
    experiment_digest,
    grid,
    trial_recipe,
)
from harness.plan.recipe import Recipe, TrialRecipe

LR, BATCH = "hyperparameters.learning_rate", "hyperparameters.global_batch_size"
MARK = TrialRecipe(experiment="e", digest="0" * 64, number=3, point=1, repeat=0)


def made(**said) -> Experiment:
    return Experiment.model_validate({"name": "e", "base": "box", **said})


@pytest.mark.parametrize(
    "said, words",
    [
        ({"serach": {}}, "unknown field"),
        ({"search": {"method": "tpe", "points": 3}}, "a space"),
        ({"search": {"method": "random", "space": {LR: [0.1]}}}, "needs points"),
        ({"search": {"space": {LR: {"low": 0.1, "high": 1}}}}, "a grid needs a list"),
        ({"search": {"points": 4}}, "a grid tries all"),
        ({"search": {"space": {LR: [0.1, 0.1]}}}, "each of them once"),
        ({"search": {"method": "tpe", "points": 1, "space": {LR: {"low": 1, "high": 1}}}}, "not below"),
        (
            {"search": {"method": "tpe", "points": 1, "space": {LR: {"low": 0, "high": 1, "log": True}}}},
            "above 0",
        ),
        ({"objective": {"measure": "accuracy"}}, "after_epochs"),
        ({"objective": {"after_epochs": 3}}, "after_epochs"),
        ({"repeats": 0}, "repeats"),
        ({"name": "../up"}, "cannot be the name"),
    ],
)
def test_wrong_experiments_are_refused_in_one_line(tmp_path, said, words):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump({"name": "e", "base": "box", **said}))
    with pytest.raises(UserError) as error:
        load_experiment(path)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[1", "name: e\n", "- a"])
def test_what_is_no_experiment_is_said(tmp_path, text):
    path = tmp_path / "e.yaml"
    path.write_text(text)
    with pytest.raises(UserError):
        load_experiment(path)


@pytest.mark.parametrize(
    "name, words",
    [
        ("hyperparameters.lr", "not a field"),
        ("data.profile", "not searched"),
        ("runs", "not searched"),
        ("hyperparameters", "not searched"),
        ("hyperparameters.target_accuracy", "may not change the target"),
    ],
)
def test_a_space_names_fields_that_may_differ(name, words):
    with pytest.raises(UserError, match=words):
        base_recipe(made(search={"space": {name: [1, 2]}}), Recipe())


def test_values_that_make_no_recipe_are_said_before_anything_runs():
    with pytest.raises(UserError, match="learning_rate -1"):
        base_recipe(made(search={"space": {LR: [0.1, -1]}}), Recipe())
    with pytest.raises(UserError, match="fixed"):
        base_recipe(made(fixed={"hyperparameters": {"max_epochs": 0}}), Recipe())


def test_a_grid_is_all_combinations_in_the_order_of_the_file():
    experiment = made(search={"space": {LR: [0.1, 0.2], BATCH: [4, 8]}})
    assert grid(experiment) == [{LR: a, BATCH: b} for a in (0.1, 0.2) for b in (4, 8)]
    assert grid(made()) == [{}]
    with pytest.raises(UserError, match="more than"):
        grid(made(repeats=1000, search={"space": {BATCH: list(range(1, 20))}}))


def test_a_trial_is_one_open_run_that_says_what_it_is():
    recipe = trial_recipe(made(), Recipe(division="closed"), {LR: 0.25}, MARK)
    assert (recipe.division, recipe.runs, recipe.trial) == ("open", 1, MARK)
    assert recipe.hyperparameters.learning_rate == 0.25
    assert recipe.hyperparameters.target_accuracy == 0.9


def test_accuracy_after_n_epochs_is_not_ended_by_the_target():
    objective = {"measure": "accuracy", "after_epochs": 3}
    h = trial_recipe(made(objective=objective), Recipe(), {}, MARK).hyperparameters
    assert h.max_epochs == 3 and h.target_accuracy > 0.9999 and h.early_stopping_patience == 3


def test_machines_may_differ_and_training_may_not():
    recipe = Recipe()
    elsewhere = recipe.model_copy(update={"launcher": "slurm", "description": "another"})
    assert base_digest(elsewhere) == base_digest(recipe)
    assert base_digest(applied(recipe, {LR: 0.5})) != base_digest(recipe)
    one, more = (made(search={"method": "random", "points": n, "space": {LR: [0.1]}}) for n in (3, 9))
    assert experiment_digest(one, recipe) == experiment_digest(more, recipe)
    assert experiment_digest(made(repeats=2), recipe) != experiment_digest(made(), recipe)
