"""From a system's name to a plan ready to run: recipe, data set, system description, preflight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.core.errors import UserError
from harness.machine.description import (
    NOT_PROBED,
    Detected,
    FieldComparison,
    compare,
    detect,
    read_description,
    system_description,
)
from harness.package.workspace import Workspace
from harness.plan.datasets import describe, directory_of, is_synthetic
from harness.plan.plan import RunPlan, build_plan
from harness.plan.recipe import Recipe, load_recipe
from reference.data.dataset import Described
from reference.data.synthetic import is_complete, synthesize
from rules.model.layout import PackageLayout
from rules.model.package import Plan, System

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Prepared:
    """Everything decided before the first run. `source` is where recipe and scripts were found."""

    source: PackageLayout
    layout: PackageLayout
    recipe: Recipe
    plan: Plan
    system: System
    detected: Detected
    comparison: list[FieldComparison]
    described: Described | None

    @property
    def wrong_machine(self) -> list[FieldComparison]:
        return [field for field in self.comparison if field.agrees is False]

    def run_plan(self) -> RunPlan:
        assert self.described is not None
        return RunPlan(self.recipe, self.layout, self.described)


def prepare(
    workspace: Workspace, system: str, org: str, progress: Progress | None = None, data: bool = True
) -> Prepared:
    """Read the recipe, look at the machine, then at the data (unless `data` is False).

    On the wrong machine the data set is not touched: nobody waits for 180 GB to hear that.
    Raises UserError for anything missing or wrong.
    """
    source = workspace.find_recipe(system, org)
    layout = workspace.layout(org, system)
    recipe = load_recipe(source.recipe)
    detected = detect()
    declared = declared_system(source, layout, recipe, detected)
    comparison = compare(declared.fields, detected)
    described = None
    if data and not any(field.agrees is False for field in comparison):
        described = describe(recipe.data, workspace, progress)
    plan = build_plan(recipe, layout, declared, described.dataset if described else None)
    return Prepared(source, layout, recipe, plan, declared, detected, comparison, described)


def load_source(workspace: Workspace, system: str, org: str) -> Recipe:
    """The recipe alone, to see what data it needs."""
    return load_recipe(workspace.find_recipe(system, org).recipe)


def synthesize_if_missing(recipe: Recipe, workspace: Workspace, progress: Progress | None = None) -> bool:
    """Make the recipe's synthetic data set unless it is whole already. True when something was made."""
    if not is_synthetic(recipe.data):
        return False
    if is_complete(directory_of(recipe.data, workspace)):
        return False
    try:
        synthesize(recipe.data.profile, workspace.data, progress=progress)
    except ValueError as error:
        raise UserError(f"{error}.", "move that folder away.") from None
    return True


def declared_system(
    source: PackageLayout, layout: PackageLayout, recipe: Recipe, detected: Detected
) -> System:
    """The organisation's own system description; else an example's; else what was probed.

    An example says which accelerators it is about. The rest of it stands for a machine that nobody
    has, so there the probed values of this one take its place.
    """
    probed = system_description(detected, layout.root.name, recipe.division, recipe.status, layout.system)
    if layout.system_json.is_file():
        fields = read_description(layout.system_json)
    elif source.system_json.is_file():
        fields = {**read_description(source.system_json), **_host(probed, detected)}
    else:
        fields = {**probed, "number_of_nodes": str(recipe.devices.nodes)}  # one node sees only itself
    fields |= {"submitter": layout.root.name, "division": recipe.division}
    path = layout.system_json.relative_to(layout.root).as_posix()
    provenance = {name: _origin(name, value, detected) for name, value in fields.items()}
    return System(layout.system, path, fields, provenance, dict(detected.fields))


def _host(probed: dict[str, str], detected: Detected) -> dict[str, str]:
    """What was really probed, the accelerators and the number of nodes apart."""
    return {
        name: value
        for name, value in probed.items()
        if detected.provenance.get(name) == "probed"
        and not name.startswith(("accelerator", "number_of_nodes"))
    }


def _origin(name: str, value: Any, detected: Detected) -> str:
    if value == NOT_PROBED:
        return "unknown"
    same = detected.fields.get(name) == value
    return detected.provenance.get(name, "typed") if same else "typed"
