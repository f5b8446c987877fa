"""From a folder on disk to the Package that rules read.

Nothing here judges: what is missing is None, what cannot be read is said in one line, and only
plain files that lie in the package itself are opened (links are listed, never followed).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.check.entries import Entry
from harness.check.telemetry_summary import summarise
from harness.check.tree import MAX_TEXT_BYTES, Tree, scan
from harness.core.errors import UserError
from harness.package.manifest import verify_manifest
from harness.plan.recipe import Recipe
from harness.untrusted import documents
from harness.untrusted.documents import Unreadable
from harness.untrusted.logs import read_log
from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.model.layout import RESULT_PATTERN, PackageLayout, RunFiles
from rules.model.log import Log
from rules.model.package import Package, System, relative
from rules.model.run import Run, Telemetry

MAX_RUNS = 20_000
MAX_POWER_FILES = 100_000
TEXT = (".txt", ".json", ".jsonl", ".yaml")
FILES = RunFiles(Path())  # the names of the evidence files of a run
T = TypeVar("T")
Visit = Callable[[Run], None]


def load_package(
    root: Path, system: str | Entry, tree: Tree | None = None, visit: Visit = lambda run: None
) -> Package:
    """One organisation's entry for one system. Raises UserError only for an absurd number of files.

    `visit` is called with each run once it is read; it may put the run's log away (rules/facts/kept.py).
    """
    tree = tree or scan(root)
    if any("/telemetry_" in name for name in tree.sizes):
        tree.reader.begin()
    entry = system if isinstance(system, Entry) else Entry(system)
    layout = PackageLayout(root, entry.system, entry.scaling, entry.benchmark)
    package = Package(root=root, org=root.name, system_name=entry.system, runs=[])
    package.scaling, package.benchmark, package.entries = entry.scaling, entry.benchmark, [str(entry)]
    package.files, package.sizes, package.links = sorted(tree.sizes), tree.sizes, tree.links
    package.unreadable = list(tree.problems)
    package.system_names = sorted(
        {n.removesuffix(".json") for n in tree.below("systems") if n.endswith(".json")}
    )
    package.manifest = verify_manifest(root, tree.digest, tree.sizes)
    loader = _Loader(tree, layout, package)
    loader.describe()
    loader.runs(visit)
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
            shown = relative(folder, root)
            with os.scandir(folder) as entries:
                for e in entries:
                    if e.is_file(follow_symlinks=False):
                        tree.sizes[f"{shown}/{e.name}"] = e.stat().st_size
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


class _Shelf:
    """Logs that were put away and are read again: only the latest of them stays in memory."""

    def __init__(self) -> None:
        self._open: Log | None = None

    def hold(self, log: Log, read: Callable[[], Log]) -> None:
        """Let `log` be read again with `read`, which has to find the same bytes."""

        def again() -> Log:
            if self._open is not None:
                self._open.put_away()
            self._open = log
            found = read()
            if found.sha256 != log.sha256:
                raise OSError(f"{log.path} changed while it was checked")
            return found

        log.again = again


class _Loader:
    """Reads the parts of one package; every part that cannot be read leaves one line behind.

    Files are named by their path relative to the package, as in the tree.
    """

    def __init__(self, tree: Tree, layout: PackageLayout, package: Package) -> None:
        self.tree, self.layout, self.package = tree, layout, package
        self._root = tree.root
        self._results = relative(layout.results_dir, tree.root)
        self._evidence = relative(layout.evidence_dir, tree.root)
        self._shelf = _Shelf()

    def _try(self, read: Callable[[Path], T], name: str, problems: list[str]) -> T | None:
        """read(path) when the file is in the package; None and one line when it cannot be read."""
        if name not in self.tree.sizes:
            return None
        try:
            if name.endswith(TEXT):
                self.tree.text_left -= self.tree.sizes[name]
                if self.tree.text_left < 0:
                    raise Unreadable(
                        f"not read: there are more than {MAX_TEXT_BYTES} bytes of logs and records"
                    )
            return read(self._root / name)
        except Unreadable as error:
            problems.append(f"{name}: {error}")
        except OSError as error:
            problems.append(f"{name}: {error.strerror}")
        return None

    def describe(self) -> None:
        package, layout, bad = self.package, self.layout, self.package.unreadable

        def read(reader: Callable[[Path], T], path: Path) -> T | None:
            return self._try(reader, relative(path, self._root), bad)

        fields = read(documents.read_object, layout.system_json)
        if fields is not None:
            probe = read(documents.read_object, layout.detected) or {}
            package.system = _system(layout, fields, probe, self._root)
        package.recipe = read(_read_recipe, layout.recipe)
        package.plan = read(_read_plan, layout.plan)
        package.dataset = read(documents.read_dataset, layout.dataset)
        if package.dataset is not None:
            package.dataset_digest = _dataset_digest(package.dataset, bad)
        code = relative(layout.code_dir, self._root)
        companions = [
            n for n in self.tree.below(code) if n.startswith(f"{layout.system}_") and n.endswith(".json")
        ]
        if companions:
            package.companion = self._try(documents.read_object, f"{code}/{companions[0]}", bad)

    def runs(self, visit: Visit) -> None:
        """Read the runs one by one, the scored ones first, and let each be visited."""
        package = self.package
        names = [n for n in self.tree.below(self._results) if n.startswith("result")]
        package.result_names = sorted(names)
        for index, name in _numbered(names):
            run = self.run(name, index)
            if run is not None:
                package.runs.append(run)
                visit(run)
        pruned = relative(self.layout.pruned_dir, self._root)
        for index, name in _numbered(self.tree.below(pruned)) if package.scaling == "weak" else ():
            run = self.pruned(f"{pruned}/{name}", index)
            if run is not None:
                package.pruned.append(run)
                visit(run)
        scaling = relative(self.layout.scaling_json, self._root)
        package.scaling_file = self._try(documents.read_object, scaling, package.unreadable)
        failed = f"{self._evidence}/failed/"
        for name in self.tree.sizes:
            if name.startswith(failed) and name.endswith("/run.json"):
                record = self._try(documents.read_failed, name, package.unreadable)
                if record is not None:
                    package.failed_runs.append(record)

    def pruned(self, name: str, index: int) -> Run | None:
        """A model of weak scaling that is not scored: its log has to follow the rules too."""
        log = self._log(name, self.package.unreadable)
        return None if log is None else Run(index=index, log=log)

    def _log(self, name: str, problems: list[str], digests: bool = False) -> Log | None:
        log = self._try(lambda path: read_log(path, name, digests), name, problems)
        if log is not None:
            self._shelf.hold(log, lambda: read_log(self._root / name, name, digests))
        return log

    def run(self, name: str, index: int) -> Run | None:
        """The run of one result file, with its evidence; None when the log cannot be opened."""
        shown, folder = f"{self._results}/{name}", f"{self._evidence}/result_{index}"
        arrivals = f"{folder}/{FILES.timeline.name}"
        log = self._log(shown, self.package.unreadable, arrivals in self.tree.sizes)
        if log is None:
            return None
        run = Run(index=index, log=log, evidence_dir=self.layout.run_dir(index))
        run.record = self._try(documents.read_record, f"{folder}/{FILES.record.name}", run.problems)
        run.timeline = self._try(documents.read_timeline, arrivals, run.problems)
        if run.timeline is not None:
            run.timeline.again = lambda: documents.read_timeline(self._root / arrivals)
        run.science = self._try(documents.read_object, f"{folder}/{FILES.science.name}", run.problems)
        self._digests(run, folder, name)
        run.weights_sha256 = run.file_digests.get(FILES.weights.name)
        self._telemetry(run, folder)
        self._power(run)
        return run

    def _telemetry(self, run: Run, folder: str) -> None:
        window = (time_ms(run_start(run.log)), time_ms(run_stop(run.log)))

        def read(path: Path) -> Telemetry:
            return summarise(path, relative(path, self._root), window, self.tree.reader)

        for beside in sorted(self.tree.below(folder)):
            if beside.startswith("telemetry_"):
                telemetry = self._try(read, f"{folder}/{beside}", run.problems)
                if telemetry is not None:
                    run.telemetry.append(telemetry)

    def _digests(self, run: Run, folder: str, log_name: str) -> None:
        """Digests of the evidence that run.json lists, and of what lies beside it unlisted."""

        def digest(path: Path) -> str:
            return self.tree.digest(f"{folder}/{path.name}")

        for beside in self.tree.below(folder):
            if beside != FILES.record.name:
                found = self._try(digest, f"{folder}/{beside}", run.problems)
                if found is not None:
                    run.file_digests[beside] = found
        if run.log.sha256 is not None:
            run.file_digests[log_name] = run.log.sha256

    def _power(self, run: Run) -> None:
        folder = f"{self._results}/power/result_{run.index}"
        for name in sorted(self.tree.below(folder))[:MAX_POWER_FILES]:
            log = self._log(f"{folder}/{name}", run.problems)
            if log is not None:
                run.power[name] = log


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    """Result files by number: result_7.txt, not result_07.txt."""
    numbered = sorted((int(m[1]), n) for n in names if (m := RESULT_PATTERN.match(n)) and len(m[1]) < 10)
    return [(index, name) for index, name in numbered if name == f"result_{index}.txt"][:MAX_RUNS]


def _read_recipe(path: Path) -> dict[str, Any]:
    """The recipe with its defaults filled in. Raises Unreadable when it is no recipe."""
    raw = documents.read_yaml(path)
    try:
        return Recipe.model_validate(raw).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])[:80]
        raise Unreadable(f"is not a recipe ({where}: {first['msg'].lower()})") from None


def _read_plan(path: Path) -> dict[str, Any]:
    """The plan; its recipe with the defaults of fields that are newer than it, as recipe.yaml has them."""
    plan = documents.read_object(path)
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
    from reference.data.dataset import dataset_digest
    from reference.protocol.spec import Geometry, Split

    try:
        return dataset_digest(
            dataset.train, dataset.test, Geometry(**dataset.geometry), Split(**dataset.split)
        )
    except (TypeError, ValueError) as error:
        problems.append(f"dataset.json: {' '.join(str(error).split())[:120]}")
        return None


__all__ = ["load_package", "load_single"]
