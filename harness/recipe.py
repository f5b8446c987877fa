"""Recipes: how one system runs the benchmark (recipe.yaml), read strictly and explained kindly."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError

MAX_RECIPE_BYTES = 256 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeometryRecipe(_Strict):
    scene_height: int = Field(ge=32, le=20_000)
    scene_width: int = Field(ge=32, le=20_000)
    patch_size: int = Field(ge=32, le=4096, multiple_of=8)


class SplitRecipe(_Strict):
    unit: Literal["file", "patch"] = "file"
    train_fraction: float = Field(0.8, gt=0, lt=1)
    random_state: int = 42


class DataRecipe(_Strict):
    """Which data set. A profile is enough for the known ones; a set of one's own names its files."""

    profile: str = "official"
    directory: str | None = None  # default: data/<profile>, or CLOUDMASK_DATA for official
    train: list[str] | None = None  # file names below directory; default: one-day/
    test: list[str] | None = None  # default: ssts/
    prepared: str | None = None  # folder of `cloudmask data prepare`; default: straight from the scenes
    geometry: GeometryRecipe | None = None  # default: the profile's
    split: SplitRecipe = SplitRecipe()
    description: str = ""


class HyperparametersRecipe(_Strict):
    """Defaults are the reference's. In the closed division only those the ruleset frees may differ."""

    global_batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    adam_beta_1: float = Field(0.9, ge=0, lt=1)
    adam_beta_2: float = Field(0.999, ge=0, lt=1)
    adam_epsilon: float = Field(1e-7, gt=0)
    max_epochs: int = Field(200, ge=1)
    early_stopping_patience: int = Field(25, ge=1)
    target_accuracy: float = Field(0.90, gt=0, lt=1)


class DevicesRecipe(_Strict):
    """What the run needs of the machine: preflight compares it with what is there."""

    nodes: int = Field(1, ge=1)
    accelerators_per_node: int = Field(0, ge=0)
    accelerator: str | None = None  # part of the model name, e.g. "A100"
    strategy: Literal["one-device", "mirrored", "multi-worker"] = "one-device"


class LimitsRecipe(_Strict):
    run_s: float = Field(24 * 3600, gt=0)
    silence_s: float = Field(1800, gt=0)  # no line from the implementation for so long: it hangs


class TelemetryRecipe(_Strict):
    interval_s: float = Field(0.1, gt=0.001, le=60)


class EvidenceRecipe(_Strict):
    weights: bool = True  # keep the trained weights: without them nobody can replay the accuracy
    gallery_scenes: int = Field(default=6, ge=0, le=24)


class Contact(_Strict):
    name: str | None = None
    email: str | None = None


class Recipe(_Strict):
    """One system's way to run CloudMask. Every field is explained in docs/recipes.md."""

    description: str = ""
    division: Literal["closed", "open"] = "closed"
    status: Literal["cloud", "onprem", "preview", "research"] = "research"
    runs: int = Field(5, ge=1, le=10_000)
    best_of: int | None = Field(None, ge=1)
    implementation: str = "reference"
    command: list[str] | None = None  # another implementation; default: the reference
    launcher: Literal["local"] = "local"
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    data: DataRecipe = DataRecipe()
    hyperparameters: HyperparametersRecipe = HyperparametersRecipe()
    devices: DevicesRecipe = DevicesRecipe()
    limits: LimitsRecipe = LimitsRecipe()
    telemetry: TelemetryRecipe = TelemetryRecipe()
    evidence: EvidenceRecipe = EvidenceRecipe()
    contact: Contact = Contact()


def load_recipe(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises UserError in one line when the file is missing, is no YAML, or has a field that is
    unknown (with the nearest known name) or out of range.
    """
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise UserError(f"{path} is too large for a recipe (over {MAX_RECIPE_BYTES} bytes).")
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        at = f" (line {where.line + 1})" if where else ""
        raise UserError(f"{path} is not valid YAML{at}.", "compare it with submissions/examples.") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} is not a recipe: a mapping of fields was expected.")
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise UserError(
            f"Recipe {path}: {_explain(error)}.", "correct the field; docs/recipes.md lists them all."
        ) from None


def _explain(error: ValidationError) -> str:
    parts = []
    for problem in error.errors()[:3]:
        where = ".".join(str(p) for p in problem["loc"])
        if problem["type"] == "extra_forbidden":
            guess = difflib.get_close_matches(str(problem["loc"][-1]), _known(problem["loc"][:-1]), 1)
            hint = f", did you mean '{guess[0]}'?" if guess else ""
            parts.append(f"unknown field '{where}'{hint}")
        else:
            parts.append(f"'{where}': {problem['msg'].lower()} (got {problem['input']!r:.60})")
    return "; ".join(parts).rstrip("?.") + ("" if not parts[-1].endswith("?") else "")


def _known(location: tuple[Any, ...]) -> list[str]:
    model: Any = Recipe
    for name in location:
        field = model.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type):
            return []
        model = field.annotation
    return list(model.model_fields)
