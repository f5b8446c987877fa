"""From a trial to a recipe: the base with its settings, and how it was found."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.experiment.prepare import Found
from harness.experiment.space import applied
from harness.experiment.table import Table
from harness.experiment.trial import recipe_text
from harness.package.workspace import adopt
from harness.plan.recipe import Recipe, TunedRecipe
from rules.model.layout import PackageLayout


def chosen_recipe(found: Found, table: Table, number: int) -> Recipe:
    """The base recipe with the settings of a trial, and its provenance. Raises UserError.

    The division is the base's: preflight says whether the settings are allowed in it.
    """
    trial = next((row.trial for row in table.rows if row.trial.number == number), None)
    if trial is None:
        known = ", ".join(str(row.trial.number) for row in table.rows[:20])
        raise UserError(
            f"There is no trial {number}.", f"known: {known or 'none'}; see `cloudmask experiment status`."
        )
    if trial.value is None:
        raise UserError(
            f"Trial {number} has no {table.experiment.objective.words}: {trial.reason or trial.status}.",
            "choose one that has; `cloudmask experiment status` shows the best.",
        )
    tuned = TunedRecipe(
        experiment=table.experiment.name,
        digest=table.header.digest,
        trial=number,
        trials=table.made,
        points=table.tried,
        objective=table.experiment.objective.words,
        value=trial.value,
        values=dict(trial.values),
    )
    return applied(found.request.recipe, trial.values).model_copy(update={"tuned": tuned})


def write_chosen(found: Found, table: Table, number: int, target: PackageLayout) -> Path:
    """Write the recipe of a trial, with the base's scripts beside it; returns its path.

    Raises UserError when there is a recipe already.
    """
    recipe = chosen_recipe(found, table, number)
    if target.recipe.exists():
        raise UserError(
            f"There is a recipe already: {target.recipe}.", "name another --system, or move it away."
        )
    says = f"Settings of trial {number} of the experiment {table.experiment.name}; see `tuned`."
    write_atomic(target.recipe, recipe_text(recipe, says))
    adopt(found.request.source, target)
    return target.recipe
