"""What all runs share: data set, system description, recipe, code and plan."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import yaml

from harness.plan.recipe import Recipe
from reference.data.dataset import dataset_digest
from reference.protocol.spec import Geometry, Split
from rules.model.layout import PackageLayout
from rules.model.package import Dataset, DatasetFile
from tests.support.builders.files import sha256, write, write_json
from tests.support.builders.options import COMMIT, PRECISIONS, PackageOptions


def make_dataset(options: PackageOptions) -> Dataset:
    """dataset.json: scenes that do not exist, with digests of their names."""
    geometry = Geometry(scene_height=300, scene_width=375, patch_size=64)
    split = Split()

    def scenes(folder: str, year: int, count: int) -> list[DatasetFile]:
        days = ((1 + i // 28, 1 + i % 28) for i in range(count))
        names = [f"{folder}/S3A_SL_1_RBT____{year}{month:02d}{day:02d}T101112.hdf" for month, day in days]
        return [DatasetFile(name, 4_050_000, sha256(name)) for name in names]

    train, test = scenes("one-day", 2019, options.train_files), scenes("ssts", 2020, options.test_files)
    in_train = int(options.train_files * split.train_fraction)
    digest = dataset_digest(train, test, geometry, split)
    return Dataset(
        profile="quick",
        synthetic=True,
        root="data/quick",
        digest=digest,
        geometry=asdict(geometry),
        split=asdict(split),
        train=train,
        test=test,
        train_samples=in_train * geometry.patches_per_scene,
        eval_samples=(options.train_files - in_train) * geometry.patches_per_scene,
        description="Synthetic scenes, made for a test.",
    )


def system_fields(options: PackageOptions) -> dict[str, str]:
    """The 33 MLPerf fields, all strings."""
    gpu = options.accelerators_per_node > 0
    return {
        "submitter": options.org,
        "division": options.division,
        "status": "Research, Development, or Internal (RDI)",
        "system_name": options.system,
        "number_of_nodes": str(options.nodes),
        "host_processors_per_node": "1",
        "host_processor_model_name": "AMD EPYC 9B45",
        "host_processor_core_count": "2",
        "host_processor_vcpu_count": "2",
        "host_processor_frequency": "2600 MHz",
        "host_processor_caches": "L1d 48 KiB, L2 1 MiB, L3 32 MiB",
        "host_processor_interconnect": "",
        "host_memory_capacity": "16 GB",
        "host_storage_type": "NVMe SSD",
        "host_storage_capacity": "64 GB",
        "host_networking": "none used",
        "host_networking_topology": "single node",
        "host_memory_configuration": "1 x 16 GB DDR5",
        "accelerators_per_node": str(options.accelerators_per_node),
        "accelerator_model_name": "NVIDIA A100-SXM4-80GB" if gpu else "none",
        "accelerator_host_interconnect": "PCIe 4.0 x16" if gpu else "none",
        "accelerator_frequency": "1410 MHz" if gpu else "",
        "accelerator_on-chip_memories": "40 MB L2" if gpu else "",
        "accelerator_memory_configuration": "HBM2e" if gpu else "none",
        "accelerator_memory_capacity": "80 GB" if gpu else "none",
        "accelerator_interconnect": "NVLink" if gpu else "none",
        "accelerator_interconnect_topology": "",
        "cooling": "air",
        "hw_notes": "",
        "framework": "TensorFlow 2.20.0, Keras 3.15.0",
        "other_software_stack": "Python 3.11.9, HDF5 1.14.4",
        "operating_system": "Debian GNU/Linux 12, kernel 6.1.0",
        "sw_notes": "",
    }


def write_system(layout: PackageLayout, options: PackageOptions) -> None:
    """The system description, and what was detected of it."""
    fields = system_fields(options)
    write_json(layout.system_json, fields)
    probed = {
        name: fields[name]
        for name in ("host_processor_model_name", "host_processor_core_count", "accelerators_per_node")
    }
    write_json(
        layout.detected,
        {
            "schema": 1,
            "detected": probed,
            "provenance": {name: "probed" if name in probed else "typed" for name in fields},
        },
    )


def make_plan(options: PackageOptions, recipe: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """plan.json."""
    return {
        "schema": 1,
        "org": options.org,
        "system": options.system,
        "implementation": options.implementation,
        "division": options.division,
        "runs": options.runs,
        "best_of": recipe.get("best_of"),
        "ruleset": "cloudmask-1.1",
        "recipe": Recipe.model_validate(recipe).model_dump(),
        "dataset_digest": dataset.digest,
        "harness_version": "0.1.0",
    }


def write_code(layout: PackageLayout, options: PackageOptions) -> dict[str, Any]:
    """Recipe, scripts, companion and implementation; returns the recipe."""
    h = options.hyperparameters
    recipe: dict[str, Any] = {
        "description": "A package made for a test.",
        "division": options.division,
        "status": options.status,
        "runs": options.runs,
        "implementation": options.implementation,
        "precision": PRECISIONS[options.precision],
        "data": {"profile": "quick"},
        "hyperparameters": {
            "global_batch_size": h.global_batch_size,
            "learning_rate": h.learning_rate,
            "max_epochs": options.max_epochs,
        },
        "launcher": "slurm" if options.nodes > 1 else "local",
        "telemetry": {"interval_s": 0.5},  # of write_telemetry
        "devices": {"nodes": options.nodes, "accelerators_per_node": options.accelerators_per_node},
    }
    if options.witness:
        recipe["witness"] = {"url": "http://authority.example/tsr"}
    if options.division == "open":
        recipe["best_of"] = options.best_of or options.runs
    code = layout.code_dir
    write(layout.recipe, yaml.safe_dump(recipe, sort_keys=False))
    write(code / "README.md", "# How to run\n\n`make submit SYSTEM=testbox`\n")
    for script, line in (
        ("setup.sh", "make setup"),
        ("init_datasets.sh", "cloudmask data synthesize --profile quick"),
        ("run_and_time.sh", "cloudmask submit --system testbox"),
    ):
        write(code / script, f"#!/bin/sh\nset -e\n{line}\n")
    companion = {
        "starting_weights_filename": "none: he_normal kernels, zero biases",
        "weight_transformations": "none",
        "weight_data_types": "fp32",
        "input_data_types": "fp32",
        "retraining": "no",
        "notes": "",
    }
    write_json(layout.companion_json(options.implementation), companion)
    write(
        layout.implementation_dir(options.implementation) / "README.md",
        f"The reference implementation, commit {COMMIT}.\n",
    )
    return recipe
