"""Reading scenes: one HDF5 file each, with `refs` (H, W, 6), `bts` (H, W, 3) and `bayes` (H, W, 1).

refs is reflectance of SLSTR channels S1-S6, bts is brightness temperature in K of S7-S9, and
bayes > 0 marks cloud. Any defect of a file raises ValueError with a message of one line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from reference.data.oddities import ATTRIBUTES, oddities
from reference.protocol.spec import Geometry

# names of scenes of the mission, and of generated ones
PATTERNS = OBSERVED, SYNTHETIC = "S3A*.hdf", "SYN_*.hdf"
CHANNELS = {"refs": 6, "bts": 3, "bayes": 1}
SURFACES = ("ocean", "land", "ice")  # codes 0, 1, 2 of the optional `surface` data set
MAX_NAMED = 12  # data sets of another file
DAYLIGHT_REFLECTANCE = 0.02  # in S3; brighter pixels show that the sun was up
DAYLIGHT_FRACTION = 0.05  # of the pixels have to be that bright


@dataclass(frozen=True)
class SceneFacts:
    """Attributes of a scene; None where the file does not state them."""

    name: str
    daylight: bool | None
    latitude: float | None
    longitude: float | None
    synthetic: bool


def find_scenes(folder: Path | str) -> list[Path]:
    """All scene files below a folder, sorted by file name, whichever sub-folders they are in.

    Raises ValueError when the folder is missing, cannot be listed, contains none, or observed and generated ones.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder of scenes")
    below = (Path(folder, name) for folder, _, names in os.walk(root, onerror=_not_listed) for name in names)
    found = [path for path in below if path.match(OBSERVED) or path.match(SYNTHETIC)]
    generated = next((path for path in found if path.match(SYNTHETIC)), None)
    observed = next((path for path in found if path.match(OBSERVED)), None)
    if observed and generated:
        raise ValueError(
            f"{root}: observed and synthetic scenes ({observed.name}, {generated.name}) in one folder"
        )
    if not found:
        raise ValueError(f"{root}: no scene files ({OBSERVED} or {SYNTHETIC}) in it or below it")
    return sorted(found, key=lambda path: (path.name, path.relative_to(root).as_posix()))


def holds_scenes(folder: Path) -> bool:
    """Whether there is a scene file in a folder or below it."""
    return any(next(folder.glob(f"**/{pattern}"), None) for pattern in PATTERNS)


def named_as_synthetic(name: str) -> bool:
    """Whether a file name is one that the generator gives, or gave before its version 5."""
    return fnmatchcase(name, SYNTHETIC) or "_SYN_" in name


def _not_listed(error: OSError) -> None:
    """What cannot be read is not absent."""
    raise ValueError(f"{error.filename}: cannot be listed ({error.strerror})") from error


class Scene:
    """An open scene. Windows are read from the file as they are requested; nothing else is loaded."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self._data = {name: _dataset(path, file, name, channels) for name, channels in CHANNELS.items()}
        shapes = {name: data.shape[:2] for name, data in self._data.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(f"{path}: refs, bts and bayes differ in size ({shapes})")
        self.height, self.width = shapes["refs"]

    def require(self, height: int, width: int) -> Scene:
        """This scene. Raises ValueError unless it has this size in pixels."""
        if (self.height, self.width) != (height, width):
            raise ValueError(
                f"{self.path}: scene of {self.height} x {self.width} pixels, {height} x {width} expected"
            )
        return self

    def read(self, name: str, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """A window of `refs`, `bts` or `bayes`, (h, w, channels), as stored. Raises ValueError."""
        try:
            window: np.ndarray = self._data[name][rows, columns, :]
            return window
        except (OSError, RuntimeError, KeyError) as error:
            why = _missing_filter(self._data[name]) or _short(error)
            raise ValueError(f"{self.path}: {name} cannot be read ({why})") from error

    def stored_at(self, name: str) -> tuple[int, np.dtype] | None:
        """Offset in bytes and element type of `refs`, `bts` or `bayes`, if stored as it would be in memory.

        None for chunked, compressed, external or virtual arrays and for files with a user block.
        """
        data = self._data[name]
        if data.chunks is not None or data.external or data.is_virtual or self._file.userblock_size:
            return None
        offset = data.id.get_offset()
        if offset is None or not data.dtype.isnative or data.dtype.kind not in "fiu":
            return None
        return offset, data.dtype

    def surface(self) -> np.ndarray | None:
        """Surface classes (H, W) uint8 (see SURFACES), or None where the file has none."""
        data = self._file.get("surface")
        if not isinstance(data, h5py.Dataset) or data.shape != (self.height, self.width):
            return None
        try:
            return np.asarray(data[...], dtype=np.uint8)
        except (OSError, RuntimeError, ValueError, TypeError):
            return None

    def attribute(self, name: str) -> float | None:
        """A number among the file's attributes; None where there is none."""
        return _number(self._file.attrs.get(name))

    def facts(self) -> SceneFacts:
        """Name, location and daylight from the file's attributes."""
        attributes = self._file.attrs
        return SceneFacts(
            name=self.path.name,
            daylight=_flag(attributes, "daylight"),
            latitude=_degrees(attributes, "latitude", 90.0),
            longitude=_degrees(attributes, "longitude", 360.0),
            synthetic="synthetic" in attributes and _flag(attributes, "synthetic") is not False,
        )

    def check_values(self) -> list[str]:
        """Read everything once. Raises ValueError when something cannot be read or has no usable value.

        Reflectance may be missing in a whole scene (night); temperature and mask may not. Returns a line for each
        channel with values that no instrument measures: training would take them for light or warmth.
        """
        remarks = self._odd("refs", self.read("refs"))
        for name in ("bts", "bayes"):
            values = self.read(name)
            if not np.isfinite(values).any():
                raise ValueError(f"{self.path}: every value of {name} is NaN")
            remarks += self._odd(name, values)
        return remarks

    def _odd(self, name: str, values: np.ndarray) -> list[str]:
        attributes = self._data[name].attrs
        stated = {key: _number(_attribute(attributes, key)) for key in ATTRIBUTES}
        return [f"{self.path}: {said}" for said in oddities(name, values, stated)]


@contextmanager
def open_scene(path: Path | str) -> Iterator[Scene]:
    """Open a scene for reading. Raises ValueError for anything that is not a scene."""
    scene = open_scene_unmanaged(path)
    try:
        yield scene
    finally:
        close_scene(scene)


def open_scene_unmanaged(path: Path | str) -> Scene:
    """As open_scene, for callers that keep scenes open. They must call close_scene."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # opening a pipe waits for ever
            raise ValueError(f"{path}: not a file")
        # Window reads of contiguous data gain nothing from h5py's chunk cache; keep many files cheap.
        # Reading needs no lock, and file systems of clusters may have none (NFS, Lustre, DVS: errno 37, 38, 95, 524).
        file = h5py.File(path, "r", rdcc_nbytes=4 << 20, locking=False)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such scene file") from None
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)  # of the file system: this says nothing about the file
        said = (
            f"cannot be opened ({os.strerror(number)})"
            if number
            else f"not a readable HDF5 file ({_short(error)})"
        )
        raise ValueError(f"{path}: {said}") from error
    try:
        return Scene(path, file)
    except BaseException:
        file.close()
        raise


def close_scene(scene: Scene) -> None:
    """Close a scene of open_scene_unmanaged."""
    scene._file.close()


def check_scene(path: Path | str, height: int, width: int) -> list[str]:
    """Raise ValueError unless the file is a whole, usable scene of this size. Returns what is odd about its values."""
    with open_scene(path) as scene:
        return scene.require(height, width).check_values()


def is_daylight(refs: np.ndarray) -> bool:
    """Whether reflectance (H, W, 6) shows daylight: at night S3 is about zero or missing everywhere."""
    return bool(np.mean(np.nan_to_num(refs[..., 2]) > DAYLIGHT_REFLECTANCE) > DAYLIGHT_FRACTION)


def label(bayes: np.ndarray) -> np.ndarray:
    """Ground truth uint8: 1 where the Bayesian mask marks cloud (> 0), else 0."""
    with np.errstate(invalid="ignore"):
        return (bayes > 0).astype(np.uint8)


@dataclass(frozen=True)
class LoadedScene:
    """A whole scene: refs (H, W, 6), bts (H, W, 3) in K, truth (H, W) uint8, surface (H, W) uint8 or None."""

    facts: SceneFacts
    refs: np.ndarray
    bts: np.ndarray
    truth: np.ndarray
    surface: np.ndarray | None
    daylight: bool  # as the file states, or as reflectance shows


def load_scene(path: Path | str, geometry: Geometry) -> LoadedScene:
    """Read a whole scene. Raises ValueError when it cannot be read or does not have the geometry's size."""
    with open_scene(path) as scene:
        scene.require(geometry.scene_height, geometry.scene_width)
        refs, facts = scene.read("refs"), scene.facts()
        daylight = is_daylight(refs) if facts.daylight is None else facts.daylight
        truth = label(scene.read("bayes"))[..., 0]
        return LoadedScene(facts, refs, scene.read("bts"), truth, scene.surface(), daylight)


def _dataset(path: Path, file: h5py.File, name: str, channels: int) -> h5py.Dataset:
    try:
        data = file.get(name)
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path}: {name} cannot be opened ({_short(error)})") from error
    if not isinstance(data, h5py.Dataset):
        if file.get(name, getlink=True) is not None:
            raise ValueError(f"{path}: {name} is not a data set: a group, or a link that leads to nothing")
        raise ValueError(f"{path}: data set {name!r} is missing (the file has {_listed(file)})")
    link = file.get(name, getlink=True)
    if data.external or data.is_virtual or isinstance(link, h5py.ExternalLink):
        raise ValueError(
            f"{path}: the values of {name} lie in another file, which no digest of this one covers"
        )
    if data.ndim != 3 or data.shape[2] != channels:
        raise ValueError(f"{path}: {name} has shape {data.shape}, (height, width, {channels}) expected")
    if data.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name} contains {data.dtype}, numbers expected")
    return data


def _listed(file: h5py.File) -> str:
    """The names in a file, as far as they can be shown."""
    names = [name for name in islice(file, MAX_NAMED) if isinstance(name, str) and name.isprintable()]
    more = len(file) - len(names)
    return (", ".join(name[:40] for name in names) + (f" and {more} more" if more else "")) or "nothing"


def _missing_filter(data: h5py.Dataset) -> str | None:
    """Which filter of HDF5 is needed and not installed; None where all are here."""
    stored = data.id.get_create_plist()
    for at in range(stored.get_nfilters()):
        number, _, _, name = stored.get_filter(at)
        if not h5py.h5z.filter_avail(number):
            shown = name.decode("ascii", "replace")[:40] or "without a name"
            return f"it is compressed by HDF5 filter {number}, {shown}, which is not installed here"
    return None


def _attribute(attributes: h5py.AttributeManager, name: str) -> Any:
    """One value; None where there is none, or nothing that is one value."""
    try:
        value = attributes.get(name)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return None
    found = np.asarray(value)
    return found.reshape(())[()] if found.size == 1 and not isinstance(value, h5py.Empty) else None


def _flag(attributes: h5py.AttributeManager, name: str) -> bool | None:
    """True or False, as number or word; None where it states neither."""
    value = _attribute(attributes, name)
    value = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if isinstance(value, str):
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            value.lower()
        )
    number = _number(value)
    return None if number is None else bool(number)


def _degrees(attributes: h5py.AttributeManager, name: str, limit: float) -> float | None:
    """An angle; None for fill values."""
    number = _number(_attribute(attributes, name))
    return number if number is not None and abs(number) <= limit else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _short(error: BaseException) -> str:
    return "".join(c for c in " ".join(str(error).split()) if c.isprintable())[:160]
