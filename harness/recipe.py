"""Recipes: how one system runs the benchmark (recipe.yaml), read strictly and explained kindly."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import UserError
from harness.plain_yaml import load_yaml

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


class InterconnectRecipe(_Strict):
    """Part of the network that carries weights or activations: estimated, not measured (PM 3.1.3)."""

    name: str
    maximum_w: float = Field(gt=0, le=1e6)  # maximum specified power
    share: float = Field(1.0, gt=0, le=1)  # of it that is provisioned for this system
    basis: str = ""  # where the two numbers come from


class PowerRecipe(_Strict):
    """How the power of whole nodes is measured; see docs/power.md."""

    source: Literal["auto", "redfish", "ipmi", "hwmon", "none"] = "auto"
    measurement_type: Literal["AC", "DC"] = "AC"
    # AC readings are multiplied with it; 1 claims nothing and is never in the submitter's favour
    conversion_efficiency: float = Field(1.0, ge=0.5, le=1)
    supply: str = ""  # power supply and where its efficiency is documented
    interconnect: list[InterconnectRecipe] = []

    @model_validator(mode="after")
    def _dc_is_not_converted(self) -> PowerRecipe:
        if self.measurement_type == "DC" and self.conversion_efficiency != 1:
            raise ValueError("DC readings are not converted: leave conversion_efficiency at 1")
        return self


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
    power: PowerRecipe | None = None  # default: whatever measures the node, if anything does
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
        raw = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where, why = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        at = f" (line {where.line + 1}{f': {why}' if why else ''})" if where else ""
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
        if field is None:
            return []
        kinds = (field.annotation, *get_args(field.annotation))  # of "Model | None" the model
        model = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if model is None:
            return []
    return list(model.model_fields)
