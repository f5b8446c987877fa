"""The last files of a package: companion JSON, the implementation's README, and the manifest over all."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.files import write_json
from harness.package.manifest import write_manifest
from rules.model.layout import PackageLayout


@dataclass(frozen=True)
class Implementation:
    """What a package says about the code that was run."""

    name: str
    command: list[str]
    reference: bool  # the reference implementation, not the submitter's own
    commit: str | None  # of the harness and the reference; None outside a checkout
    precision: str  # precision policy of the recipe


def seal_package(layout: PackageLayout, implementation: Implementation) -> None:
    """Write what the package needs beside its runs, then the manifest over everything.

    A README that is already there is kept. Raises UserError when the manifest cannot be written.
    """
    write_json(layout.companion_json(implementation.name), _companion(implementation))
    readme = layout.implementation_dir(implementation.name) / "README.md"
    if not readme.exists():
        readme.parent.mkdir(parents=True, exist_ok=True)
        readme.write_text(_readme(implementation))
    write_manifest(layout.root)


def _companion(implementation: Implementation) -> dict[str, str]:
    """<system>_<implementation>.json (Submission rules 5.8)."""
    return {
        "starting_weights_filename": "none: weights start from he_normal kernels and zero biases",
        "weight_transformations": "none",
        "weight_data_types": "fp32",
        "input_data_types": "fp32",
        "retraining": "no",
        "notes": f"precision policy {implementation.precision}",
    }


def _readme(implementation: Implementation) -> str:
    whose = (
        "the reference implementation of cloudmask-harness"
        if implementation.reference
        else "the submitter's own"
    )
    commit = f", commit {implementation.commit}" if implementation.commit else ""
    started = " ".join(implementation.command)
    return f"# {implementation.name}\n\nThis is {whose}{commit}.\n\nStarted as: `{started}`\n"
