"""The run spec: everything an implementation needs to know about one run, as one JSON file.

The harness writes it and names it in the environment variable CLOUDMASK_RUN_SPEC; the implementation
(the reference or another) reads it. Only the standard library is needed.
"""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reference.protocol.keys import AUGMENTATIONS, NORMALISATIONS

SPEC_VARIABLE = "CLOUDMASK_RUN_SPEC"
SCHEMA = 1

T = TypeVar("T")


@dataclass(frozen=True)
class Geometry:
    """Sizes of scenes and patches in pixels. Crop, stride and margin follow from these three.

    The official data set is 1200 x 1500 with patches of 256: 4 x 5 = 20 training patches per scene
    after a centre crop to 1024 x 1280; 7 x 9 = 63 inference patches at stride 176, of whose
    predictions 40 pixels are cut off on each side.
    """

    scene_height: int = 1200
    scene_width: int = 1500
    patch_size: int = 256

    @property
    def patch_rows(self) -> int:
        """Rows of non-overlapping training patches in one scene."""
        return self.scene_height // self.patch_size

    @property
    def patch_columns(self) -> int:
        """Columns of non-overlapping training patches in one scene."""
        return self.scene_width // self.patch_size

    @property
    def patches_per_scene(self) -> int:
        """Non-overlapping training patches cut from one scene."""
        return self.patch_rows * self.patch_columns

    @property
    def margin(self) -> int:
        """Pixels cut off on each side of a predicted patch before stitching (40 of 256)."""
        return self.patch_size * 5 // 32

    @property
    def stride(self) -> int:
        """Distance between inference patches in pixels (176 for 256)."""
        return self.patch_size - 2 * self.margin


@dataclass(frozen=True)
class Split:
    """How the training files are divided into training and validation patches.

    Unit "file" (the benchmark's): whole files, with the semantics of scikit-learn's train_test_split
    on the sorted list. Unit "patch": the same on the list of all patches, for sets of very few scenes.
    """

    unit: str = "file"
    train_fraction: float = 0.8
    random_state: int = 42


@dataclass(frozen=True)
class Data:
    """The data set of a run: scene files, geometry and split."""

    profile: str  # official, quick, full-size, smoke, or a name that the submitter chose
    digest: str  # of file list, contents and split
    train_files: list[str]  # absolute paths, sorted by name
    test_files: list[str]
    geometry: Geometry = field(default_factory=Geometry)
    split: Split = field(default_factory=Split)
    prepared: str | None = None  # folder of shards made from train_files (`cloudmask data prepare`)
    prepared_digest: str | None = None  # of their index
    normalisation: str = NORMALISATIONS[0]  # fixed, per-scene (open only)


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of a run. The defaults are the reference's; optimiser and loss cannot be chosen here."""

    global_batch_size: int = 32
    learning_rate: float = 1e-3
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_epsilon: float = 1e-7
    max_epochs: int = 200
    early_stopping_patience: int = 25
    target_accuracy: float = 0.90


@dataclass(frozen=True)
class RunSpec:
    """Everything that an implementation needs to know about one run."""

    run: int  # 0 for the first run of a package
    seed: int
    data: Data
    output_dir: str  # weights, science.json and gallery.h5 are written here
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    precision: str = "float32"  # float32, mixed_bfloat16, mixed_float16
    strategy: str = "one-device"  # one-device, mirrored, multi-worker
    augmentation: str = AUGMENTATIONS[0]  # none, radiometric (open only)
    gallery_scenes: int = 6  # number of test scenes to keep as pictures
    save_weights: bool = True
    checkpoints: str | None = None  # folder for the state after each epoch, outside of output_dir
    schema: int = SCHEMA

    @property
    def weights_path(self) -> Path:
        """Where the trained weights are saved (if `save_weights` is true)."""
        return Path(self.output_dir) / "weights.weights.h5"

    @property
    def science_path(self) -> Path:
        """Where the metrics on the test scenes are written."""
        return Path(self.output_dir) / "science.json"

    @property
    def gallery_path(self) -> Path:
        """Where the pictures of test scenes are written."""
        return Path(self.output_dir) / "gallery.h5"

    def to_json(self) -> str:
        """The content of the run spec's file."""
        return json.dumps(asdict(self), indent=1)


def parse_spec(text: str) -> RunSpec:
    """Read a run spec. Raises ValueError, with a message of one line, when it is not valid."""
    raw = json.loads(text)
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise ValueError(f"run spec: schema {SCHEMA} expected")
    try:
        data = dict(raw.pop("data"))
        geometry = _build(Geometry, data.pop("geometry", {}))
        split = _build(Split, data.pop("split", {}))
        raw["data"] = _build(Data, {**data, "geometry": geometry, "split": split})
        raw["hyperparameters"] = _build(Hyperparameters, raw.pop("hyperparameters", {}))
        return _build(RunSpec, raw)
    except (KeyError, TypeError) as error:
        raise ValueError(f"run spec: {error}") from error


def load_spec() -> RunSpec:
    """The run spec named by CLOUDMASK_RUN_SPEC.

    Raises ValueError when the variable is not set, or the file is missing or not valid.
    """
    path = os.environ.get(SPEC_VARIABLE)
    if not path:
        raise ValueError(
            f"{SPEC_VARIABLE} is not set (`cloudmask run` sets it and starts the implementation)"
        )
    try:
        return parse_spec(Path(path).read_text())
    except OSError as error:
        raise ValueError(f"cannot read the run spec {path}: {error.strerror}") from error


def _build(cls: type[T], values: dict[str, Any]) -> T:
    unknown = sorted(set(values) - set(inspect.signature(cls).parameters))
    if unknown:
        raise ValueError(f"run spec: {cls.__name__} has no field {', '.join(unknown)}")
    return cls(**values)
