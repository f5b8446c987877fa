"""Which scenes belong together: by scene, sensor, region, day or night, or as a table says."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import UserError
from reference.data.scenes import Scene, SceneFacts, find_scenes, is_daylight, open_scene

TROPICS, POLAR = 23.5, 66.5  # degrees of latitude
MAX_TABLE_BYTES = 4 << 20


@dataclass(frozen=True)
class Grouped:
    """The scenes of a folder, all of one size, and the group of each."""

    files: tuple[Path, ...]
    groups: tuple[str, ...]  # one for each file
    height: int
    width: int

    @property
    def names(self) -> list[str]:
        """The groups, each once, in order."""
        return sorted(set(self.groups))


def group_scenes(folder: Path, by: str, table: Path | None = None) -> Grouped:
    """The scenes in and below a folder, grouped `by` one of BY, or as a table (CSV: scene, group) says.

    Raises UserError for scenes that differ in size or state nothing to group them by, and for fewer than two groups.
    """
    try:
        files = find_scenes(folder)
        listed = _read_table(table) if table is not None else None
        found = [_look(path, by, listed) for path in files]
    except ValueError as error:
        raise UserError(f"{error}.", "name a folder of scenes (S3A*.hdf) with --data.") from None
    sizes = {size for _, size in found}
    if len(sizes) > 1:
        raise UserError(f"{folder} has scenes of different sizes: {', '.join(map(str, sorted(sizes)))}.")
    groups = tuple(group for group, _ in found)
    if len(set(groups)) < 2:
        raise UserError(
            f"All {len(files)} scenes are of one group by {by}, {groups[0]}: none can be left out.",
            "group them otherwise with --by, or by a table with --groups.",
        )
    (size,) = sizes
    return Grouped(tuple(files), groups, *size)


def _look(path: Path, by: str, listed: dict[str, str] | None) -> tuple[str, tuple[int, int]]:
    with open_scene(path) as scene:
        if listed is not None:
            if path.name not in listed:
                raise UserError(f"The table of groups does not name {path.name}.", "add a line for it.")
            return listed[path.name], (scene.height, scene.width)
        return BY[by](scene, scene.facts()), (scene.height, scene.width)


def _daylight(scene: Scene, facts: SceneFacts) -> str:
    day = is_daylight(scene.read("refs")) if facts.daylight is None else facts.daylight
    return "day" if day else "night"


def _region(scene: Scene, facts: SceneFacts) -> str:
    if facts.latitude is None:
        raise UserError(
            f"{facts.name} does not state its latitude.", "group by a table with --groups, or by scene."
        )
    latitude = abs(facts.latitude)
    return "tropics" if latitude < TROPICS else "middle latitudes" if latitude < POLAR else "polar"


BY: dict[str, Callable[[Scene, SceneFacts], str]] = {
    "scene": lambda scene, facts: facts.name,
    "sensor": lambda scene, facts: facts.name[:3],  # S3A, S3B: the platform in a Sentinel-3 name
    "region": _region,
    "daylight": _daylight,
}


def _read_table(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise UserError(f"{path} is too large for a table of groups.")
        with path.open(encoding="utf-8", newline="") as file:
            rows: Sequence[dict[str, str | None]] = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not CSV in UTF-8"
        fix = "write a line with scene and group for each scene, below these two words."
        raise UserError(f"Cannot read the table of groups {path}: {reason}.", fix) from None
    pairs = [(row.get("scene"), row.get("group")) for row in rows]
    known = {scene.strip(): group.strip() for scene, group in pairs if scene and group}
    if not known or len(known) < len(rows):
        raise UserError(
            f"{path} is not a table of groups.", "it needs the columns scene and group, filled in."
        )
    return known
