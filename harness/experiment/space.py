"""From a base recipe and values to the recipe of a trial; and what of it has to be alike to be compared."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.core.errors import UserError
from harness.core.words import plural
from harness.experiment.model import MAX_TRIALS, Experiment, Values
from harness.plan.recipe import Recipe, TrialRecipe
from rules.ruleset import merged

SEARCHED = ("hyperparameters", "precision", "devices")  # parts of a recipe that a space may name
# what is trained; how a machine runs it (devices, launcher, limits, ...) may differ between machines
_TRAINED = ("implementation", "command", "precision", "hyperparameters")
_TRAINED_DATA = ("profile", "train", "test", "geometry", "split")
BEYOND = 0.999999  # a target that ends no trial which is judged by its accuracy


def base_recipe(experiment: Experiment, found: Recipe) -> Recipe:
    """The found recipe with the fixed fields. Raises UserError when the two do not make a recipe, or when the
    space names what is not searched."""
    recipe = _valid(merged(found.model_dump(), experiment.fixed), "fixed")
    if recipe.instances is not None or recipe.tuned is not None:
        recipe = recipe.model_copy(update={"instances": None, "tuned": None})
    measure = experiment.objective.measure
    for name in experiment.search.space:
        _known(name)
        if name == "hyperparameters.target_accuracy" and measure != "accuracy":
            raise UserError(
                "The search may not change the target that times and energies are measured to.",
                "take hyperparameters.target_accuracy out of search.space.",
            )
    for values in grid(experiment):
        applied(recipe, values)
    return recipe


def grid(experiment: Experiment) -> list[Values]:
    """All points of a grid, in the order of the file, the last field changing first; empty for other methods."""
    search = experiment.search
    if search.method != "grid":
        return []
    choices = [values for values in search.space.values() if isinstance(values, list)]
    count = math.prod(len(values) for values in choices)
    if count * experiment.repeats > MAX_TRIALS:
        raise UserError(
            f"The grid has {plural(count, 'point')}, with {plural(experiment.repeats, 'run')} each: "
            f"more than {MAX_TRIALS} trials.",
            "use method random with fewer points.",
        )
    return [dict(zip(search.space, values, strict=True)) for values in itertools.product(*choices)]


def points(experiment: Experiment) -> int:
    """How many settings will be tried at most."""
    return experiment.search.points or len(grid(experiment))


def applied(recipe: Recipe, values: Values) -> Recipe:
    """The recipe with these values in their places. Raises UserError when that is not a recipe."""
    raw = recipe.model_dump()
    for name, value in values.items():
        *parents, last = name.split(".")
        part = raw
        for parent in parents:
            part = part[parent]
        part[last] = value
    shown = ", ".join(f"{name} {value}" for name, value in values.items())
    return _valid(raw, shown or "the base recipe")


def trial_recipe(experiment: Experiment, recipe: Recipe, values: Values, mark: TrialRecipe) -> Recipe:
    """What a trial runs: one run in the open division, marked as a trial.

    A trial that is judged by its accuracy after n epochs is neither ended by the target nor longer.
    """
    raw = applied(recipe, values).model_dump()
    raw |= {"division": "open", "runs": 1, "best_of": 1, "instances": None, "witness": None}
    raw["trial"] = mark.model_dump()
    if experiment.objective.after_epochs is not None:
        last = experiment.objective.after_epochs
        raw["hyperparameters"] |= {
            "max_epochs": last,
            "early_stopping_patience": last,
            "target_accuracy": BEYOND,
        }
    return _valid(raw, "a trial")


def base_digest(recipe: Recipe) -> str:
    """SHA-256 of what a recipe trains, whatever machine it is for."""
    raw = recipe.model_dump(mode="json")
    trained: dict[str, Any] = {name: raw[name] for name in _TRAINED}
    trained["data"] = {name: raw["data"][name] for name in _TRAINED_DATA}
    return _digest(trained)


def experiment_digest(experiment: Experiment, recipe: Recipe) -> str:
    """SHA-256 of all that trials have in common: base recipe, search, objective, repeats."""
    said = experiment.model_dump(mode="json", include={"search", "objective", "repeats"})
    said["search"].pop("points")  # an experiment may go on with more of them
    return _digest({**said, "base": base_digest(recipe)})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _known(name: str) -> None:
    """Raises UserError for a field that is not of a recipe, or not searched."""
    part, _, rest = name.partition(".")
    model: Any = Recipe
    for field in name.split("."):
        known = (
            model.model_fields.get(field)
            if isinstance(model, type) and issubclass(model, BaseModel)
            else None
        )
        if known is None:
            raise UserError(f"search.space: '{name}' is not a field of a recipe.", "see docs/recipes.md.")
        model = known.annotation
    if part not in SEARCHED or (isinstance(model, type) and issubclass(model, BaseModel)):
        raise UserError(
            f"search.space: '{name}' is not searched.",
            f"name a field of {', '.join(SEARCHED)}; what is alike in all trials belongs under `fixed`.",
        )


def _valid(raw: Any, what: str) -> Recipe:
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ").lower()
        raise UserError(
            f"With {what} this is not a recipe: {f'{where}: ' if where else ''}{why}.",
            "correct the experiment; docs/recipes.md lists all fields.",
        ) from None
