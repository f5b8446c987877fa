"""The data set of a package on the reviewer's disk, for what is computed again: found by name, compared by content."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import WrongData
from harness.core.files import sha256
from reference.protocol.official import TRAIN_FOLDERS
from rules.model.package import Dataset, DatasetFile

if TYPE_CHECKING:
    from reference.protocol.spec import Geometry

MAX_SIDE, MAX_PATCH, MAX_PATCHES = 20_000, 1024, 2_000_000
NAME_IT = "name the data set that the runs used with --data."

Progress = Callable[[str, int, int], None]


def data_section(dataset: Dataset, folder: Path, progress: Progress) -> dict[str, Any]:
    """A run spec's data section with the local files, in the order of their names: the split goes by it.

    All scenes are compared by content. Raises WrongData when they are not the package's.
    """
    from reference.data.split import split_patches
    from reference.protocol.spec import Geometry, Split

    try:
        geometry, split = Geometry(**dataset.geometry), Split(**dataset.split)
        _bounded(geometry, len(dataset.train))
        split_patches(len(dataset.train), geometry, split)
    except (TypeError, ValueError) as error:
        raise WrongData(
            f"dataset.json does not describe a data set ({error}).", "see `cloudmask check`."
        ) from None
    places = _Places(folder, dataset.profile)
    files = [*in_order(dataset.train), *in_order(dataset.test)]
    paths = [places.find(file) for file in files]
    for number, (path, file) in enumerate(zip(paths, files, strict=True), 1):
        if sha256(path) != file.sha256:
            raise WrongData(f"{path} has other content than the package describes.", NAME_IT)
        progress("comparing the scenes with the package's description", number, len(files))
    names = [str(path.absolute()) for path in paths]
    return {
        "profile": dataset.profile,
        "digest": dataset.digest,
        "train_files": names[: len(dataset.train)],
        "test_files": names[len(dataset.train) :],
        "geometry": dataset.geometry,
        "split": dataset.split,
    }


def in_order(files: Sequence[DatasetFile]) -> list[DatasetFile]:
    """Scenes by file name, whatever folders they are in: as `find_scenes` gives them to a run."""
    return sorted(files, key=lambda file: file.name.rsplit("/", 1)[-1])


def fitting_section(dataset: Dataset, folders: Sequence[Path], progress: Progress) -> dict[str, Any]:
    """`data_section` of the first of these folders that fits. Raises WrongData, about the first, where none does."""
    reasons = []
    for folder in folders:
        try:
            return data_section(dataset, folder, progress)
        except WrongData as error:
            reasons.append(error)
    raise reasons[0]


def _bounded(geometry: Geometry, scenes: int) -> None:
    """Refuse sizes that would only fill the memory: dataset.json is untrusted. Raises ValueError."""
    sides = (geometry.scene_height, geometry.scene_width, geometry.patch_size)
    if not all(isinstance(s, int) and 8 <= s <= MAX_SIDE for s in sides):
        raise ValueError(f"sides of {min(sides)} to {max(sides)} pixels")
    if geometry.patch_size > MAX_PATCH or geometry.patches_per_scene * scenes > MAX_PATCHES:
        raise ValueError("patches too large or too many")


class _Places:
    """Where the scenes of a description lie below a folder: under their own name, else by file name."""

    def __init__(self, folder: Path, profile: str) -> None:
        inner = folder / profile
        bare = not any((folder / name).is_dir() for name in TRAIN_FOLDERS)
        self._folder = inner if bare and _is_name(profile, inner) else folder
        self._by_name: dict[str, Path] | None = None
        if not self._folder.is_dir():
            raise WrongData(f"{folder} is not a folder.", "name the data set's folder with --data.")

    def find(self, file: DatasetFile) -> Path:
        parts = Path(file.name).parts
        if not parts or ".." in parts or Path(file.name).is_absolute():
            raise WrongData(f"dataset.json names a file outside of the data set: {file.name[:80]!r}.")
        path = self._folder.joinpath(*parts)
        found = path if os.path.isfile(path) else self._known().get(parts[-1])
        if found is None:
            raise WrongData(f"{self._folder} has no scene {file.name[:200]}.", NAME_IT)
        return found

    def _known(self) -> dict[str, Path]:
        if self._by_name is None:
            self._by_name = {p.name: p for p in sorted(self._folder.glob("**/S*.hdf"))}
        return self._by_name


def _is_name(profile: str, inner: Path) -> bool:
    return Path(profile).name == profile and os.path.isdir(inner)  # False for a name no disk can hold
