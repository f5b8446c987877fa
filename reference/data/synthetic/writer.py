"""Writing synthetic data sets scene by scene: files are written atomically, and finished ones are kept."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from reference.data.dataset import TEST_FOLDER, TRAIN_FOLDER
from reference.data.files import write_json
from reference.data.profiles import Profile, get_profile
from reference.data.scenes import holds_scenes, named_as_synthetic, open_scene
from reference.data.synthetic.scene import SyntheticScene, make_scene
from reference.data.synthetic.style import style_of

DESCRIPTION = "dataset.json"
NOTE = "Computed, not observed: made to look and train like SLSTR scenes, not to measure with."

Progress = Callable[[int, int, str], None]  # done, total, name of the file just done


@dataclass(frozen=True)
class PlannedFile:
    """A scene file to write: its number, which determines its content, and its path in the profile's folder."""

    number: int
    path: str


def planned_files(profile: Profile, seed: int, scenes: int | None = None) -> list[PlannedFile]:
    """Training files, then test files. `scenes` replaces the number of training scenes."""
    train = scenes if scenes is not None else profile.train_scenes
    files = []
    for number in range(train + profile.test_scenes):
        folder = TRAIN_FOLDER if number < train else TEST_FOLDER
        # Test scenes have the same numbers, and so the same content, with any number of training scenes.
        identity = number if number < train else 100_000 + number - train
        files.append(PlannedFile(identity, f"{folder}/{scene_name(seed, identity)}"))
    return files


def scene_name(seed: int, number: int) -> str:
    """A file name that cannot be taken for one of the mission; names sort as numbers do."""
    return f"SYN_seed{seed}_scene{number:06d}.hdf"


def synthesize(
    profile: str | Profile,
    root: Path | str,
    seed: int = 1,
    scenes: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the scenes of a synthetic profile into root/<profile>. Returns that folder.

    Finished files are skipped, so that an interrupted call can be repeated. Raises ValueError when
    the profile is not synthetic, `scenes` is too small, or the folder contains another set (another
    seed or number of scenes); OSError when it cannot be written.
    """
    profile = get_profile(profile) if isinstance(profile, str) else profile
    if not profile.synthetic:
        raise ValueError(f"profile {profile.name} is not synthetic: its scenes have to be downloaded")
    if scenes is not None and scenes < 2:
        raise ValueError(
            f"training scenes: {scenes}, but at least 2 are needed, one to train and one to validate"
        )
    if seed < 0:
        raise ValueError(f"seed {seed}: 0 or more expected")
    folder = Path(root) / profile.name
    files = planned_files(profile, seed, scenes)
    style = style_of(profile.name)
    description = _describe(profile, seed, len(files) - profile.test_scenes)
    _require_same(folder, description)
    _drop_outdated(folder, profile.name)
    write_json(folder / DESCRIPTION, {**description, "complete": False})
    for done, file in enumerate(files, 1):
        path = folder / file.path
        if not _is_whole(path, seed, profile):
            rng = np.random.default_rng([seed, file.number])
            shape = (profile.geometry.scene_height, profile.geometry.scene_width)
            write_scene(path, make_scene(rng, shape, file.number, style), seed, style.version)
        if progress:
            progress(done, len(files), path.name)
    write_json(folder / DESCRIPTION, {**description, "complete": True})
    return folder


def _is_whole(path: Path, seed: int, profile: Profile) -> bool:
    """Whether this scene was written to its end, and has not been cut or changed into something else since."""
    height, width = profile.geometry.scene_height, profile.geometry.scene_width
    if not path.exists():
        return False
    try:
        with open_scene(path) as scene:
            scene.require(height, width).check_values()
            return scene.attribute("seed") == seed and _is_current(
                scene.attribute("generator_version"), profile.name
            )
    except (ValueError, OSError):
        return False


def _is_current(version: object, profile: str) -> bool:
    return bool(version == style_of(profile).version)


def is_complete(folder: Path) -> bool:
    """Whether this version of `synthesize` has finished this folder, as its description states."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
    except (OSError, ValueError):
        return False
    return (
        isinstance(description, dict)
        and description.get("complete") is True
        and _is_current(description.get("generator_version"), str(description.get("profile")))
    )


def synthesize_command(folder: Path, profile: str) -> str:
    """The command that makes this folder, with the seed and the number of scenes that it was made with."""
    try:
        said = json.loads((folder / DESCRIPTION).read_text())
        seed, scenes = int(said["seed"]), int(said["train_scenes"])
    except (OSError, ValueError, KeyError, TypeError):
        seed, scenes = 1, None
    words = ["cloudmask", "data", "synthesize", "--profile", profile]
    if seed != 1:
        words += ["--seed", str(seed)]
    if scenes is not None and scenes != get_profile(profile).train_scenes:
        words += ["--scenes", str(scenes)]
    if folder.parent != Path("data"):
        words += ["--out", str(folder.parent)]
    return shlex.join(words)


def write_scene(path: Path, scene: SyntheticScene, seed: int, version: int) -> None:
    """Write one scene file atomically: under a temporary name, which is then replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(temporary, "w", locking=False) as file:
            file["refs"], file["bts"], file["bayes"] = scene.refs, scene.bts, scene.bayes
            file["surface"] = scene.surface
            file.attrs.update(
                synthetic=True,
                seed=seed,
                generator_version=version,
                daylight=scene.place.daylight,
                latitude=scene.place.latitude,
                longitude=scene.place.longitude,
                weather=scene.weather,
                surface_classes="0 ocean, 1 land, 2 ice",
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _describe(profile: Profile, seed: int, train_scenes: int) -> dict[str, object]:
    return {
        "schema": 1,
        "profile": profile.name,
        "synthetic": True,
        "note": NOTE,
        "seed": seed,
        "generator_version": style_of(profile.name).version,
        "train_scenes": train_scenes,
        "test_scenes": profile.test_scenes,
        "geometry": asdict(profile.geometry),
    }


def _require_same(folder: Path, description: dict[str, object]) -> None:
    """Refuse to mix two sets in one folder, or to write into a folder with other scenes. Raises ValueError."""
    path = folder / DESCRIPTION
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        if holds_scenes(folder):
            raise ValueError(
                f"{folder} contains scenes that were not synthesized ({DESCRIPTION} is missing)"
            ) from None
        return
    except ValueError:
        raise ValueError(f"{path} is not valid JSON: remove the folder to make the scenes again") from None
    outdated = isinstance(found, dict) and found.get("generator_version") != description["generator_version"]
    # The number and size of scenes may have changed with the version; the seed is the user's choice.
    for key in ("seed",) if outdated else ("seed", "train_scenes", "test_scenes", "geometry"):
        if not isinstance(found, dict) or found.get(key) != description[key]:
            had = found.get(key) if isinstance(found, dict) else None
            raise ValueError(
                f"{folder} contains another synthetic set ({key} {had}, not {description[key]}): "
                "remove it or choose another folder"
            )


def _drop_outdated(folder: Path, profile: str) -> None:
    """Remove scenes that an earlier version of this generator made: they can be made again."""
    try:
        version = json.loads((folder / DESCRIPTION).read_text()).get("generator_version")
    except FileNotFoundError:
        return
    if not _is_current(version, profile):
        for part in (TRAIN_FOLDER, TEST_FOLDER):
            for path in (folder / part).glob("*.hdf"):
                if named_as_synthetic(path.name):
                    path.unlink()
