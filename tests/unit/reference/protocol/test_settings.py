"""The settings a run logs agree with the run spec, the recipe and the rulebook."""

from __future__ import annotations

from dataclasses import asdict

from harness.plan.recipe import HyperparametersRecipe, Recipe
from reference.protocol.settings import (
    DEFAULT_PRECISION,
    DEFAULT_SPLIT,
    DEFAULTS,
    HYPERPARAMETER_KEYS,
    METHOD,
    PRECISIONS,
    TF32,
    Samples,
    run_settings,
)
from reference.protocol.spec import Data, Hyperparameters, RunSpec
from rules.ruleset import load_ruleset

SAMPLES = Samples(24, 6, 4, 1, "0" * 64)
SPEC = RunSpec(0, 11, Data("mine", "", ["a"], ["b", "c"]), "", Hyperparameters(global_batch_size=8))


def test_every_hyperparameter_has_a_key() -> None:
    assert set(HYPERPARAMETER_KEYS) == set(asdict(DEFAULTS))
    assert load_ruleset().recipe_keys == HYPERPARAMETER_KEYS


def test_defaults_are_those_of_recipe_and_rulebook() -> None:
    assert HyperparametersRecipe().model_dump() == asdict(DEFAULTS)
    assert Recipe().precision == DEFAULT_PRECISION == next(iter(PRECISIONS))
    ruleset = load_ruleset()
    assert asdict(DEFAULT_SPLIT) == dict(ruleset.data.split)
    assert {key: ruleset.reference[key] for key in METHOD} == METHOD


def test_precisions_are_those_of_the_rulebook() -> None:
    allowed = {policy: list(names) for policy, names in load_ruleset().precisions.recipe.items()}
    logged = {policy: [name] for policy, name in PRECISIONS.items()}
    logged[DEFAULT_PRECISION].append(TF32)
    assert logged == allowed


def test_settings_of_a_run() -> None:
    settings = run_settings(SPEC, SAMPLES, parameters=5, replicas=2, precision=TF32)
    assert next(iter(settings)) == "seed"
    expected = {
        "seed": 11,
        "number_of_ranks": 2,
        "global_batch_size": 8,
        "micro_batch_size": 4,
        "opt_base_learning_rate": 1e-3,
        "target_quality": 0.9,
        "lowest_numerical_precision_in_linear": "tf32",
        "lowest_numerical_precision_in_comm": "fp32",
        "model_parameters_count": 5,
        "train_samples": 24,
        "eval_scenes": 1,
        "test_scenes": 2,
    }
    assert {key: settings[key] for key in expected} == expected
    assert len(settings) == 30
