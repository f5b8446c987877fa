"""Mutations for HYP rules: settings of the training."""

from __future__ import annotations

from typing import Any

import yaml

from tests.rules.cases.edits import GPU, edit_record, index, set_value
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage, Lines


@case("HYP001")
def sgd_in_closed(built: BuiltPackage) -> None:
    set_value(built, "opt_name", "sgd")


@case("HYP001")
def larger_model(built: BuiltPackage) -> None:
    set_value(built, "model_parameters_count", 7_762_465)


@case("HYP002")
def odd_batch_size(built: BuiltPackage) -> None:
    set_value(built, "global_batch_size", 48)


@case("HYP003")
def batch_beyond_data(built: BuiltPackage) -> None:
    set_value(built, "global_batch_size", 2**30)


@case("HYP003")
def no_learning_rate(built: BuiltPackage) -> None:
    set_value(built, "opt_base_learning_rate", 0)


@case("HYP004")
def batches_do_not_multiply(built: BuiltPackage) -> None:
    set_value(built, "micro_batch_size", 8)


@case("HYP005")
def learning_rate_differs(built: BuiltPackage) -> None:
    set_value(built, "opt_base_learning_rate", 0.002, range(3, 4))


@case("HYP005")
def batch_size_differs(built: BuiltPackage) -> None:
    for key in ("global_batch_size", "micro_batch_size"):
        set_value(built, key, 64, range(2, 3))


@case("HYP006")
def precision_not_approved(built: BuiltPackage) -> None:
    set_value(built, "lowest_numerical_precision_in_linear", "int2")


@case("HYP007")
def recipe_edited(built: BuiltPackage) -> None:
    built.edit_text(
        built.layout.recipe, lambda text: text.replace("global_batch_size: 32", "global_batch_size: 64")
    )


@case("HYP007")
def precision_of_another_recipe(built: BuiltPackage) -> None:
    set_value(built, "lowest_numerical_precision_in_linear", "fp16")


@case("HYP008")
def spec_says_otherwise(built: BuiltPackage) -> None:
    def change(record: Any) -> None:
        record["spec"]["hyperparameters"]["learning_rate"] = 0.01

    built.edit_json(built.run_files(1).record, change)


@case("HYP009", **GPU)
def tf32_called_fp32(built: BuiltPackage) -> None:
    pass


@case("HYP010", division="open", runs=1)
def undocumented_loss(built: BuiltPackage) -> None:
    built.edit_text(
        built.layout.recipe,
        lambda text: text.replace("description: A package made for a test.", "description: ''"),
    )
    set_value(built, "loss_function", "focal")


@case("HYP012", only=True)
def half_precision_in_spec(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["spec"].update(precision="mixed_bfloat16"))


MARK = {"experiment": "lr", "digest": "0" * 64}


def _in_recipe(built: BuiltPackage, added: dict[str, Any]) -> None:
    """Add fields to the recipe, and to the plan that was made from it."""
    built.edit_text(built.layout.recipe, lambda text: text + yaml.safe_dump(added))
    built.edit_json(built.layout.plan, lambda plan: plan["recipe"].update(added))


@case("HYP013", only=True)
def a_trial_is_submitted(built: BuiltPackage) -> None:
    _in_recipe(built, {"trial": {**MARK, "number": 7, "point": 3, "repeat": 0}})


def _tuned(trial: int, batch: int) -> dict[str, Any]:
    values = {"hyperparameters.global_batch_size": batch}
    said = {"trial": trial, "trials": 24, "points": 12, "objective": "time to train", "value": 60.0}
    return {"tuned": {**MARK, **said, "values": values}}


@case("HYP014")
def recipe_edited_after_the_experiment(built: BuiltPackage) -> None:
    _in_recipe(built, _tuned(7, 64))


@case("HYP014")
def trial_beyond_the_experiment(built: BuiltPackage) -> None:
    _in_recipe(built, _tuned(24, 32))


def _scene_statistics(built: BuiltPackage) -> None:
    """A recipe, a plan and run specs that ask for per-scene statistics; the logs say nothing of them."""
    recipe = yaml.safe_load(built.layout.recipe.read_text())
    recipe.setdefault("data", {})["normalisation"] = "per-scene"
    built.layout.recipe.write_text(yaml.safe_dump(recipe))
    built.edit_json(built.layout.plan, lambda p: p["recipe"]["data"].update(normalisation="per-scene"))
    for run in range(built.options.runs):
        edit_record(built, lambda r: r["spec"]["data"].update(normalisation="per-scene"), run)


@case("HYP015")
def scene_statistics_in_closed(built: BuiltPackage) -> None:
    _scene_statistics(built)


@case("HYP015", only=True, division="open", runs=1)
def scene_statistics_that_no_log_states(built: BuiltPackage) -> None:
    _scene_statistics(built)


@case("HYP015", only=True, division="open", runs=1)
def augmentation_that_no_recipe_declares(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        place = index(events, "train_samples")
        events.insert(place, {**events[place], "key": "data_augmentation", "value": "radiometric"})

    built.edit_events(0, change)
