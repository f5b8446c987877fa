"""What would run: recipe + system + data set as one value, before anything starts."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness import __version__
from harness.plan.datasets import shown_path
from harness.plan.recipe import Recipe
from reference.data.dataset import Described
from reference.data.shards import open_given
from reference.protocol.spec import Hyperparameters, RunSpec
from rules.model.layout import BENCHMARK, PackageLayout, RunFiles
from rules.model.log import Stated
from rules.model.package import Dataset, Plan, System, relative

RULESET = "cloudmask-1.0"
SUBMISSION_VERSION = f"cloudmask-harness {__version__}"
NUMERICS = {"float32": "fp32", "mixed_bfloat16": "bfloat16", "mixed_float16": "fp16"}
SOURCE_ROOT = Path(__file__).resolve().parents[2]


def build_plan(recipe: Recipe, layout: PackageLayout, system: System | None, dataset: Dataset | None) -> Plan:
    """The plan, with every value under the MLLOG key it will be logged as."""
    path = relative(layout.recipe, layout.root)
    values = {**identity(recipe, layout), **_settings(recipe, dataset)}
    return Plan(
        org=layout.root.name,
        system_name=layout.system,
        implementation=recipe.implementation,
        division=recipe.division,
        status=recipe.status,
        runs=recipe.runs,
        best_of=recipe.best_of,
        settings={key: Stated(value, path) for key, value in values.items()},
        recipe=recipe.model_dump(),
        recipe_path=path,
        system=system,
        dataset=dataset,
        ruleset=RULESET,
    )


def identity(recipe: Recipe, layout: PackageLayout) -> dict[str, Any]:
    """The lines that say whose run this is (logged by the harness)."""
    values = {
        "submission_benchmark": BENCHMARK,
        "submission_org": layout.root.name,
        "submission_division": recipe.division,
        "submission_status": recipe.status,
        "submission_platform": layout.system,
        "submission_version": SUBMISSION_VERSION,
        "submission_github_commit_version": source_state()["commit"],
        "submission_poc_name": recipe.contact.name,
        "submission_poc_email": recipe.contact.email,
        "number_of_nodes": recipe.devices.nodes,
        "accelerators_per_node": recipe.devices.accelerators_per_node,
        "config_filename": layout.recipe.name,
    }
    return {key: value for key, value in values.items() if value is not None}


def _settings(recipe: Recipe, dataset: Dataset | None) -> dict[str, Any]:
    chosen = recipe.hyperparameters
    values: dict[str, Any] = {
        "global_batch_size": chosen.global_batch_size,
        "opt_base_learning_rate": chosen.learning_rate,
        "opt_adam_beta_1": chosen.adam_beta_1,
        "opt_adam_beta_2": chosen.adam_beta_2,
        "opt_adam_epsilon": chosen.adam_epsilon,
        "max_epochs": chosen.max_epochs,
        "early_stopping_patience": chosen.early_stopping_patience,
        "target_quality": chosen.target_accuracy,
        "lowest_numerical_precision_in_linear": NUMERICS[recipe.precision],
        "evaluation_frequency": 1,
    }
    if recipe.command is None:
        values |= {"opt_name": "adam", "opt_weight_decay": 0.0, "loss_function": "binary_crossentropy"}
    if dataset is not None:
        values |= {
            "dataset_digest": dataset.digest,
            "train_samples": dataset.train_samples,
            "eval_samples": dataset.eval_samples,
            "patch_size": dataset.geometry["patch_size"],
        }
    return values


def plan_record(plan: Plan) -> dict[str, Any]:
    """plan.json: what the package promises, and what --resume compares."""
    return {
        "schema": 1,
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
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class RunPlan:
    """What the runner needs for each of the runs."""

    recipe: Recipe
    layout: PackageLayout
    described: Described

    @property
    def scenes(self) -> list[Path]:
        """Every data file of a run, to be evicted from the page cache before it."""
        data = self.described.data
        prepared = open_given(data)
        shards = prepared.files if prepared else []
        return [*(Path(p) for p in (*data.train_files, *data.test_files)), *shards]

    def spec(self, run: int, seed: int, files: RunFiles) -> RunSpec:
        data = self.described.data
        return RunSpec(
            run=run,
            seed=seed,
            data=replace(
                data,
                train_files=[shown_path(p) for p in data.train_files],
                test_files=[shown_path(p) for p in data.test_files],
                prepared=shown_path(data.prepared) if data.prepared else None,
            ),
            output_dir=shown_path(files.root),
            hyperparameters=Hyperparameters(**self.recipe.hyperparameters.model_dump()),
            precision=self.recipe.precision,
            strategy=self.recipe.devices.chosen_strategy,
            gallery_scenes=self.recipe.evidence.gallery_scenes,
            save_weights=self.recipe.evidence.weights,
        )


def source_state() -> dict[str, Any]:
    """Commit of the checkout that runs and whether it was changed; None where there is no checkout."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(SOURCE_ROOT), *arguments], capture_output=True, text=True, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != SOURCE_ROOT:
        return {"commit": None, "dirty": None}
    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def dataset_record(dataset: Dataset) -> dict[str, Any]:
    """dataset.json of the package: what was trained on, file by file."""
    return {"schema": 1, **asdict(dataset)}
