"""From a recipe's data section to a described data set: known profiles, own folders, file lists."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.core.errors import UserError
from harness.package.workspace import Workspace, official_data
from harness.plan.recipe import DataRecipe
from reference.data import dataset as sets
from reference.data.profiles import PROFILES
from reference.data.shards import verify_prepared
from reference.protocol.spec import Geometry, Split

OFFICIAL_HELP = (
    "set CLOUDMASK_DATA to the folder with one-day/ and ssts/ (180 GB; README, Official data), "
    "or try SYSTEM=local, which needs none of it."
)


def is_synthetic(data: DataRecipe) -> bool:
    """Whether the harness can make this data set itself."""
    profile = PROFILES.get(data.profile)
    return data.directory is None and profile is not None and profile.synthetic


def directory_of(data: DataRecipe, workspace: Workspace) -> Path:
    """The data set's folder. Raises UserError when nothing says where it is."""
    if data.directory:
        return Path(data.directory).expanduser()
    if is_synthetic(data):
        return workspace.data / data.profile
    if data.profile == "official":
        folder = official_data()
        if folder is None:
            raise UserError("The official data set's place is not known.", OFFICIAL_HELP)
        return folder
    raise UserError(
        f"Unknown data profile '{data.profile}'.",
        f"use one of {', '.join(PROFILES)}, or give data.directory and data.geometry in the recipe.",
    )


def geometry_of(data: DataRecipe) -> Geometry:
    """The recipe's geometry, else the profile's. Raises UserError when neither says."""
    if data.geometry:
        return Geometry(**data.geometry.model_dump())
    if data.profile in PROFILES:
        return PROFILES[data.profile].geometry
    raise UserError(
        f"Data profile '{data.profile}' has no known geometry.", "give data.geometry in the recipe."
    )


def describe(data: DataRecipe, workspace: Workspace, progress: sets.Progress | None = None) -> sets.Described:
    """Find, check and hash the data set. Raises UserError when it is missing, wrong or unreadable."""
    root = directory_of(data, workspace)
    try:
        paths = _paths(data, root)
        found = sets.describe(
            paths, data.profile, geometry_of(data), Split(**data.split.model_dump()), progress=progress
        )
    except ValueError as error:
        raise UserError(f"{error}.", how_to_get(data)) from None
    if data.prepared is not None:
        found = with_prepared(found, Path(data.prepared).expanduser(), progress)
    words = data.description or found.dataset.description
    dataset = dataclasses.replace(found.dataset, root=shown_path(paths.root), description=words)
    return dataclasses.replace(found, dataset=dataset)


def with_prepared(
    found: sets.Described, folder: Path, progress: sets.Progress | None = None
) -> sets.Described:
    """The data set, its training patches to be read from shards. Raises UserError when these do not fit."""
    try:
        prepared = verify_prepared(folder, found, progress)
    except ValueError as error:
        raise UserError(
            f"{error}.", f"make it anew: cloudmask data prepare --out {folder}, or drop data.prepared."
        ) from None
    data = dataclasses.replace(found.data, prepared=str(folder), prepared_digest=prepared.digest)
    return dataclasses.replace(found, data=data)


def _paths(data: DataRecipe, root: Path) -> sets.DatasetPaths:
    if data.train is None and data.test is None:
        return sets.locate(root)
    for name in [*(data.train or []), *(data.test or [])]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name} leaves data.directory")
    return sets.locate_files([root / n for n in data.train or []], [root / n for n in data.test or []])


def how_to_get(data: DataRecipe) -> str:
    if is_synthetic(data):
        return f"make it again: cloudmask data synthesize --profile {data.profile}"
    if data.profile == "official" and not data.directory:
        return OFFICIAL_HELP
    return "correct the data section of the recipe."


def shown_path(path: Path | str) -> str:
    """A path as evidence shows it: relative to the working directory when below it."""
    path = Path(path)
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
