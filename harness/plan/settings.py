"""What a run will state in its log, and the plan that the rulebook judges."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from harness import __version__
from harness.plan.checkout import SourceState
from harness.plan.recipe import Recipe
from harness.plan.request import Request
from reference.protocol.settings import (
    EVALUATION,
    LINEAR_PRECISION_KEY,
    METHOD,
    PRECISIONS,
    hyperparameter_settings,
)
from reference.protocol.spec import Hyperparameters
from rules.model.layout import BENCHMARK
from rules.model.log import Stated
from rules.model.package import Dataset, Plan, System, relative
from rules.ruleset import DEFAULT

SUBMISSION_VERSION = f"cloudmask-harness {__version__}"
PLAN_SCHEMA = 1


def identity(request: Request, source: SourceState) -> dict[str, Any]:
    """Whose run this is, by MLLOG key: the harness logs these lines at the start of every run."""
    recipe = request.recipe
    values = {
        "submission_benchmark": BENCHMARK,
        "submission_org": request.org,
        "submission_division": recipe.division,
        "submission_status": recipe.status,
        "submission_platform": request.system,
        "submission_version": SUBMISSION_VERSION,
        "submission_github_commit_version": source.commit,
        "submission_poc_name": recipe.contact.name,
        "submission_poc_email": recipe.contact.email,
        "number_of_nodes": recipe.devices.nodes,
        "accelerators_per_node": recipe.devices.accelerators_per_node,
        "config_filename": request.layout.recipe.name,
    }
    return {key: value for key, value in values.items() if value is not None}


def hyperparameters(recipe: Recipe) -> Hyperparameters:
    """The recipe's hyperparameters as a run spec carries them."""
    return Hyperparameters(**recipe.hyperparameters.model_dump())


def judged_plan(request: Request, source: SourceState, system: System, dataset: Dataset | None) -> Plan:
    """What the rulebook judges before anything runs: every setting under the MLLOG key to come.

    Rules about the data set do not judge a plan whose `dataset` is None (not described yet).
    """
    recipe, layout = request.recipe, request.layout
    path = relative(layout.recipe, layout.root)
    values = {**identity(request, source), **_chosen(recipe), **(_of_dataset(dataset) if dataset else {})}
    return Plan(
        org=request.org,
        system_name=request.system,
        implementation=recipe.implementation,
        division=recipe.division,
        status=recipe.status,
        runs=request.runs,
        best_of=recipe.best_of,
        settings={key: Stated(value, path) for key, value in values.items()},
        recipe=recipe.model_dump(),
        recipe_path=path,
        system=system,
        dataset=dataset,
        ruleset=DEFAULT,
        scaling=layout.scaling,
        code_sizes={p.name: p.stat().st_size for p in request.source.code_dir.glob("*") if p.is_file()},
    )


def _chosen(recipe: Recipe) -> dict[str, Any]:
    """What the recipe chooses; loss and optimiser are known of the reference only."""
    return {
        **hyperparameter_settings(hyperparameters(recipe)),
        LINEAR_PRECISION_KEY: PRECISIONS[recipe.precision],
        **EVALUATION,
        **(METHOD if recipe.command is None else {}),
    }


def _of_dataset(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset_digest": dataset.digest,
        "train_samples": dataset.train_samples,
        "eval_samples": dataset.eval_samples,
        "patch_size": dataset.geometry["patch_size"],
    }


def plan_record(plan: Plan) -> dict[str, Any]:
    """plan.json: what the package promises, and what --resume compares."""
    return {
        "schema": PLAN_SCHEMA,
        "org": plan.org,
        "system": plan.system_name,
        "implementation": plan.implementation,
        "division": plan.division,
        "runs": plan.runs,
        "best_of": plan.best_of,
        "ruleset": plan.ruleset,
        "recipe": plan.recipe,
        "dataset_digest": plan.dataset.digest if plan.dataset else None,
        "harness_version": __version__,
    }


def plan_digest(record: dict[str, Any]) -> str:
    """SHA-256 of a plan record, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
