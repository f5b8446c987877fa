"""An experiment made ready: recipe found, data set described, and compared with what its trials were begun with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.errors import UserError
from harness.experiment.model import Experiment, load_experiment
from harness.experiment.places import EXPERIMENTS, Places
from harness.experiment.record import SCHEMA, Header, read_header, write_record
from harness.experiment.space import base_digest, base_recipe, experiment_digest
from harness.package.workspace import Workspace
from harness.plan.request import Request, find_request
from harness.plan.resolve import RunPlan
from rules.model.layout import PackageLayout

MUST_AGREE = {
    "dataset_digest": "the data set",
    "ruleset": "the ruleset",
    "base_digest": "the base recipe",
    "digest": "search, objective or repeats",
}


@dataclass(frozen=True)
class Found:
    """An experiment's file, its base recipe with the fixed fields, and where its trials go."""

    experiment: Experiment
    request: Request
    places: Places


def find_experiment(path: Path, workspace: Workspace, org: str) -> Found:
    """Read the experiment and find its base. Raises UserError."""
    experiment = load_experiment(path)
    request = find_request(workspace, experiment.base, org)
    recipe = base_recipe(experiment, request.recipe)
    places = Places(workspace.data / EXPERIMENTS / experiment.name, experiment.base)
    layout = PackageLayout(places.root, request.system)
    return Found(experiment, replace(request, recipe=recipe, layout=layout, runs=1), places)


def begin_or_continue(found: Found, plan: RunPlan) -> Header:
    """Write what all trials have in common, or make sure that it is as before. Raises UserError."""
    recipe = found.request.recipe
    header = Header(
        schema=SCHEMA,
        experiment=found.experiment,
        recipe=recipe.model_dump(mode="json"),
        digest=experiment_digest(found.experiment, recipe),
        base_digest=base_digest(recipe),
        dataset_digest=plan.described.dataset.digest,
        ruleset=plan.plan.ruleset,
    )
    before = read_header(found.places.header)
    if before is not None and (changed := differences(before, header)):
        raise UserError(
            f"Cannot continue '{found.experiment.name}': {', '.join(changed)} changed since its first trial.",
            "restore it, or give the experiment another name: all trials of one are alike.",
        )
    if before != header:
        write_record(found.places.header, header)
    return header


def differences(one: Header, other: Header) -> list[str]:
    """What of the two does not fit together, in words; the most telling first."""
    return [words for name, words in MUST_AGREE.items() if getattr(one, name) != getattr(other, name)]
