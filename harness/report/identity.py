"""Who submitted what, and on which data: the head of a report."""

from __future__ import annotations

from typing import Any

from harness.report.curves import logged
from harness.report.drawing.labels import OFFICIAL, OWN, STATUSES, SYNTHETIC, division_name
from harness.report.drawing.text import clean, whole
from harness.report.model import DatasetCard, Identity
from reference.protocol.official import SAMPLE_PROFILE
from rules.model.layout import BENCHMARK
from rules.model.package import Dataset, Package


def identity(package: Package) -> Identity:
    """Who submitted what: as the logs state it, else as the system description does."""
    fields = package.system.fields if package.system and isinstance(package.system.fields, dict) else {}
    division = clean(package.division or _logged(package, "submission_division"), 40).lower()
    status = clean(_logged(package, "submission_status"), 60)
    nodes = _count(_logged(package, "number_of_nodes"), fields.get("number_of_nodes"))
    per_node = _count(_logged(package, "accelerators_per_node"), fields.get("accelerators_per_node"))
    benchmark = clean(package.benchmark, 60) or BENCHMARK
    plan = package.plan if isinstance(package.plan, dict) else {}
    return Identity(
        org=clean(package.org, 200),
        system=clean(package.system_name, 200) or "system not named",
        benchmark=benchmark,
        division=division,
        division_name=division_name(division, benchmark),
        status=STATUSES.get(status.lower(), status),
        implementation=clean(plan.get("implementation"), 100),
        precision=clean(_logged(package, "lowest_numerical_precision_in_linear"), 60),
        framework=clean(fields.get("framework"), 200),
        nodes=nodes,
        accelerators=nodes * per_node if nodes is not None and per_node is not None else None,
        accelerator=clean(fields.get("accelerator_model_name"), 200),
        global_batch_size=whole(_logged(package, "global_batch_size")),
        commit=clean(_logged(package, "submission_github_commit_version"), 64),
    )


def _logged(package: Package, key: str) -> Any:
    """The value of the first run whose log states one."""
    return next((v for run in package.runs if (v := logged(run, key)) is not None), None)


def _count(*stated: Any) -> int | None:
    for value in stated:
        number = (
            int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else whole(value)
        )
        if number is not None and 0 <= number < 10**9:
            return number
    return None


def dataset_card(dataset: Dataset | None) -> DatasetCard | None:
    """The data set, and what kind of data it is; None when the package does not state one."""
    if dataset is None:
        return None
    profile = clean(dataset.profile, 80)
    kind = SYNTHETIC if dataset.synthetic else OFFICIAL if profile == "official" else OWN
    labels = {
        SYNTHETIC: f"SYNTHETIC data, profile {profile}: generated scenes, not satellite images",
        OFFICIAL: "official Sentinel-3 SLSTR scenes of the benchmark, as declared in the package",
        OWN: f"a part of the official scenes, {profile}: not the official data set"
        if profile == SAMPLE_PROFILE
        else f"the submitter's own data set, {profile}: neither official nor synthetic",
    }
    shape = dataset.geometry if isinstance(dataset.geometry, dict) else {}
    sides = [whole(shape.get(name)) for name in ("scene_height", "scene_width", "patch_size")]
    geometry = f"{sides[0]} × {sides[1]} pixels, patches of {sides[2]}" if None not in sides else ""
    return DatasetCard(
        profile=profile,
        synthetic=bool(dataset.synthetic),
        kind=kind,
        label=labels[kind],
        digest=clean(dataset.digest, 64),
        geometry=geometry,
        patch_size=sides[2] if sides[2] and 0 < sides[2] <= 10_000 else None,
        train_scenes=len(dataset.train),
        test_scenes=len(dataset.test),
        train_samples=whole(dataset.train_samples),
        eval_samples=whole(dataset.eval_samples),
        description=clean(dataset.description),
    )
