"""All launchers by the name that a recipe gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from harness.core.errors import UserError
from harness.core.words import plural
from harness.plan.recipe import LauncherName, Recipe
from harness.run.launch.base import Launcher
from harness.run.launch.local import LocalLauncher
from harness.run.launch.lsf import LsfLauncher
from harness.run.launch.slurm import SlurmLauncher

LAUNCHERS: Mapping[LauncherName, type[Launcher]] = {
    "local": LocalLauncher,
    "slurm": SlurmLauncher,
    "lsf": LsfLauncher,
}


def launcher_for(recipe: Recipe, models: int = 1, environment: Mapping[str, str] | None = None) -> Launcher:
    """The recipe's launcher on the nodes at hand: devices.nodes of them for each of `models`.

    `environment` is that of the process by default. Raises UserError outside a job of the batch system,
    or when the job has another number of nodes.
    """
    kind = LAUNCHERS[recipe.launcher]
    try:
        launcher = kind.at_hand(recipe, os.environ if environment is None else environment)
    except ValueError as error:
        raise UserError(
            f"The recipe's launcher is {recipe.launcher}, but {error}.",
            "send it to the batch system with `cloudmask launch`, from a login node.",
        ) from None
    wanted = recipe.devices.nodes * (1 if kind.here else models)
    if len(launcher.nodes) != wanted:
        raise UserError(
            f"The job has {plural(len(launcher.nodes), 'node')}, the recipe asks for {wanted}.",
            "request as many as devices.nodes says; `cloudmask launch` does.",
        )
    return launcher
