"""From a folder on disk to the Package that rules read.

Nothing here judges: what is missing is None, what cannot be read is said in one line, and only
plain files that lie in the package itself are opened (links are listed, never followed).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.checker import strangers
from harness.checker.entries import Entry
from harness.checker.logs import read_log
from harness.checker.strangers import Unreadable
from harness.checker.telemetry import summarise
from harness.errors import UserError
from harness.files import sha256
from harness.layout import RESULT_PATTERN, PackageLayout, RunFiles
from harness.manifest import MAX_FILES, verify_manifest
from harness.recipe import Recipe
from rules.model import Link, Log, Package, Run, System, relative
from rules.reading import run_start, run_stop, time_ms

MAX_RUNS = 20_000
MAX_POWER_FILES = 100_000


@dataclass(frozen=True)
class Target:
    """What a path given to `check` stands for."""

    root: Path  # the organisation's folder
    systems: list[str]
    result: Path | None = None  # a single result file


@dataclass
class Tree:
    """Every file of an organisation's folder, found once and hashed at most once."""

    root: Path
    sizes: dict[str, int] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _digests: dict[str, str] = field(default_factory=dict)
    _folders: dict[str, list[str]] | None = None

    def digest(self, name: str) -> str:
        """SHA-256 of a file by its relative path. Raises OSError."""
        if name not in self._digests:
            self._digests[name] = sha256(self.root / name)
        return self._digests[name]

    def has(self, path: Path) -> bool:
        return relative(path, self.root) in self.sizes

    def below(self, folder: Path) -> list[str]:
        """Names of the plain files directly in a folder."""
        if self._folders is None:
            self._folders = {}
            for path in self.sizes:
                above, _, name = path.rpartition("/")
                self._folders.setdefault(above, []).append(name)
        return self._folders.get(relative(folder, self.root), [])


def find_target(path: Path, system: str | None = None) -> Target:
    """What is at `path`: an organisation's folder, one of its systems, or a result file.

    Raises UserError when there is nothing to check.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist.", "name a package folder or a result file.")
    path = path.resolve()
    if path.is_file():
        root, inside = _root_above(path)
        return Target(root or path.parent, [inside] if inside else [], path)
    if not path.is_dir():
        raise UserError(f"{path} is neither a folder nor a file.", "name a package folder or a result file.")
    root, inside = _root_above(path)
    root = root or path
    known = system_names(root)
    if not known:
        raise UserError(
            f"{path} holds no package: no results/ and no systems/ in it.",
            "name the folder of an organisation, e.g. submissions/<org>.",
        )
    wanted = system or inside
    if wanted and wanted not in known:
        raise UserError(f"{root.name} has no system '{wanted}'.", f"choose one of {', '.join(known)}.")
    return Target(root, [wanted] if wanted else known)


def _root_above(path: Path) -> tuple[Path | None, str | None]:
    """The organisation's folder and the system, when path lies in <org>/results/<system>."""
    for parent in list(path.parents)[:5]:
        if parent.name == "results" and (parent.parent / "systems").is_dir():
            return parent.parent, path.relative_to(parent).parts[0]
    return None, None


def system_names(root: Path) -> list[str]:
    """Systems with results; those only described when nothing was run yet."""

    def names(folder: Path, want_folders: bool) -> list[str]:
        try:
            with os.scandir(folder) as entries:
                return sorted(
                    e.name if want_folders else e.name.removesuffix(".json")
                    for e in entries
                    if (e.is_dir() if want_folders else e.name.endswith(".json"))
                    and not e.name.startswith(".")
                )
        except OSError:
            return []

    return names(root / "results", True) or names(root / "systems", False)


def scan(root: Path) -> Tree:
    """List files and links below root; folders are never entered through a link."""
    tree = Tree(root)

    def failed(error: OSError) -> None:
        tree.problems.append(f"{relative(Path(error.filename or root), root)}: {error.strerror}")

    for folder, names, files in os.walk(root, followlinks=False, onerror=failed):
        names.sort()
        for name in sorted([*files, *(n for n in names if Path(folder, n).is_symlink())]):
            path = Path(folder, name)
            shown = relative(path, root)
            if path.is_symlink():
                tree.links.append(_link(path, shown, root))
            elif path.is_file():
                tree.sizes[shown] = path.stat().st_size
            else:
                tree.problems.append(f"{shown}: neither a file nor a folder")
            if len(tree.sizes) > MAX_FILES:
                raise UserError(f"{root} holds more than {MAX_FILES} files.", "name a single package.")
    return tree


def _link(path: Path, shown: str, root: Path) -> Link:
    target = os.readlink(path)
    try:
        end = path.resolve()
        inside, exists = end.is_relative_to(root.resolve()), end.exists()
    except (OSError, RuntimeError):
        inside, exists = False, False
    return Link(shown, target, inside, exists)


def load_package(root: Path, system: str | Entry, tree: Tree | None = None) -> Package:
    """One organisation's entry for one system. Raises UserError only for an absurd number of files."""
    tree = tree or scan(root)
    entry = system if isinstance(system, Entry) else Entry(system)
    layout = PackageLayout(root, entry.system, entry.scaling, entry.benchmark)
    package = Package(root=root, org=root.name, system_name=entry.system, runs=[])
    package.scaling, package.benchmark, package.entries = entry.scaling, entry.benchmark, [str(entry)]
    package.files, package.sizes, package.links = sorted(tree.sizes), tree.sizes, tree.links
    package.unreadable = list(tree.problems)
    package.system_names = sorted(
        {n.removesuffix(".json") for n in tree.below(root / "systems") if n.endswith(".json")}
    )
    package.manifest = verify_manifest(root, tree.digest)
    loader = _Loader(tree, layout, package)
    loader.describe()
    loader.runs()
    package.division = _division(package)
    return package


def load_single(path: Path, root: Path, entry: Entry | None) -> Run:
    """One result file, with its evidence when it lies in a package. Raises UserError when unreadable."""
    match = RESULT_PATTERN.match(path.name)
    if entry and match:
        tree = Tree(root)
        layout = PackageLayout(root, entry.system, entry.scaling, entry.benchmark)
        folder = layout.run_dir(int(match[1]))
        if folder.is_dir() and not folder.is_symlink():
            tree.sizes = {
                relative(p, root): p.stat().st_size
                for p in folder.iterdir()
                if p.is_file() and not p.is_symlink()
            }
        tree.sizes[relative(path, root)] = path.stat().st_size
        loader = _Loader(tree, layout, Package(root=root, org=root.name, system_name=entry.system, runs=[]))
        run = loader.run(path.name, int(match[1]))
        if run is not None:
            return run
    try:
        return Run(index=int(match[1]) if match else 0, log=read_log(path, path.name))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.", "check the file's permissions.") from error


def _division(package: Package) -> str | None:
    """The division of the whole entry when logs and system description agree; None is judged as closed."""
    stated = {run.division for run in package.runs}
    declared = package.system.fields.get("division") if package.system else None
    if isinstance(declared, str):
        stated.add(declared.strip().lower())
    return stated.pop() if len(stated) == 1 else None


class _Loader:
    """Reads the parts of one package; every part that cannot be read leaves one line behind."""

    def __init__(self, tree: Tree, layout: PackageLayout, package: Package) -> None:
        self.tree, self.layout, self.package = tree, layout, package

    def _try(self, read: Any, path: Path, problems: list[str]) -> Any:
        """read(path) when the file is in the package; None and one line when it cannot be read."""
        if not self.tree.has(path):
            return None
        try:
            return read(path)
        except Unreadable as error:
            problems.append(f"{relative(path, self.tree.root)}: {error}")
        except OSError as error:
            problems.append(f"{relative(path, self.tree.root)}: {error.strerror}")
        return None

    def describe(self) -> None:
        package, layout, bad = self.package, self.layout, self.package.unreadable
        fields = self._try(strangers.read_object, layout.system_json, bad)
        if fields is not None:
            probe = self._try(strangers.read_object, layout.detected, bad) or {}
            package.system = _system(layout, fields, probe, self.tree.root)
        package.recipe = self._try(_read_recipe, layout.recipe, bad)
        package.plan = self._try(_read_plan, layout.plan, bad)
        package.dataset = self._try(strangers.read_dataset, layout.dataset, bad)
        if package.dataset is not None:
            package.dataset_digest = _dataset_digest(package.dataset, bad)
        companions = [
            n
            for n in self.tree.below(layout.code_dir)
            if n.startswith(f"{layout.system}_") and n.endswith(".json")
        ]
        if companions:
            package.companion = self._try(strangers.read_object, layout.code_dir / companions[0], bad)

    def runs(self) -> None:
        package, layout = self.package, self.layout
        names = [n for n in self.tree.below(layout.results_dir) if n.startswith("result")]
        package.result_names = sorted(names)
        found = (self.run(name, index) for index, name in _numbered(names))
        package.runs = [run for run in found if run is not None]
        if package.scaling == "weak":
            found = (
                self.pruned(name, index) for index, name in _numbered(self.tree.below(layout.pruned_dir))
            )
            package.pruned = [run for run in found if run is not None]
        package.scaling_file = self._try(strangers.read_object, layout.scaling_json, package.unreadable)
        failed = relative(layout.evidence_dir / "failed", self.tree.root) + "/"
        for name in self.tree.sizes:
            if name.startswith(failed) and name.endswith("/run.json"):
                record = self._try(strangers.read_failed, self.tree.root / name, package.unreadable)
                if record is not None:
                    package.failed_runs.append(record)

    def pruned(self, name: str, index: int) -> Run | None:
        """A model of weak scaling that is not scored: its log has to follow the rules too."""
        path = self.layout.pruned_dir / name
        shown = relative(path, self.tree.root)
        log = self._try(lambda p: read_log(p, shown), path, self.package.unreadable)
        return None if log is None else Run(index=index, log=log)

    def run(self, name: str, index: int) -> Run | None:
        path = self.layout.results_dir / name
        shown = relative(path, self.tree.root)
        files = RunFiles(self.layout.run_dir(index))
        digests = self.tree.has(files.timeline)
        log = self._try(lambda p: read_log(p, shown, digests), path, self.package.unreadable)
        if log is None:
            return None
        run = Run(index=index, log=log, evidence_dir=files.root)
        run.record = self._try(strangers.read_record, files.record, run.problems)
        run.timeline = self._try(strangers.read_timeline, files.timeline, run.problems)
        run.science = self._try(strangers.read_object, files.science, run.problems)
        if self.tree.has(files.weights):
            run.weights_sha256 = self._try(self._digest, files.weights, run.problems)
        self._digests(run, files, path)
        window = (time_ms(run_start(log)), time_ms(run_stop(log)))
        for evidence in sorted(n for n in self.tree.below(files.root) if n.startswith("telemetry_")):
            telemetry = self._try(
                lambda p: summarise(p, relative(p, self.tree.root), window),
                files.root / evidence,
                run.problems,
            )
            if telemetry is not None:
                run.telemetry.append(telemetry)
        self._power(run)
        return run

    def _digest(self, path: Path) -> str:
        return self.tree.digest(relative(path, self.tree.root))

    def _digests(self, run: Run, files: RunFiles, log: Path) -> None:
        """Digests of the evidence that run.json lists, and of what lies beside it unlisted."""
        for name in self.tree.below(files.root):
            if name != files.record.name:
                digest = self._try(self._digest, files.root / name, run.problems)
                if digest is not None:
                    run.file_digests[name] = digest
        if run.log.sha256 is not None:
            run.file_digests[log.name] = run.log.sha256

    def _power(self, run: Run) -> None:
        folder = self.layout.power_dir(run.index)
        for name in sorted(self.tree.below(folder))[:MAX_POWER_FILES]:
            shown = relative(folder / name, self.tree.root)
            log: Log | None = self._try(lambda p, s=shown: read_log(p, s), folder / name, run.problems)
            if log is not None:
                run.power[name] = log


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    """Result files by number: result_7.txt, not result_07.txt."""
    numbered = sorted((int(m[1]), n) for n in names if (m := RESULT_PATTERN.match(n)) and len(m[1]) < 10)
    return [(index, name) for index, name in numbered if name == f"result_{index}.txt"][:MAX_RUNS]


def _read_recipe(path: Path) -> dict[str, Any]:
    """The recipe with its defaults filled in. Raises Unreadable when it is no recipe."""
    raw = strangers.read_yaml(path)
    try:
        return Recipe.model_validate(raw).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])[:80]
        raise Unreadable(f"is not a recipe ({where}: {first['msg'].lower()})") from None


def _read_plan(path: Path) -> dict[str, Any]:
    """The plan; its recipe with the defaults of fields that are newer than it, as recipe.yaml has them."""
    plan = strangers.read_object(path)
    with contextlib.suppress(ValidationError):  # what is no recipe stays, and differs from recipe.yaml
        plan["recipe"] = Recipe.model_validate(plan.get("recipe")).model_dump()
    return plan


def _system(layout: PackageLayout, fields: dict[str, Any], probe: dict[str, Any], root: Path) -> System:
    provenance = probe.get("provenance")
    detected = probe.get("detected")
    return System(
        name=layout.system,
        path=relative(layout.system_json, root),
        fields=fields,
        provenance=provenance if isinstance(provenance, dict) else {},
        detected=detected if isinstance(detected, dict) else None,
    )


def _dataset_digest(dataset: Any, problems: list[str]) -> str | None:
    from reference.dataset import dataset_digest
    from reference.spec import Geometry, Split

    try:
        return dataset_digest(
            dataset.train, dataset.test, Geometry(**dataset.geometry), Split(**dataset.split)
        )
    except (TypeError, ValueError) as error:
        problems.append(f"dataset.json: {' '.join(str(error).split())[:120]}")
        return None


__all__ = ["Target", "Tree", "find_target", "load_package", "load_single", "scan", "system_names"]
