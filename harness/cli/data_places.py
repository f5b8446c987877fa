"""Where data sets lie, and what they are: shared by the `cloudmask data` commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from harness.cli.bars import progress_bar
from harness.core.errors import UserError
from harness.plan.datasets import shown_path
from reference.data.dataset import DatasetPaths, Described, describe, locate, locate_files
from reference.data.profiles import PROFILES, Profile
from reference.data.synthetic import synthesize_command
from reference.protocol.dataset import Dataset, DatasetFile
from reference.protocol.official import EITHER_LAYOUT, SAMPLE_PROFILE, test_scene_differences
from reference.protocol.spec import Geometry, Split

DATA_VARIABLE = "CLOUDMASK_DATA"
DEFAULT_ROOT = Path("data")
OFFICIAL = PROFILES["official"]


def data_folder(profile: Profile, folder: Path | None) -> Path:
    """The folder of a profile's scenes: as given, else $CLOUDMASK_DATA (official) or data/<profile>.

    Raises UserError when the official data set's folder is not known.
    """
    if folder is not None:
        return folder
    if profile.name != "official":
        return DEFAULT_ROOT / profile.name
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        raise UserError(
            "The official data set's folder is not known.",
            f"pass --data FOLDER or set {DATA_VARIABLE} (the folder with {EITHER_LAYOUT}); "
            "to download it: cloudmask data fetch.",
        )
    return Path(named)


def _how_to_get(profile: Profile, where: Path) -> str:
    """What to do where a folder is not the data set that it should be."""
    if profile.synthetic and where.name == profile.name:
        return f"make it: {synthesize_command(where, profile.name)}"
    if profile.synthetic:
        made = f"cloudmask data synthesize --profile {profile.name}"
        return f"name the folder of a data set with --data; one is made by: {made}"
    if profile.name == SAMPLE_PROFILE:
        return "fetch it: cloudmask data fetch --scenes 20."
    return (
        f"pass --data FOLDER or set {DATA_VARIABLE} to the folder with {EITHER_LAYOUT}; "
        "to download it: cloudmask data fetch."
    )


def describe_profile(profile: Profile, folder: Path | None) -> Described:
    """Describe a profile's data set, with a progress bar while files are hashed. Raises UserError."""
    where = data_folder(profile, folder)
    with user_errors(_how_to_get(profile, where)):
        paths = locate(where)
        with bar("Hashing") as step:
            found = describe(paths, profile.name, profile.geometry, progress=step)
    for difference in official_differences(paths) if profile is OFFICIAL else []:
        click.echo(f"note: not the official data set: {difference}", err=True)
    return replace(found, dataset=replace(found.dataset, root=shown_path(paths.root)))


def read_manifest(path: Path) -> Dataset:
    """The data set that a manifest describes. Raises UserError when the file is not a manifest."""
    try:
        raw = json.loads(path.read_text())
        lists = {kind: [DatasetFile(**file) for file in raw[kind]] for kind in ("train", "test")}
        dataset = Dataset(**{**raw, **lists})
        Geometry(**dataset.geometry), Split(**dataset.split)
        return dataset
    except OSError as error:
        raise UserError(
            f"Cannot read {path}: {error.strerror}.",
            "pass a manifest that `cloudmask data manifest` wrote.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not the manifest of a data set.", "write one: cloudmask data manifest --out FILE."
        ) from error


def locate_like(expected: Dataset, root: Path) -> DatasetPaths:
    """The files below `root` of a described data set, whether it was given as folders or as a list."""
    if any("/" in file.name for file in expected.train):
        return locate(root)
    train = [root / file.name for file in expected.train if (root / file.name).is_file()]
    test = [root / file.name for file in expected.test if (root / file.name).is_file()]
    return locate_files(train, test)


@contextmanager
def user_errors(fix: str) -> Iterator[None]:
    """Turn the reference's ValueErrors and OSErrors into UserErrors with this fix."""
    try:
        yield
    except ValueError as error:
        denied = isinstance(error.__cause__, PermissionError)
        raise UserError(f"{error}.", "see who may read it: ls -ld." if denied else fix) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UserError(f"{where}{error.strerror or error}.", fix) from error


def official_differences(paths: DatasetPaths) -> list[str]:
    """How a folder differs from the official data set as it is known: number of scenes, names for testing."""
    problems = []
    for kind, found, known in (
        ("training", len(paths.train), OFFICIAL.train_scenes),
        ("test", len(paths.test), OFFICIAL.test_scenes),
    ):
        if found != known:
            problems.append(f"{found} {kind} scenes, the official data set has {known}")
    return problems + test_scene_differences(path.name for path in paths.test)


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar. Yields a function of done, total and name."""
    with progress_bar() as step:
        yield lambda done, total, name: step(title, done, total)
