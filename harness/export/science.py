"""The Science group's layout: {organization}/cloudmask/{system}/{descriptor}/, as docs/sources.md lists it (K8, K9).

One self-contained folder: result-<n>.txt (MLLOG, unchanged), config.yaml, README.md.
"""

from __future__ import annotations

from typing import Any

import yaml

from harness.export.content import Content
from harness.report.drawing.text import clean
from harness.score.model import Score
from rules.model.layout import BENCHMARK
from rules.model.package import Package
from rules.model.run_facts import RunFacts

NOT_STATED = "not stated"
_CODE = {
    "version": "submission_version",
    "commit": "submission_github_commit_version",
}
HYPERPARAMETERS = (
    "global_batch_size",
    "max_epochs",
    "target_quality",
    "early_stopping_patience",
    "loss_function",
    "opt_name",
    "opt_base_learning_rate",
    "opt_adam_beta_1",
    "opt_adam_beta_2",
    "opt_adam_epsilon",
    "opt_weight_decay",
    "lowest_numerical_precision_in_linear",
)
Code = dict[str, str | None]  # repository, branch, tag: as told; None where nobody said


def science_files(
    package: Package, content: Content, descriptor: str, code: Code, score: Score, target: float
) -> Content:
    """The folder's files, by path below the exported folder."""
    folder = f"{package.org}/{BENCHMARK}/{package.system_name}/{descriptor}"
    made: Content = {}
    for run in package.runs:
        made[f"{folder}/result-{run.index}.txt"] = content[run.path]
    made[f"{folder}/config.yaml"] = yaml.safe_dump(
        config(package, descriptor, code), sort_keys=False, allow_unicode=True
    ).encode()
    made[f"{folder}/README.md"] = readme(package, descriptor, score, target).encode()
    return made


def config(package: Package, descriptor: str, code: Code) -> dict[str, Any]:
    """Repository, branch, version and tag, how to get the data, and all hyperparameters (K8, E17, D14)."""
    first = package.runs[0] if package.runs else None
    dataset = package.dataset
    return {
        "name": BENCHMARK,
        "descriptor": descriptor,
        "submitter": package.org,
        "system": package.system_name,
        "division": package.division or NOT_STATED,
        "code": {**{k: v or NOT_STATED for k, v in code.items()}, **_stated(first, _CODE)},
        "data": {
            "name": dataset.profile if dataset else NOT_STATED,
            "version": f"sha256:{dataset.digest}" if dataset else NOT_STATED,
            "synthetic": dataset.synthetic if dataset else NOT_STATED,
            "fetch": _fetch(package),
            "address": "s3://sciml-datasets/es/cloud_slstr_ds1 at https://s3.echo.stfc.ac.uk"
            if dataset and not dataset.synthetic
            else "made by the command above",
        },
        "hyperparameters": _stated(first, {key: key for key in HYPERPARAMETERS}),
        "seeds": [seed.value for run in package.runs for seed in run.seeds],
    }


def missing(package: Package, code: Code) -> list[str]:
    """What the Science group asks for and neither the package nor the caller says."""
    found = [f"config.yaml: {name} of the code (--{name})" for name, value in code.items() if not value]
    if package.dataset is None:
        found.append("config.yaml: the data set (there is no evidence/.../dataset.json)")
    return [*found, "the report as PDF, which explains the descriptor (K9): write it by hand"]


def readme(package: Package, descriptor: str, score: Score, target: float) -> str:
    """Its first table puts the measured value beside the reference value (F6)."""
    rows = [
        f"| {run.index} | {_number(_accuracy(run))} | {target} | {_number(run.time_to_train_s)} | {_status(run)} |"
        for run in package.runs
    ]
    synthetic = package.dataset is not None and package.dataset.synthetic
    scored = f"{score.time_to_train_s:.3f} s" if score.time_to_train_s is not None else "none"
    note = f"; {clean(score.note)}" if score.note else ""
    return "\n".join(
        [
            f"# CloudMask: {clean(package.org)}, {clean(str(package.system_name))}, {clean(descriptor)}",
            "",
            "| run | accuracy (validation, threshold 0.5) | reference value | time to train, s | status |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Score: {scored} ({clean(score.method)}{note}). Unverified: not reviewed by MLCommons.",
            *(["", "**Synthetic scenes**, not the official data."] if synthetic else []),
            "",
            "Exported by cloudmask-harness from a package with evidence. How to repeat it:",
            "config.yaml names code, data and hyperparameters.",
            "",
        ]
    )  # fmt: skip


def _fetch(package: Package) -> str:
    profile = clean(package.dataset.profile, 40) if package.dataset else "official"
    verb = "synthesize" if package.dataset and package.dataset.synthetic else "fetch"
    return f"cloudmask data {verb} --profile {profile}"


def _stated(run: RunFacts | None, keys: dict[str, str]) -> dict[str, Any]:
    values = {name: run.settings.value(key) if run else None for name, key in keys.items()}
    plain = (str, int, float, bool)
    return {name: value if isinstance(value, plain) else NOT_STATED for name, value in values.items()}


def _accuracy(run: RunFacts) -> float | None:
    return run.last_evaluation.value if run.last_evaluation else None


def _status(run: RunFacts) -> str:
    return clean(run.status, 40) or NOT_STATED


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
