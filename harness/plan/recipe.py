"""Recipes: how one system runs the benchmark (recipe.yaml). Unknown or wrong fields are errors."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.core.errors import UserError
from harness.core.files import not_utf8
from harness.untrusted.plain_yaml import load_yaml
from reference.protocol.settings import DEFAULT_SPLIT, DEFAULTS
from reference.protocol.spec import RunSpec

MAX_RECIPE_BYTES = 256 * 1024

LauncherName = Literal["local", "slurm", "lsf"]  # each has its class in harness/run/launch/registry.py
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]  # those of reference.protocol.settings


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeometryRecipe(_Strict):
    """Sizes in pixels: of the scenes, and of the square patches cut from them."""

    scene_height: int = Field(ge=32, le=20_000)
    scene_width: int = Field(ge=32, le=20_000)
    patch_size: int = Field(ge=32, le=4096, multiple_of=8)


class SplitRecipe(_Strict):
    """How the training scenes are divided into training and validation: whole files, or patches."""

    unit: Literal["file", "patch"] = "file"
    train_fraction: float = Field(DEFAULT_SPLIT.train_fraction, gt=0, lt=1)
    random_state: int = DEFAULT_SPLIT.random_state


class DataRecipe(_Strict):
    """Which data set. For known data sets the profile is enough; for others the files are named."""

    profile: str = "official"
    directory: str | None = None  # default: data/<profile>, or CLOUDMASK_DATA for official
    train: list[str] | None = None  # file names below directory; default: training/ or one-day/
    test: list[str] | None = None  # default: inference/ or ssts/
    prepared: str | None = None  # folder of `cloudmask data prepare`; default: straight from the scenes
    geometry: GeometryRecipe | None = None  # default: the profile's
    # by constants, or by each scene's own statistics (open)
    normalisation: Literal["fixed", "per-scene"] = "fixed"
    split: SplitRecipe = SplitRecipe()
    description: str = ""


class HyperparametersRecipe(_Strict):
    """The defaults are the reference's. In the closed division only those that the ruleset frees may differ."""

    global_batch_size: int = Field(DEFAULTS.global_batch_size, ge=1)
    learning_rate: float = Field(DEFAULTS.learning_rate, gt=0)
    adam_beta_1: float = Field(DEFAULTS.adam_beta_1, ge=0, lt=1)
    adam_beta_2: float = Field(DEFAULTS.adam_beta_2, ge=0, lt=1)
    adam_epsilon: float = Field(DEFAULTS.adam_epsilon, gt=0)
    max_epochs: int = Field(DEFAULTS.max_epochs, ge=1)
    early_stopping_patience: int = Field(DEFAULTS.early_stopping_patience, ge=1)
    target_accuracy: float = Field(DEFAULTS.target_accuracy, gt=0, lt=1)


class DevicesRecipe(_Strict):
    """The part of the machine that a run needs; preflight compares it with what is there."""

    nodes: int = Field(1, ge=1, le=100_000)
    accelerators_per_node: int = Field(0, ge=0, le=1024)
    accelerator: str | None = None  # part of the model name, e.g. "A100"
    workers_per_node: int = Field(1, ge=1, le=1024)  # processes; they share a node's accelerators evenly
    strategy: Literal["auto", "one-device", "mirrored", "multi-worker"] = "auto"

    @property
    def workers(self) -> int:
        """Processes of one run, over all nodes."""
        return self.nodes * self.workers_per_node

    @property
    def chosen_strategy(self) -> str:
        """The strategy asked for; `auto` is the simplest one that uses all devices."""
        if self.strategy != "auto":
            return self.strategy
        if self.workers > 1:
            return "multi-worker"
        return "mirrored" if self.accelerators_per_node > 1 else "one-device"

    @model_validator(mode="after")
    def _fits_together(self) -> DevicesRecipe:
        if self.workers > 1 and self.strategy in ("one-device", "mirrored"):
            raise ValueError(f"strategy {self.strategy} cannot use {self.workers} workers: leave it at auto")
        if self.accelerators_per_node % self.workers_per_node:
            raise ValueError(
                f"{self.accelerators_per_node} accelerators cannot be shared evenly by "
                f"{self.workers_per_node} workers"
            )
        return self


_DURATION = r"^(\d{1,4}|\d{1,4}:\d\d(:\d\d)?|\d{1,3}-\d{1,2}(:\d\d){0,2})$"  # as sbatch reads --time
_WORD = r"^[A-Za-z0-9_][A-Za-z0-9_.,:=+@%/-]*$"  # nothing that ends a directive or is special to a shell


class JobRecipe(_Strict):
    """What is requested from the batch system (launchers slurm and lsf); see docs/clusters.md."""

    partition: str | None = Field(None, pattern=_WORD)  # queue, in LSF's words
    account: str | None = Field(None, pattern=_WORD)  # project, in LSF's words
    qos: str | None = Field(None, pattern=_WORD)
    time: str = Field("24:00:00", pattern=_DURATION)
    gres: str | None = Field(None, pattern=_WORD)  # gpu:a100:4, none; default: gpu:<accelerators_per_node>
    cpus_per_worker: int | None = Field(None, ge=1)
    memory_per_node: str | None = Field(None, pattern=r"^\d+[KMGT]?$")
    exclusive: bool = True  # other jobs on the node would be measured too
    requeues: int = Field(3, ge=0, le=100)  # how often a job that ran out of time is queued again
    warning_s: int = Field(120, ge=10, le=3600)  # how long before its end a job is warned
    options: list[str] = []  # more directives, e.g. "--constraint=a100"
    modules: list[str] = []  # module load ...
    environment: dict[str, str] = {}
    setup: list[str] = []  # shell lines before anything else, e.g. "source ~/venv/bin/activate"
    step_options: list[str] = []  # more arguments for srun, e.g. "--mpi=none"

    @model_validator(mode="after")
    def _one_line_each(self) -> JobRecipe:
        for line in (
            *self.options,
            *self.setup,
            *self.modules,
            *self.environment.values(),
            *self.step_options,
        ):
            if any(ord(letter) < 32 for letter in line):
                raise ValueError(f"{line!r:.60} holds a line break or another control character")
        for option in (*self.options, *self.step_options):
            if not option.startswith("-"):
                raise ValueError(f"option {option!r:.60} does not begin with a dash")
        for name in self.environment:
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"{name!r:.60} cannot be the name of an environment variable")
        return self


class LimitsRecipe(_Strict):
    """When a run counts as hanging: after so long in all, or without a line of output."""

    run_s: float = Field(24 * 3600, gt=0)
    silence_s: float = Field(1800, gt=0)


class TelemetryRecipe(_Strict):
    """How often the samplers read their sources."""

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
    # AC readings are multiplied by it; 1 is never in the submitter's favour
    conversion_efficiency: float = Field(1.0, ge=0.5, le=1)
    supply: str = ""  # power supply and where its efficiency is documented
    interconnect: list[InterconnectRecipe] = []

    @model_validator(mode="after")
    def _dc_is_not_converted(self) -> PowerRecipe:
        if self.measurement_type == "DC" and self.conversion_efficiency != 1:
            raise ValueError("DC readings are not converted: leave conversion_efficiency at 1")
        return self


class WitnessRecipe(_Strict):
    """Whose time stamps witness the runs; see docs/witness.md."""

    url: str | None = Field(None, pattern=r"^https?://[^\s]+$", max_length=1000)
    spool: str | None = None  # folder whose requests `cloudmask witness relay` sends on
    policy: str | None = Field(None, pattern=r"^\d+(\.\d+)+$")  # OID that every stamp has to state
    roots: str | None = None  # PEM file: each stamp is verified when it comes, not only by `check`
    timeout_s: float = Field(10, ge=0.1, le=300)  # for one reply
    every_s: float = Field(10, ge=0, le=3600)  # stamps of epochs are at least this far apart

    @model_validator(mode="after")
    def _one_way(self) -> WitnessRecipe:
        if (self.url is None) == (self.spool is None):
            raise ValueError("name either url or spool")
        return self


class EnvironmentRecipe(_Strict):
    """What a run inherits from the environment that the harness is started in."""

    preload: list[
        str
    ] = []  # variables that put code into a process (LD_PRELOAD, PYTHONPATH, ...), to be passed on

    @model_validator(mode="after")
    def _names(self) -> EnvironmentRecipe:
        for name in self.preload:
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"{name!r:.60} is not the name of an environment variable")
        return self


class EvidenceRecipe(_Strict):
    """What a run keeps beside its log."""

    weights: bool = RunSpec.save_weights  # without the trained weights the accuracy cannot be replayed
    gallery_scenes: int = Field(default=RunSpec.gallery_scenes, ge=0, le=24)
    # states between epochs, to answer challenges with: of all attempts, of finished runs only, or none
    checkpoints: Literal["keep", "challenge", "none"] = "none"


class TrialRecipe(_Strict):
    """Marks the run of an experiment, which is not a submission; written by `cloudmask experiment run`."""

    experiment: str = Field(max_length=100)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # of base recipe, search, objective and repeats
    number: int = Field(ge=0)
    point: int = Field(ge=0)  # which setting
    repeat: int = Field(ge=0)  # which run of that setting


class TunedRecipe(_Strict):
    """Where the settings of a recipe come from; written by `cloudmask experiment recipe`."""

    experiment: str = Field(max_length=100)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    trial: int = Field(ge=0)
    # runs that the experiment had made when the recipe was written, failed ones too
    trials: int = Field(ge=1)
    points: int = Field(ge=1)  # settings that they tried
    objective: str = Field(max_length=100)
    value: float | None = None  # of the trial; None: without a value
    values: dict[str, int | float | str | bool | None]  # the fields that were searched, as the trial had them


class Contact(_Strict):
    """Whom to ask about the submission."""

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
    launcher: LauncherName = "local"
    precision: Precision = "float32"
    augmentation: Literal["none", "radiometric"] = "none"  # of training patches (open)
    data: DataRecipe = DataRecipe()
    hyperparameters: HyperparametersRecipe = HyperparametersRecipe()
    devices: DevicesRecipe = DevicesRecipe()
    instances: int | None = Field(None, ge=1, le=10_000)  # models trained at the same time, for throughput
    job: JobRecipe = JobRecipe()
    environment: EnvironmentRecipe = EnvironmentRecipe()
    limits: LimitsRecipe = LimitsRecipe()
    telemetry: TelemetryRecipe = TelemetryRecipe()
    power: PowerRecipe | None = None  # default: whatever measures the node, if anything does
    evidence: EvidenceRecipe = EvidenceRecipe()
    witness: WitnessRecipe | None = None  # default: none
    trial: TrialRecipe | None = None  # only in the trials of an experiment
    tuned: TunedRecipe | None = None  # default: no experiment led to this recipe
    contact: Contact = Contact()

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if self.launcher == "local" and self.devices.nodes > 1:
            raise ValueError(f"launcher local uses this machine only, not {self.devices.nodes} nodes")
        batch, devices = self.hyperparameters.global_batch_size, self.devices
        replicas = devices.nodes * max(devices.workers_per_node, devices.accelerators_per_node)
        if self.command is None and devices.chosen_strategy != "one-device" and batch % replicas:
            raise ValueError(f"global_batch_size {batch} cannot be shared evenly by {replicas} devices")
        return self


def completed(raw: Any) -> dict[str, Any]:
    """A recipe that was read from YAML or JSON, with its defaults filled in.

    Raises ValueError in one line when it is not a recipe.
    """
    try:
        return Recipe.model_validate(raw).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise ValueError(f"{where}: {first['msg'].lower()}") from None


def load_recipe(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises UserError in one line when the file is missing, is not YAML, or has a field that is
    unknown (the nearest known name is given) or out of range.
    """
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise UserError(f"{path} is too large for a recipe (over {MAX_RECIPE_BYTES} bytes).")
        raw = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} {not_utf8(error)}.", "save it as UTF-8: iconv -f latin1 -t utf-8.") from None
    except yaml.YAMLError as error:
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
        elif problem["type"] == "value_error":
            reason = problem["msg"].removeprefix("Value error, ")
            parts.append(f"'{where}': {reason}" if where else reason)
        else:
            parts.append(f"'{where}': {problem['msg'].lower()} (got {problem['input']!r:.60})")
    return "; ".join(parts).rstrip("?.")


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
