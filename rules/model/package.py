"""What a rule can see of an entry: data set, system, plan, and the package as found on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.protocol.dataset import Dataset as Dataset
from reference.protocol.dataset import DatasetFile as DatasetFile
from rules.model.log import Stated
from rules.model.run import Run, RunRecord


@dataclass(frozen=True)
class System:
    """systems/<name>.json: the 33 MLPerf fields as written, and which of them were probed."""

    name: str
    path: str
    fields: dict[str, Any]
    provenance: dict[str, str] = field(default_factory=dict)  # field -> probed | typed | unknown
    detected: dict[str, Any] | None = None  # what the harness saw on the machine that ran


@dataclass
class Plan:
    """What would run, before it runs. `settings` uses the MLLOG keys of the log to come."""

    org: str
    system_name: str
    implementation: str
    division: str | None
    status: str
    runs: int
    best_of: int | None  # open only: how many runs the submitted ones were chosen from
    settings: Mapping[str, Stated]
    recipe: dict[str, Any]
    recipe_path: str
    system: System | None
    dataset: Dataset | None
    ruleset: str
    scaling: str = "strong"  # weak: `runs` models at the same time (HR 7.2)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link in the package, and whether it leads out of it (or nowhere)."""

    path: str
    target: str
    inside: bool
    exists: bool


@dataclass
class ManifestStatus:
    """MANIFEST.sha256 against the files on disk (paths relative to the package)."""

    present: bool
    missing: list[str] = field(default_factory=list)  # listed, not there
    changed: list[str] = field(default_factory=list)  # there, other bytes
    unlisted: list[str] = field(default_factory=list)  # there, not listed
    problem: str | None = None


@dataclass
class Package:
    """One organisation's entry for one system, as found on disk.

    `files` lists every file of the package, relative and sorted; `unreadable` says in one line
    each what could not be read and is therefore never a pass.
    """

    root: Path
    org: str
    system_name: str | None
    runs: list[Run]
    division: str | None = None
    system: System | None = None
    recipe: dict[str, Any] | None = None
    dataset: Dataset | None = None
    plan: dict[str, Any] | None = None
    files: list[str] = field(default_factory=list)
    manifest: ManifestStatus | None = None
    unreadable: list[str] = field(default_factory=list)
    scaling: str = "strong"
    benchmark: str = "cloudmask"
    result_names: list[str] = field(default_factory=list)  # every result*.txt, whatever its number
    failed_runs: list[RunRecord] = field(default_factory=list)  # kept and marked, not scored
    sizes: dict[str, int] = field(default_factory=dict)  # bytes of each of `files`
    links: list[Link] = field(default_factory=list)
    companion: dict[str, Any] | None = None  # <system>_<implementation>.json
    system_names: list[str] = field(default_factory=list)  # every system the organisation describes
    dataset_digest: str | None = None  # as it follows from the files that dataset.json lists
    entries: list[str] = field(default_factory=list)  # every system/scaling/benchmark of the organisation
    pruned: list[Run] = field(default_factory=list)  # weak scaling: models trained but not scored (HR 7.2)
    scaling_file: dict[str, Any] | None = None  # scaling.json beside the results, as it stands

    @property
    def entry(self) -> str:
        return f"{self.system_name}/{self.scaling}/{self.benchmark}"


def relative(path: Path, root: Path) -> str:
    """Path as findings show it: relative to the package, with forward slashes."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
