"""What is asked for: one system's recipe, found and read, and where its results go."""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec import structs

from harness.core.errors import UserError
from harness.package.workspace import Workspace
from harness.plan.recipe import Recipe, load_recipe
from rules.model.layout import WEAK, PackageLayout

REFERENCE_COMMAND = ("python", "-u", "-m", "reference")  # python: the interpreter that the harness runs in


@dataclass(frozen=True)
class Request:
    """A recipe with the places that belong to it.

    `source` is where recipe and scripts were found (an example's folder, perhaps), `layout` is where
    results and evidence go.
    """

    source: PackageLayout
    layout: PackageLayout
    recipe: Recipe
    runs: int  # one after the other; for throughput: models trained at the same time

    @property
    def system(self) -> str:
        """The system's name, which is also the recipe's."""
        return self.layout.system

    @property
    def org(self) -> str:
        """The submitting organisation: the name of its folder."""
        return self.layout.root.name

    @property
    def throughput(self) -> bool:
        """Whether this is a throughput (weak scaling) entry."""
        return self.layout.scaling == WEAK

    @property
    def models(self) -> int:
        """Models trained at the same time, each on devices.nodes nodes."""
        return self.runs if self.throughput else 1

    @property
    def command(self) -> list[str]:
        """What starts the implementation; `python` stands for the interpreter that the harness runs in."""
        return list(self.recipe.command or REFERENCE_COMMAND)

    def trial(self, layout: PackageLayout) -> Request:
        """The same recipe, run once, outside its package."""
        return replace(self, layout=layout, runs=1)


def find_request(workspace: Workspace, system: str, org: str, throughput: bool = False) -> Request:
    """Find and read the recipe of `system`.

    Raises UserError when there is none, when it is not valid, or when `throughput` is asked for and
    the recipe has no `instances`.
    """
    source, layout = workspace.find_recipe(system, org), workspace.layout(org, system)
    recipe = load_recipe(source.recipe)
    if not throughput:
        return Request(source, layout, recipe, recipe.runs)
    if recipe.instances is None:
        raise UserError(
            f"The recipe {source.recipe} does not say how many models to train at the same time.",
            "set `instances` in it (docs/recipes.md).",
        )
    return Request(source, structs.replace(layout, scaling=WEAK), recipe, recipe.instances)
