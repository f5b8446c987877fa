"""Reference convergence points out of finished runs of the reference (docs/sources.md, group I)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from harness.check import check_all
from harness.core.errors import UserError
from harness.core.files import write_json
from rules.facts.reference_points import PointFile, PointRecord, epochs_to_converge
from rules.model.package import Package
from rules.model.run_facts import RunFacts
from rules.model.values import same, show
from rules.ruleset import Ruleset

# settings that make a reference run what it is; the batch size is the point's own key
SETTINGS = ("opt_", "loss_function", "early_stopping_patience", "max_epochs", "target_quality")
PRECISION = "lowest_numerical_precision_in_linear"


@dataclass
class Group:
    """Runs on one data set at one batch size."""

    dataset: str
    batch_size: int
    runs: list[tuple[Package, RunFacts]] = field(default_factory=list)


def needed(ruleset: Ruleset) -> int:
    """Runs that make a point: twice those of a closed submission (TR 13)."""
    return 2 * ruleset.division("closed").runs_minimum


def collect(paths: list[Path], ruleset: Ruleset) -> list[Group]:
    """Runs of these packages by data set and batch size.

    Raises UserError when a package is not compliant, not made by the reference implementation with the
    reference's settings, a selection of more runs, or when a run appears twice. Open entries are accepted.
    """
    groups: dict[tuple[str, int], Group] = {}
    for path in paths:
        for package, verdict in check_all(path, ruleset):
            if verdict.verdict != "compliant":
                raise UserError(f"{path} is not compliant.", f"see `cloudmask check {path}`.")
            why = _no_reference(package, ruleset)
            if why:
                raise UserError(f"{path}: {why}.", "record points from runs of the reference only.")
            for run in package.runs:
                key = (run.settings.value("dataset_digest"), run.settings.value("global_batch_size"))
                groups.setdefault(key, Group(*key)).runs.append((package, run))
    for group in groups.values():
        _refuse_copies(group)
    return [groups[key] for key in sorted(groups)]


def _no_reference(package: Package, ruleset: Ruleset) -> str | None:
    """Why runs of a package show nothing about the reference's convergence; None when they do."""
    recipe = package.recipe or {}
    if not recipe or recipe.get("command") is not None:
        return "another implementation ran"
    if recipe.get("best_of") not in (None, len(package.runs)):
        return "its runs were chosen from more"
    for run in package.runs:
        for key, expected in ruleset.reference.items():
            found = run.settings.get(key)
            if found is not None and not same(found.value, expected):
                return f"{key} is {show(found.value)}, the reference has {show(expected)}"
    return None


def _refuse_copies(group: Group) -> None:
    """A run counted twice makes the reference look steadier than it is."""
    for what, values in (
        ("seed", [run.settings.value("seed") for _, run in group.runs]),
        ("log", [run.log_sha256 for _, run in group.runs]),
    ):
        twice = [v for v, count in Counter(values).items() if count > 1]
        if twice:
            raise UserError(f"Two runs have the same {what} ({twice[0]}).", "name each package once.")


def point(group: Group, ruleset: Ruleset) -> PointRecord:
    """The point of a group. Raises UserError when its runs are too few, differ, or did not converge."""
    name = f"batch size {group.batch_size} on data set {group.dataset[:12]}"
    missing = needed(ruleset) - len(group.runs)
    if missing > 0:
        raise UserError(
            f"{name}: a point needs {needed(ruleset)} runs, there are {len(group.runs)}.",
            f"make {missing} more runs of the reference (`cloudmask submit --org` another folder).",
        )
    epochs = [epochs_to_converge(run) for _, run in group.runs]
    if any(math.isinf(e) for e in epochs):
        raise UserError(f"{name}: a run did not converge.", "a reference has to converge in every run.")
    settings = [_settings(run) for _, run in group.runs]
    if any(s != settings[0] for s in settings):
        raise UserError(f"{name}: the runs have different settings.", "record one recipe at a time.")
    package = group.runs[0][0]
    return PointRecord(
        benchmark=ruleset.benchmark,
        dataset=group.dataset,
        profile=package.dataset.profile if package.dataset else None,
        batch_size=group.batch_size,
        epochs=epochs,
        hyperparameters=settings[0],
        precision=", ".join(sorted({str(run.settings.value(PRECISION)) for _, run in group.runs})),
        practice=package.dataset is not None and package.dataset.synthetic,
        source="recorded by `cloudmask rcp record` from runs of the reference",
        runs=[_origin(package, run, e) for (package, run), e in zip(group.runs, epochs, strict=True)],
    )


def _settings(run: RunFacts) -> dict[str, Any]:
    return {key: found.value for key, found in run.settings.items() if key.startswith(SETTINGS)}


def _origin(package: Package, run: RunFacts, epochs: float) -> dict[str, Any]:
    software = run.record.software if run.record else {}
    return {
        "epochs": epochs,
        "seed": run.settings.value("seed"),
        "system": package.system_name,
        "tensorflow": software.get("tensorflow"),
        "log_sha256": run.log_sha256,
    }


def merge(path: Path, ruleset: Ruleset, points: list[PointRecord]) -> list[PointRecord]:
    """Write points to a file, beside those of other data sets and batch sizes that it has.

    Returns all of them. Raises UserError when the file does not hold points, or those of another ruleset.
    """
    known: list[PointRecord] = []
    if path.exists():
        try:
            before = msgspec.json.decode(path.read_bytes(), type=PointFile)
        except (OSError, ValueError):
            raise UserError(f"{path} is not a file of convergence points.", "choose another --out.") from None
        if before.ruleset != ruleset.name:
            raise UserError(f"{path} belongs to {before.ruleset}.", "choose another --out.")
        known = before.points
    new = {_key(p) for p in points}
    merged = sorted([*points, *(p for p in known if _key(p) not in new)], key=_key)
    content = PointFile(schema=1, ruleset=ruleset.name, points=merged)
    write_json(path, msgspec.to_builtins(content))
    return merged


def _key(record: PointRecord) -> tuple[str, str, int]:
    return record.benchmark, record.dataset or "", record.batch_size
