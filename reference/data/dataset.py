"""Finding, describing and verifying data sets: files with their SHA-256, split, and a digest over all.

Hashing 180 GB takes minutes, so digests are cached by size and modification time (nanoseconds);
`verify` ignores the cache and hashes every file again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from reference.data.files import file_sha256, write_json
from reference.data.scenes import PATTERNS, check_scene, find_scenes, holds_scenes, open_scene
from reference.data.split import split_patches
from reference.protocol.dataset import Dataset, DatasetFile
from reference.protocol.official import EITHER_LAYOUT, TEST_FOLDERS, TRAIN_FOLDERS
from reference.protocol.spec import Data, Geometry, Split

TRAIN_FOLDER = "one-day"  # in synthetic sets, and in the names that digests cover
TEST_FOLDER = "ssts"
CACHE_NAME = ".cloudmask-hashes.json"
CACHE_SCHEMA = 3  # what is kept of a file: 3 has more kinds of oddities than 2
_SUFFIXES = (".hdf", ".hdf5", ".h5", ".he5", ".nc", ".nc4")

Progress = Callable[[int, int, str], None]  # done, total, name of the file just done
T = TypeVar("T")


@dataclass(frozen=True)
class DatasetPaths:
    """Scene files of a data set, absolute and in order, and their names in its description."""

    root: Path
    train: list[Path]
    test: list[Path]
    train_names: list[str]
    test_names: list[str]


@dataclass(frozen=True)
class Described:
    """A data set as evidence (`dataset`) and as the input of a run (`data`)."""

    dataset: Dataset
    data: Data
    remarks: tuple[
        str, ...
    ] = ()  # values of scenes that no instrument measures: fill values, unscaled counts


def locate(root: Path | str) -> DatasetPaths:
    """The scenes of a folder with training/ and inference/, or one-day/ and ssts/.

    Raises ValueError when a folder is missing or empty, or is there under both of its names.
    """
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"{root}: no such data folder")
    return locate_folders(role_folder(root, TRAIN_FOLDERS), role_folder(root, TEST_FOLDERS))


def role_folder(root: Path, names: Sequence[str]) -> Path:
    """The folder of one role, under whichever of its names it is there; links to one folder are one.

    Raises ValueError when there is none, or two that hold scenes.
    """
    found = {(root / name).resolve(): root / name for name in reversed(names) if (root / name).is_dir()}
    if not found:
        raise ValueError(f"{root} has no folder {names[0]}/ or {names[-1]}/: {EITHER_LAYOUT} expected")
    filled = [folder for folder in found.values() if holds_scenes(folder)]
    if len(filled) > 1:
        both = " and ".join(f"{folder.name}/" for folder in filled)
        raise ValueError(f"{root} has {both}, two names of one folder: remove one of them")
    return (filled or list(found.values()))[0]


def locate_folders(train_dir: Path | str, test_dir: Path | str) -> DatasetPaths:
    """The scenes in and below two folders, by file name. Their names start with the folder's own name.

    Raises ValueError for a missing or empty folder, and for a file name in both.
    """
    folders = [Path(train_dir).absolute(), Path(test_dir).absolute()]
    files = [find_scenes(folder) for folder in folders]
    names = [
        [f"{folder.name}/{path.relative_to(folder).as_posix()}" for path in found]
        for folder, found in zip(folders, files, strict=True)
    ]
    return _paths(files[0], files[1], names[0], names[1])


def locate_files(train: Iterable[Path | str], test: Iterable[Path | str]) -> DatasetPaths:
    """Scenes listed one by one, under their file names. Raises ValueError for a missing one or an empty list."""
    lists = []
    for kind, given in (("training", train), ("test", test)):
        paths = sorted((Path(path).absolute() for path in given), key=lambda path: path.name)
        if not paths:
            raise ValueError(f"no {kind} scenes given")
        for path in paths:
            if not path.is_file():
                raise ValueError(f"{path}: no such scene file")
        lists.append(paths)
    return _paths(lists[0], lists[1], [p.name for p in lists[0]], [p.name for p in lists[1]])


def describe(
    paths: DatasetPaths | Path | str,
    profile: str,
    geometry: Geometry,
    split: Split | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Described:
    """Describe a data set: hash every file, or take its hash from the cache, and check new ones.

    `cache` is the file of known hashes; by default it lies in the data set's folder, or in the
    user's cache folder where that is not writable. Raises ValueError for missing, unreadable or
    wrong scenes, and for sets that are too small to split.
    """
    split = split or Split()
    if not isinstance(paths, DatasetPaths):
        paths = locate(paths)
    unused = _unused(paths)
    try:
        patches = split_patches(len(paths.train), geometry, split)
    except ValueError as error:
        raise ValueError("; ".join([str(error), *unused])) from None
    files, remarks = _hashed(paths, geometry, cache, progress)
    train = files[: len(paths.train)]
    test = files[len(paths.train) :]
    with open_scene(paths.train[0]) as scene:
        synthetic = scene.facts().synthetic
    digest = dataset_digest(train, test, geometry, split)
    return Described(
        dataset=Dataset(
            profile=profile,
            synthetic=synthetic,
            root=str(paths.root),
            digest=digest,
            geometry=asdict(geometry),
            split=asdict(split),
            train=train,
            test=test,
            train_samples=len(patches.train),
            eval_samples=len(patches.validation),
            description=_description(profile, synthetic, len(train), len(test), geometry),
        ),
        data=Data(
            profile=profile,
            digest=digest,
            train_files=[str(path) for path in paths.train],
            test_files=[str(path) for path in paths.test],
            geometry=geometry,
            split=split,
        ),
        remarks=(*remarks, *_copies(files), *unused),
    )


def dataset_digest(
    train: Sequence[DatasetFile], test: Sequence[DatasetFile], geometry: Geometry, split: Split
) -> str:
    """SHA-256 over roles, file names and contents of the files, the geometry and the split.

    It depends neither on folders and their names nor on the order in which the files are given.
    """
    return _digest(
        [[digest_name(TRAIN_FOLDER, f.name), f.sha256] for f in train],
        [[digest_name(TEST_FOLDER, f.name), f.sha256] for f in test],
        geometry,
        split,
    )


def digest_name(folder: str, name: str) -> str:
    """The name that digests cover: the file's own, in the folder of its role as it was called first."""
    return f"{folder}/{name.rsplit('/', 1)[-1]}"


def stated_digest(dataset: Dataset) -> str:
    """The digest that follows from a description's files: in today's form, or in that of version 0.1.0.

    The older form covers the folders too. It differs for lists of files and for scenes in sub-folders only,
    and is given when the description states it. Raises TypeError or ValueError for a wrong geometry or split.
    """
    geometry, split = Geometry(**dataset.geometry), Split(**dataset.split)
    train, test = ([[f.name, f.sha256] for f in files] for files in (dataset.train, dataset.test))
    older = _digest(train, test, geometry, split)
    if dataset.digest == older:
        return older
    return dataset_digest(dataset.train, dataset.test, geometry, split)


def _digest(train: list[list[str]], test: list[list[str]], geometry: Geometry, split: Split) -> str:
    content = {
        "geometry": asdict(geometry),
        "split": asdict(split),
        "test": sorted(test),
        "train": sorted(train),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def verify(
    paths: DatasetPaths, expected: Dataset, progress: Progress | None = None, sizes_only: bool = False
) -> list[str]:
    """Hash every file again and compare with a description. Returns one line for each difference.

    Files are compared by role and file name: the names of their folders may differ. With `sizes_only`,
    no content is read.
    """
    found = _by_digest_name(((p.name, p) for p in paths.train), ((p.name, p) for p in paths.test))
    listed = _by_digest_name(((f.name, f) for f in expected.train), ((f.name, f) for f in expected.test))
    problems = [f"{listed[key].name}: listed, but missing" for key in listed if key not in found]
    names = dict(zip(paths.train + paths.test, paths.train_names + paths.test_names, strict=True))
    problems += [f"{names[found[key]]}: present, but not listed" for key in found if key not in listed]
    common = [(listed[key], found[key]) for key in listed if key in found]
    for done, (file, path) in enumerate(common, 1):
        if path.stat().st_size != file.size_bytes:
            problems.append(f"{file.name}: {path.stat().st_size} bytes, {file.size_bytes} expected")
        elif not sizes_only and file_sha256(path) != file.sha256:
            problems.append(f"{file.name}: its content differs from the description (SHA-256)")
        if progress:
            progress(done, len(common), file.name)
    if stated_digest(expected) != expected.digest:
        problems.append("the description's digest does not follow from its file list, geometry and split")
    return problems


def _by_digest_name(train: Iterable[tuple[str, T]], test: Iterable[tuple[str, T]]) -> dict[str, T]:
    found = {digest_name(TRAIN_FOLDER, name): file for name, file in train}
    return found | {digest_name(TEST_FOLDER, name): file for name, file in test}


# ---------------------------------------------------------------- hashes and their cache


def _hashed(
    paths: DatasetPaths, geometry: Geometry, cache: Path | None, progress: Progress | None
) -> tuple[list[DatasetFile], tuple[str, ...]]:
    cache = cache or _cache_path(paths.root)
    known = _read_cache(cache)
    every = list(zip(paths.train + paths.test, paths.train_names + paths.test_names, strict=True))
    size = f"{geometry.scene_height}x{geometry.scene_width}"
    files, remarks, fresh = [], [], False
    try:
        for done, (path, name) in enumerate(every, 1):
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns, size]
            entry = known.get(str(path))
            if not (isinstance(entry, list) and len(entry) == 5 and entry[:3] == stamp):
                odd = check_scene(path, geometry.scene_height, geometry.scene_width)
                entry = known[str(path)] = [*stamp, file_sha256(path), odd]
                fresh = True
            files.append(DatasetFile(name, status.st_size, str(entry[3])))
            remarks += [str(remark) for remark in entry[4]] if isinstance(entry[4], list) else []
            if progress:
                progress(done, len(every), name)
    finally:
        if fresh:
            _write_cache(cache, known)
    return files, tuple(remarks)


def _cache_path(root: Path) -> Path:
    if os.access(root, os.W_OK):
        return root / CACHE_NAME
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "cloudmask" / f"{hashlib.sha256(str(root).encode()).hexdigest()[:16]}.json"


def _read_cache(path: Path) -> dict[str, list[object]]:
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    entries = raw.get("files") if isinstance(raw, dict) and raw.get("schema") == CACHE_SCHEMA else None
    return entries if isinstance(entries, dict) else {}


def _write_cache(path: Path, entries: dict[str, list[object]]) -> None:
    with contextlib.suppress(OSError):  # only slower next time
        write_json(path, {"schema": CACHE_SCHEMA, "files": entries})


# ---------------------------------------------------------------- parts of a description


def _copies(files: Sequence[DatasetFile]) -> list[str]:
    """Scenes that are in the set twice, under two names."""
    first: dict[str, str] = {}
    said = []
    for file in files:
        twin = first.setdefault(file.sha256, file.name)
        if twin != file.name:
            said.append(f"{file.name} has the same content as {twin}")
    return said


def _unused(paths: DatasetPaths) -> list[str]:
    """What lies beside the scenes, has the suffix of such files and is not called as one."""
    known = {*paths.train, *paths.test}
    found: list[Path] = []
    for folder in sorted({path.parent for path in known}):
        with contextlib.suppress(OSError):
            beside = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
            found += sorted(path for path in beside if path not in known and not path.name.startswith("."))
    if not found:
        return []
    patterns = " or ".join(PATTERNS)
    return [
        f"files that are not used, since scenes are called {patterns}: {len(found)}, e.g. {found[0].name}"
    ]


def _paths(
    train: list[Path], test: list[Path], train_names: list[str], test_names: list[str]
) -> DatasetPaths:
    for paths in (train, test):
        twice = [name for name, count in Counter(path.name for path in paths).items() if count > 1]
        if twice:
            raise ValueError(f"two scenes of the data set have the same name, {twice[0]}")
    both = sorted({p.name for p in train} & {p.name for p in test})
    if both:
        raise ValueError(f"{both[0]} is both a training and a test scene")
    root = Path(os.path.commonpath([path.parent for path in (*train, *test)]))
    return DatasetPaths(root, train, test, train_names, test_names)


def _description(profile: str, synthetic: bool, train: int, test: int, geometry: Geometry) -> str:
    kind = "synthetic scenes" if synthetic else "scenes"
    return (
        f"{profile}: {train} training and {test} test {kind} of {geometry.scene_height} x "
        f"{geometry.scene_width} pixels, patches of {geometry.patch_size}"
    )
