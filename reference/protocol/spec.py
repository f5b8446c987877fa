"""The run spec: everything an implementation needs to know about one run, as one JSON file.

The harness writes it and names it in the environment variable CLOUDMASK_RUN_SPEC; the
implementation (ours or another) reads it. Standard library only, so that it loads anywhere.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

SPEC_VARIABLE = "CLOUDMASK_RUN_SPEC"
SCHEMA = 1


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels. Everything else (crop, patches, stride, margin) follows from these three.

    The official data set is 1200 x 1500 with patches of 256: 4 x 5 = 20 training patches per scene
    after a centre crop to 1024 x 1280; 7 x 9 = 63 inference patches at stride 176, of whose
    predictions 40 pixels are cut off each side.
    """

    scene_height: int = 1200
    scene_width: int = 1500
    patch_size: int = 256

    @property
    def patch_rows(self) -> int:
        return self.scene_height // self.patch_size

    @property
    def patch_columns(self) -> int:
        return self.scene_width // self.patch_size

    @property
    def patches_per_scene(self) -> int:
        """Non-overlapping training patches cut from one scene."""
        return self.patch_rows * self.patch_columns

    @property
    def margin(self) -> int:
        """Pixels cut off each side of a predicted patch before stitching (40 of 256)."""
        return self.patch_size * 5 // 32

    @property
    def stride(self) -> int:
        """Distance of inference patches (176 for 256)."""
        return self.patch_size - 2 * self.margin


@dataclass(frozen=True)
class Split:
    """How the training files become training and validation patches.

    unit "file" (the benchmark's): whole files, scikit-learn's train_test_split semantics on the
    sorted list. unit "patch": the same on the list of all patches, for sets of very few scenes.
    """

    unit: str = "file"
    train_fraction: float = 0.8
    random_state: int = 42


@dataclass(frozen=True)
class Data:
    profile: str  # official, quick, full-size, smoke, or a name of the submitter's
    digest: str  # of file list, contents and split
    train_files: list[str]  # absolute paths, sorted by name
    test_files: list[str]
    geometry: Geometry = field(default_factory=Geometry)
    split: Split = field(default_factory=Split)
    prepared: str | None = None  # folder of shards made from train_files (`cloudmask data prepare`)
    prepared_digest: str | None = None  # of their index


@dataclass(frozen=True)
class Hyperparameters:
    """Defaults are the reference's; Adam and binary cross-entropy are not up for choice here."""

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
    run: int
    seed: int
    data: Data
    output_dir: str  # weights, science.json and gallery.h5 are written here
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    precision: str = "float32"  # float32, mixed_bfloat16, mixed_float16
    strategy: str = "one-device"  # one-device, mirrored, multi-worker
    gallery_scenes: int = 6  # how many test scenes to keep pictures of
    save_weights: bool = True
    schema: int = SCHEMA

    @property
    def weights_path(self) -> Path:
        return Path(self.output_dir) / "weights.weights.h5"

    @property
    def science_path(self) -> Path:
        return Path(self.output_dir) / "science.json"

    @property
    def gallery_path(self) -> Path:
        return Path(self.output_dir) / "gallery.h5"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def _build(cls: type, values: dict[str, Any]) -> Any:
    unknown = sorted(set(values) - {f.name for f in fields(cls)})
    if unknown:
        raise ValueError(f"run spec: {cls.__name__} does not know {', '.join(unknown)}")
    return cls(**values)


def parse_spec(text: str) -> RunSpec:
    """Read a run spec. Raises ValueError in one line when it is not one of ours."""
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
    """The spec named by CLOUDMASK_RUN_SPEC. Raises ValueError when the variable or file is missing."""
    path = os.environ.get(SPEC_VARIABLE)
    if not path:
        raise ValueError(
            f"{SPEC_VARIABLE} is not set (the harness starts an implementation: `cloudmask run`)"
        )
    try:
        return parse_spec(Path(path).read_text())
    except OSError as error:
        raise ValueError(f"cannot read the run spec {path}: {error.strerror}") from error
