"""Prepared patches: training scenes cut into patches in advance, so that each is one plain read later.

Optional and untimed (one-off reformatting, MLPerf Training rules 6.2). No information is added or lost: a
shard holds the patches of one scene, in order, exactly as the input pipeline would make them from the
scene. The index ties each shard to the SHA-256 of its scene, and all of them to the digest of the data
set; anything that does not match is refused.

A shard consists of one record per patch: inputs (P, P, 9) float32, then labels (P, P, 1) uint8.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reference.data.dataset import TRAIN_FOLDER, Described, digest_name
from reference.data.files import file_sha256, write_json
from reference.data.patches import CHANNELS, Patch, crop_offsets, training_patches
from reference.data.readers import SceneReader, read_exactly, read_patiently
from reference.protocol.dataset import DatasetFile
from reference.protocol.spec import Data, Geometry

INDEX_NAME = "prepared.json"
STAMPS_NAME = ".checked.json"  # size and time of files when they were hashed; only saves time
SUFFIX = ".patches"
SCHEMA = 1
WRITERS = 4  # each holds one shard in memory, 48 MB at the official size

Progress = Callable[[int, int, str], None]  # done, total, name of the scene just done


@dataclass(frozen=True)
class PreparedShard:
    """The file with the patches of one scene, and the scene that they were cut from."""

    scene: str  # as in digests: one-day/ and its file name, whatever its folder is called
    source_sha256: str
    file: str  # name in the folder of the index
    sha256: str


@dataclass(frozen=True)
class Prepared:
    """A folder of shards, in the order of the data set's training scenes."""

    folder: Path
    dataset_digest: str
    geometry: Geometry
    shards: list[PreparedShard]

    @property
    def digest(self) -> str:
        """SHA-256 over geometry, scenes and shards: what a run really reads."""
        content = [asdict(self.geometry), [asdict(shard) for shard in self.shards]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def files(self) -> list[Path]:
        """Paths of the shards, in order."""
        return [self.folder / shard.file for shard in self.shards]


def record_bytes(geometry: Geometry) -> int:
    """Bytes of one patch in a shard (2,424,832 at the official size)."""
    return geometry.patch_size**2 * (CHANNELS * 4 + 1)


def prepare(described: Described, folder: Path, progress: Progress | None = None) -> Prepared:
    """Write the shards of a data set's training scenes, and the index last.

    Shards of unchanged scenes are kept, so that an interrupted call can be repeated; shards of other
    scenes are removed. Raises ValueError for a scene that cannot be read, and OSError when the folder
    cannot be written.
    """
    data, train = described.data, described.dataset.train
    folder.mkdir(parents=True, exist_ok=True)
    known = _known_shards(folder)
    reader = SceneReader(data.train_files, training_patches(len(train), data.geometry), data.geometry)
    shards: list[PreparedShard] = []
    jobs = range(len(train))
    with ThreadPoolExecutor(min(WRITERS, os.cpu_count() or 1), "prepare") as pool:
        try:
            for shard in pool.map(lambda at: _one(reader, at, train[at], folder, data.geometry, known), jobs):
                shards.append(shard)
                if progress:
                    progress(len(shards), len(train), shard.scene)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            reader.close()
            # Also when interrupted: an incomplete set is refused, but its shards need not be made again.
            prepared = Prepared(folder, data.digest, data.geometry, shards)
            _write_index(prepared)
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in {shard.file for shard in shards}:
            path.unlink()
    return prepared


def open_prepared(folder: Path | str, data: Data) -> Prepared:
    """The shards in a folder, made from exactly this data set and complete.

    Compares the index and the sizes of the files, not their content (`verify_prepared` does).
    Raises ValueError, with a message of one line, for anything else.
    """
    prepared = _read_index(Path(folder))
    if prepared.dataset_digest != data.digest or prepared.geometry != data.geometry:
        raise ValueError(
            f"{folder}: made from another data set or geometry (digest {prepared.dataset_digest[:12]}, "
            f"the scenes have {data.digest[:12]})"
        )
    if len(prepared.shards) != len(data.train_files):
        raise ValueError(f"{folder}: {len(prepared.shards)} shards for {len(data.train_files)} scenes")
    expected = data.geometry.patches_per_scene * record_bytes(data.geometry)
    for path in prepared.files:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
        if size != expected:
            raise ValueError(f"{path}: {size} bytes, {expected} expected")
    return prepared


def open_given(data: Data) -> Prepared | None:
    """The shards that a run spec names, if it names any. Raises ValueError as open_prepared does."""
    if data.prepared is None:
        return None
    prepared = open_prepared(data.prepared, data)
    if data.prepared_digest is not None and prepared.digest != data.prepared_digest:
        raise ValueError(f"{data.prepared}: changed since the run was planned")
    return prepared


def verify_prepared(folder: Path | str, described: Described, progress: Progress | None = None) -> Prepared:
    """As open_prepared; the SHA-256 of all scenes and shards is compared with the index too.

    A shard is hashed once, and again when its size or modification time changes. Raises ValueError.
    """
    prepared = open_prepared(folder, described.data)
    stamps = _json(prepared.folder / STAMPS_NAME)
    fresh: dict[str, Any] = {}
    for done, (shard, path, source) in enumerate(
        zip(prepared.shards, prepared.files, described.dataset.train, strict=True), 1
    ):
        if (shard.scene, shard.source_sha256) != (digest_name(TRAIN_FOLDER, source.name), source.sha256):
            raise ValueError(f"{path}: made from another scene than {source.name}")
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, shard.sha256]
        if stamps.get(shard.file) != stamp and file_sha256(path) != shard.sha256:
            raise ValueError(f"{path}: changed since it was prepared (SHA-256 differs)")
        fresh[shard.file] = stamp
        if progress:
            progress(done, len(prepared.shards), shard.scene)
    if fresh != stamps:
        with contextlib.suppress(OSError):  # only slower next time
            write_json(prepared.folder / STAMPS_NAME, fresh)
    return prepared


class ShardReader:
    """Training patches from prepared shards, one read each (a PatchReader)."""

    def __init__(self, prepared: Prepared, patches: Sequence[Patch]) -> None:
        self._files = prepared.files
        self._record_bytes = record_bytes(prepared.geometry)
        self._places = [(patch.file, patch_number(patch, prepared.geometry)) for patch in patches]

    def __len__(self) -> int:
        return len(self._places)

    def read_into(self, number: int, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Read a patch from its shard (see PatchReader)."""
        file, at = self._places[number]
        try:
            read_patiently(
                self._files[file],
                lambda descriptor: read_exactly(descriptor, [inputs, labels], at * self._record_bytes),
            )
        except OSError as error:
            raise ValueError(f"{self._files[file]}: cannot be read ({error.strerror})") from error
        except EOFError:
            raise ValueError(f"{self._files[file]}: shorter than its patches (truncated?)") from None

    def close(self) -> None:
        """Do nothing: no file is kept open."""


def patch_number(patch: Patch, geometry: Geometry) -> int:
    """Number of a patch among those of its scene, counted row by row."""
    top, left = crop_offsets(geometry)
    size = geometry.patch_size
    return (patch.row - top) // size * geometry.patch_columns + (patch.column - left) // size


# ---------------------------------------------------------------- writing and reading the folder


def _one(
    reader: SceneReader,
    at: int,
    source: DatasetFile,
    folder: Path,
    geometry: Geometry,
    known: dict[str, PreparedShard],
) -> PreparedShard:
    """Write the shard of one scene, unless it exists already."""
    name, scene = (
        f"{source.sha256[:32]}-{geometry.patch_size}{SUFFIX}",
        digest_name(TRAIN_FOLDER, source.name),
    )
    path, each = folder / name, geometry.patches_per_scene
    before = known.get(name)
    if before and path.is_file() and file_sha256(path) == before.sha256:
        return PreparedShard(scene, source.sha256, name, before.sha256)
    size, digest = geometry.patch_size, hashlib.sha256()
    inputs = np.empty((size, size, CHANNELS), np.float32)
    labels = np.empty((size, size, 1), np.uint8)
    temporary = path.with_name(f".{os.getpid()}.{name}")
    try:
        with temporary.open("wb") as file:
            for number in range(at * each, (at + 1) * each):
                reader.read_into(number, inputs, labels)
                for array in (inputs, labels):
                    digest.update(array.data.cast("B"))
                    file.write(array.data.cast("B"))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return PreparedShard(scene, source.sha256, name, digest.hexdigest())


def _write_index(prepared: Prepared) -> None:
    content = {
        "schema": SCHEMA,
        "dataset_digest": prepared.dataset_digest,
        "geometry": asdict(prepared.geometry),
        "record": "inputs (P, P, 9) float32, labels (P, P, 1) uint8",
        "shards": [asdict(shard) for shard in prepared.shards],
    }
    write_json(prepared.folder / INDEX_NAME, content)


def _read_index(folder: Path) -> Prepared:
    path = folder / INDEX_NAME
    try:
        raw = json.loads(path.read_text())
        if raw["schema"] != SCHEMA:
            raise ValueError
        shards = [PreparedShard(**shard) for shard in raw["shards"]]
        if any(Path(shard.file).name != shard.file for shard in shards):
            raise ValueError
        return Prepared(folder, raw["dataset_digest"], Geometry(**raw["geometry"]), shards)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: not an index of prepared patches") from None


def _known_shards(folder: Path) -> dict[str, PreparedShard]:
    """Shards of an earlier call by file name; none when it left no readable index."""
    try:
        return {shard.file: shard for shard in _read_index(folder).shards}
    except ValueError:
        return {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
