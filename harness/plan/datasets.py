"""From a recipe's data section to a described data set: known profiles, own folders, file lists."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import UserError
from harness.package.workspace import Workspace, official_data
from harness.plan.recipe import DataRecipe
from reference.data import dataset as sets
from reference.data.profiles import PROFILES
from reference.data.shards import verify_prepared
from reference.data.synthetic import is_complete, synthesize, synthesize_command
from reference.protocol.official import EITHER_LAYOUT, SAMPLE_PROFILE
from reference.protocol.spec import Geometry, Split

OFFICIAL_HELP = (
    f"set CLOUDMASK_DATA to the folder with {EITHER_LAYOUT}; `cloudmask data fetch` downloads it (180 GB; "
    "README, Official data). Or try SYSTEM=local, which needs none of it."
)


@dataclass(frozen=True)
class Located:
    """A data set that is there, but has not been read yet."""

    folder: Path


@dataclass(frozen=True)
class Missing:
    """A data set, or a part of it, that is not there, and how to get it."""

    what: str
    fix: str


def look_for(data: DataRecipe, workspace: Workspace) -> Located | Missing:
    """Whether the folders of the data set are there; nothing in them is read."""
    try:
        folder = directory_of(data, workspace)
    except UserError as error:
        return Missing(error.message, error.fix or "correct the data section of the recipe.")
    if is_synthetic(data) and not is_complete(folder):
        return Missing(
            f"{folder} is not made yet.",
            f"submit makes it, or now: {synthesize_command(folder, data.profile)}",
        )
    if not folder.is_dir():
        return Missing(f"There is no folder {folder}.", how_to_get(data, folder))
    if data.prepared is not None and not Path(data.prepared).expanduser().is_dir():
        return Missing(f"There is no folder {data.prepared}.", _how_to_prepare(data.prepared))
    return Located(folder)


def synthesize_if_missing(
    data: DataRecipe, workspace: Workspace, progress: sets.Progress | None = None
) -> bool:
    """Make the data set if it is a synthetic one that is not complete. True when something was made.

    Raises UserError when its folder holds something else.
    """
    if not is_synthetic(data) or is_complete(directory_of(data, workspace)):
        return False
    try:
        synthesize(data.profile, workspace.data, progress=progress)
    except ValueError as error:
        raise UserError(f"{error}.", "move that folder away.") from None
    return True


def is_synthetic(data: DataRecipe) -> bool:
    """Whether the harness can make this data set itself."""
    profile = PROFILES.get(data.profile)
    return data.directory is None and profile is not None and profile.synthetic


def directory_of(data: DataRecipe, workspace: Workspace) -> Path:
    """The data set's folder. Raises UserError when it is not known."""
    if data.directory:
        return Path(data.directory).expanduser()
    if is_synthetic(data):
        return workspace.data / data.profile
    if data.profile == "official":
        folder = official_data()
        if folder is None:
            raise UserError("The folder of the official data set is not known.", OFFICIAL_HELP)
        return folder
    if data.profile in PROFILES:  # a sample of the official scenes
        return workspace.data / data.profile
    raise UserError(
        f"Unknown data profile '{data.profile}'.",
        f"use one of {', '.join(PROFILES)}, or give data.directory and data.geometry in the recipe.",
    )


def geometry_of(data: DataRecipe) -> Geometry:
    """The recipe's geometry, else the profile's. Raises UserError when there is neither."""
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
        raise UserError(f"{error}.", how_to_get(data, root)) from None
    if data.prepared is not None:
        found = with_prepared(found, Path(data.prepared).expanduser(), progress)
    description = data.description or found.dataset.description
    dataset = dataclasses.replace(found.dataset, root=shown_path(paths.root), description=description)
    return dataclasses.replace(found, dataset=dataset)


def with_prepared(
    found: sets.Described, folder: Path, progress: sets.Progress | None = None
) -> sets.Described:
    """The data set with its training patches read from shards. Raises UserError when these do not match."""
    try:
        prepared = verify_prepared(folder, found, progress)
    except ValueError as error:
        raise UserError(f"{error}.", _how_to_prepare(folder)) from None
    data = dataclasses.replace(found.data, prepared=str(folder), prepared_digest=prepared.digest)
    return dataclasses.replace(found, data=data)


def _paths(data: DataRecipe, root: Path) -> sets.DatasetPaths:
    if data.train is None and data.test is None:
        return sets.locate(root)
    for name in [*(data.train or []), *(data.test or [])]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name} leaves data.directory")
    return sets.locate_files([root / n for n in data.train or []], [root / n for n in data.test or []])


def how_to_get(data: DataRecipe, folder: Path) -> str:
    """Advice for somebody whose data set in that folder is missing or wrong."""
    if is_synthetic(data):
        return f"make it again: {synthesize_command(folder, data.profile)}"
    if data.profile == "official" and not data.directory:
        return OFFICIAL_HELP
    if data.profile == SAMPLE_PROFILE and not data.directory:
        return "fetch it: cloudmask data fetch --scenes 20"
    return "correct the data section of the recipe."


def _how_to_prepare(folder: Path | str) -> str:
    return f"make it again: cloudmask data prepare --out {folder}, or remove data.prepared from the recipe."


def shown_path(path: Path | str) -> str:
    """A path as evidence shows it: relative to the working directory when below it."""
    path = Path(path)
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
