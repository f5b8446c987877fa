"""From the objects of a bucket to the scenes of the data set, whichever names its folders have."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.fetch.bucket import RemoteObject
from reference.protocol.official import EITHER_LAYOUT, TEST_FOLDERS, TRAIN_FOLDERS, test_scene_differences

Role = Literal["train", "test"]
FOLDERS: dict[Role, tuple[str, ...]] = {"train": TRAIN_FOLDERS, "test": TEST_FOLDERS}
SCENE = re.compile(r"(?:S3A|SYN_)[\w.-]*\.hdf", re.ASCII)


@dataclass(frozen=True)
class RemoteScene:
    """One scene in the bucket: what it is for, the folder it is in there, and its file name."""

    role: Role
    folder: str
    name: str
    object: RemoteObject

    @property
    def size_bytes(self) -> int:
        """Its size as listed."""
        return self.object.size_bytes


def scenes_of(objects: Iterable[RemoteObject], prefix: str) -> list[RemoteScene]:
    """The scenes below the prefix: training before test, by file name. Raises ValueError.

    Where a scene is there under both names of its folder, the newer name counts; the sizes have to be equal.
    """
    found: dict[tuple[Role, str], RemoteScene] = {}
    for scene in sorted(_scenes(objects, prefix), key=lambda s: FOLDERS[s.role].index(s.folder)):
        first = found.setdefault((scene.role, scene.name), scene)
        if first.size_bytes != scene.size_bytes:  # ETags of equal contents may differ
            both = f"{first.object.key}, {scene.object.key}"
            raise ValueError(f"{scene.name} is there twice, in two sizes: {both}")
    for role, names in FOLDERS.items():
        if not any(scene.role == role for scene in found.values()):
            raise ValueError(f"no scenes (S3A*.hdf) in {names[0]}/ or {names[-1]}/: {EITHER_LAYOUT} expected")
    return sorted(found.values(), key=lambda s: (s.role != "train", s.name))


def _scenes(objects: Iterable[RemoteObject], prefix: str) -> Iterable[RemoteScene]:
    start = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    roles: dict[str, Role] = {folder: role for role, names in FOLDERS.items() for folder in names}
    for item in objects:
        folder, _, rest = item.key.removeprefix(start).partition("/")
        name = rest.rsplit("/", 1)[-1]
        if folder in roles and SCENE.fullmatch(name):
            yield RemoteScene(roles[folder], folder, name, item)


def sample(scenes: list[RemoteScene], train: int) -> list[RemoteScene]:
    """So many training scenes, and test scenes in proportion (at least one).

    They are spread over the year, and a larger sample includes every smaller one.
    """
    by_role = {role: [s for s in scenes if s.role == role] for role in FOLDERS}
    test = max(1, round(train * len(by_role["test"]) / len(by_role["train"])))
    chosen: list[RemoteScene] = []
    counts: dict[Role, int] = {"train": train, "test": test}
    for role, count in counts.items():
        drawn = sorted(by_role[role], key=lambda s: hashlib.sha256(s.name.encode()).digest())
        chosen += sorted(drawn[:count], key=lambda s: s.name)
    return chosen


def doubts(scenes: list[RemoteScene], train: int, test: int) -> list[str]:
    """What differs from the official data set as it is known: numbers of scenes, and names of test scenes."""
    counts: dict[Role, int] = {role: sum(s.role == role for s in scenes) for role in FOLDERS}
    expected: dict[Role, int] = {"train": train, "test": test}
    lines = [
        f"{counts[role]} {role} scenes listed, {expected[role]} known"
        for role in FOLDERS
        if counts[role] != expected[role]
    ]
    return lines + test_scene_differences(s.name for s in scenes if s.role == "test")
