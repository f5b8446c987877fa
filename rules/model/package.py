"""What a rule can see of an entry: data set, system, plan, and the package as found on disk."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from reference.protocol.dataset import Dataset as Dataset
from reference.protocol.dataset import DatasetFile as DatasetFile
from rules.model.evidence import Challenge, FailedAttempt
from rules.model.layout import BENCHMARK, STRONG, PackageLayout, RunFiles
from rules.model.log import Stated
from rules.model.run_facts import RunFacts
from rules.model.statement import Statement
from rules.model.witness import Chain

NOT_PROBED = "not probed"  # of a field of a system description: nobody knows, which agrees with nothing


class System(msgspec.Struct, frozen=True):
    """systems/<name>.json: the 33 MLPerf fields as written, and which of them were probed."""

    name: str
    path: str
    fields: dict[str, Any]
    provenance: dict[str, str] = {}  # field -> probed | typed | unknown
    detected: dict[str, Any] | None = None  # what the harness found on the machine that ran


class Plan(msgspec.Struct):
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
    code_sizes: dict[str, int] | None = (
        None  # bytes of the files beside the recipe, by name, where they were looked for
    )


class Link(msgspec.Struct, frozen=True):
    """A symbolic link in the package, and whether it leads out of it (or nowhere)."""

    path: str
    target: str
    inside: bool
    exists: bool


class ManifestStatus(msgspec.Struct):
    """MANIFEST.sha256 against the files on disk (paths relative to the package)."""

    present: bool
    missing: list[str] = []  # listed, not there
    changed: list[str] = []  # there, other bytes
    unlisted: list[str] = []  # there, not listed
    problem: str | None = None


class PackageHeader(msgspec.Struct):
    """What an organisation's entry for one system says beside its runs, as found on disk.

    `files` lists every file of the package, relative and sorted; `unreadable` says in one line each what
    could not be read and is therefore never a pass.
    """

    root: Path
    org: str
    system_name: str | None = None
    scaling: str = STRONG
    benchmark: str = BENCHMARK
    system: System | None = None
    recipe: dict[str, Any] | None = None
    dataset: Dataset | None = None
    dataset_digest: str | None = None  # as it follows from the files that dataset.json lists
    plan: dict[str, Any] | None = None
    companion: dict[str, Any] | None = None  # <system>_<implementation>.json
    scaling_file: dict[str, Any] | None = None  # scaling.json beside the results, as it stands
    manifest: ManifestStatus | None = None
    digest: str | None = None  # SHA-256 over names and contents of the files of this entry alone
    files: list[str] = []
    sizes: dict[str, int] = {}  # bytes of each of `files`
    links: list[Link] = []
    unreadable: list[str] = []
    result_names: list[str] = []  # every result*.txt, whatever its number
    system_names: list[str] = []  # every system the organisation describes
    entries: list[str] = []  # every system/scaling/benchmark of the organisation
    other_weights: dict[
        str, str
    ] = {}  # path of each file of weights of the organisation's other entries, by SHA-256
    litter: list[str] = []  # files of desktops and git, which are not read
    padded: dict[str, str] = {}  # folder of a run -> as it is named: result_01
    failed: list[FailedAttempt] = []  # retained and marked, not scored
    challenge: Challenge | None = None  # only when a challenge or an answer was given
    witness: Chain | None = None
    statement: Statement | None = None
    roots: tuple[str, ...] = ()  # of time stamp authorities that the reviewer trusts, in PEM
    record_digests: dict[str, str] = {}  # of what the witness stamped last, as it is

    @property
    def layout(self) -> PackageLayout:
        """Where the files of the entry lie, relative to the package, as findings name them."""
        return PackageLayout(Path(), str(self.system_name), self.scaling, self.benchmark)

    def evidence_of(self, run: int) -> RunFiles:
        """Where the evidence of a run lies, relative to the package."""
        return RunFiles(self._as_named(self.layout.run_dir(run)))

    def power_of(self, run: int) -> Path:
        """Where the power readings of a run lie, relative to the package."""
        return self._as_named(self.layout.power_dir(run))

    def _as_named(self, folder: Path) -> Path:
        return Path(self.padded.get(folder.as_posix(), folder))

    @property
    def entry(self) -> str:
        """system/scaling/benchmark: what findings and --system call this entry."""
        return f"{self.system_name}/{self.scaling}/{self.benchmark}"


class Package(PackageHeader, dict=True):
    """One entry with the facts of its runs: what rules about packages, the score and the report see."""

    runs: list[RunFacts] = []
    pruned: list[RunFacts] = []  # weak scaling: trained, not scored (HR 7.2)

    @classmethod
    def of(cls, header: PackageHeader, runs: list[RunFacts], pruned: list[RunFacts]) -> Package:
        """The package with this header and these runs."""
        return cls(**msgspec.structs.asdict(header), runs=runs, pruned=pruned)

    @cached_property
    def division(self) -> str | None:
        """The division of the whole entry when logs and system description agree; None is judged as closed."""
        stated = {run.division for run in self.runs}
        declared = self.system.fields.get("division") if self.system else None
        if isinstance(declared, str):
            stated.add(declared.strip().lower())
        return stated.pop() if len(stated) == 1 else None


def relative(path: Path, root: Path) -> str:
    """Path as findings show it: relative to the package, with forward slashes."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
