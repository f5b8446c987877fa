"""From a folder on disk to what rules read: the header of a package, then its runs, one by one.

Nothing here judges: what is missing is None, what cannot be read is said in one line, and only
plain files that lie in the package itself are opened (links are listed, never followed).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from harness.check.entries import Entry
from harness.check.tree import MAX_TEXT_BYTES, Tree, scan
from harness.core.errors import UserError
from harness.package.manifest import verify_manifest
from harness.untrusted import documents
from harness.untrusted.documents import Unreadable
from harness.untrusted.logs import read_log
from harness.untrusted.witness import prefix_digests, read_chain
from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.model.evidence import FailedAttempt, Pictured, Telemetry
from rules.model.layout import (
    FAILED_LOG,
    RUN_FOLDER,
    WEAK,
    WEIGHTS,
    PackageLayout,
    RunFiles,
    is_litter,
    run_number,
)
from rules.model.log import Log
from rules.model.package import PackageHeader, System, relative
from rules.model.run import Run
from rules.model.statement import Statement
from rules.model.witness import Chain, Mark, Packaged

MAX_RUNS = 20_000
MAX_POWER_FILES = 100_000
TEXT = (".txt", ".json", ".jsonl", ".yaml")
T = TypeVar("T")


def load_header(root: Path, entry: Entry, tree: Tree | None = None) -> PackageHeader:
    """What an organisation's entry holds beside its runs. Raises UserError for too many files."""
    tree = tree or scan(root)
    header = PackageHeader(root, root.name, entry.system, entry.scaling, entry.benchmark)
    header.entries = [str(entry)]
    header.files, header.sizes, header.links = sorted(tree.sizes), tree.sizes, tree.links
    header.litter = tree.litter
    header.padded = _padded(tree.folders(), header.layout)
    header.unreadable = list(tree.problems)
    header.system_names = sorted(
        {n.removesuffix(".json") for n in tree.below("systems") if n.endswith(".json")}
    )
    header.manifest = verify_manifest(root, tree.digest, tree.sizes)
    header.manifest.missing = sorted(set(header.manifest.missing).difference(tree.litter))
    header.digest = _entry_digest(tree, header)
    header.other_weights = _other_weights(tree, header)
    _Parts(tree, header).describe()
    return header


def _entry_digest(tree: Tree, header: PackageHeader) -> str | None:
    """SHA-256 over what `sha256sum` prints for the files of the entry, sorted by path; None where one is unreadable.

    Other systems of the organisation, and the manifest, which lists them too, are not part of it.
    """
    layout = header.layout
    folders = tuple(f"{f.as_posix()}/" for f in (layout.results_dir, layout.evidence_dir, layout.code_dir))
    own = [n for n in header.files if n.startswith(folders) or n == layout.system_json.as_posix()]
    try:
        lines = "".join(f"{tree.digest(name)}  {name}\n" for name in own)
    except OSError:
        return None
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _other_weights(tree: Tree, header: PackageHeader) -> dict[str, str]:
    """Weights that lie in the evidence of other entries of the organisation; unreadable ones are left out."""
    own = f"{header.layout.evidence_dir.as_posix()}/"
    found: dict[str, str] = {}
    for name in header.files:
        if name.endswith(f"/{WEIGHTS}") and not name.startswith(own):
            with contextlib.suppress(OSError):
                found.setdefault(tree.digest(name), name)
    return found


def load_runs(header: PackageHeader, tree: Tree) -> Iterator[Run]:
    """The runs of an entry one by one, the scored ones first; each log is read when its turn comes."""
    if any("/telemetry_" in name for name in tree.sizes):
        tree.reader.begin()
    parts = _Parts(tree, header)
    for index, name in _numbered(header.result_names):
        run = parts.run(name, index)
        if run is not None:
            yield run
    pruned = header.layout.pruned_dir.as_posix()
    for index, name in _numbered(tree.below(pruned)) if header.scaling == WEAK else ():
        log = parts.log(f"{pruned}/{name}", header.unreadable)
        if log is not None:
            yield Run(index, log, header, pruned=True)


def load_single(path: Path, root: Path, entry: Entry | None) -> Run:
    """One result file, with its evidence when it lies in a package. Raises UserError when unreadable."""
    number = run_number(path.name)
    header = PackageHeader(root, root.name)
    if entry and number is not None:
        header = PackageHeader(root, root.name, entry.system, entry.scaling, entry.benchmark)
        header.padded = _padded(_beside(root, header.layout), header.layout)
        tree = Tree(root)
        for folder in (root / header.evidence_of(number).root, root / header.power_of(number)):
            if not folder.is_dir() or folder.is_symlink():
                continue
            shown = relative(folder, root)
            with os.scandir(folder) as entries:
                for e in entries:
                    if e.is_file(follow_symlinks=False) and not is_litter(e.name):
                        tree.sizes[f"{shown}/{e.name}"] = e.stat().st_size
        tree.sizes[relative(path, root)] = path.stat().st_size
        with contextlib.suppress(Unreadable, OSError):
            header.plan = _read_plan(root / header.layout.plan)
        if path.parent == root / header.layout.pruned_dir:
            return Run(number, read_log(path, relative(path, root)), header, pruned=True)
        run = _Parts(tree, header).run(path.name, number)
        if run is not None:
            return run
    try:
        return Run(number or 0, read_log(path, path.name), header)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.", "check the file's permissions.") from error


class _Parts:
    """Reads the parts of one entry; every part that cannot be read is noted in one line.

    Files are named by their path relative to the package, as in the tree.
    """

    def __init__(self, tree: Tree, header: PackageHeader) -> None:
        self._tree, self._header, self._root = tree, header, tree.root

    def _try(self, read: Callable[[Path], T], name: str, problems: list[str]) -> T | None:
        """read(path) when the file is in the package; None and one line when it cannot be read."""
        tree = self._tree
        if name not in tree.sizes:
            return None
        try:
            if name.endswith(TEXT):
                tree.text_left -= tree.sizes[name]
                if tree.text_left < 0:
                    raise Unreadable(
                        f"not read: there are more than {MAX_TEXT_BYTES} bytes of logs and records"
                    )
            return read(self._root / name)
        except Unreadable as error:
            problems.append(f"{name}: {error}")
        except OSError as error:
            raise UserError(
                f"{name} cannot be read now: {error.strerror}.",
                "try again; if it stays so, look at the disk.",
            ) from None
        return None

    def describe(self) -> None:
        """Fill the header from the files beside the runs."""
        header, layout, bad = self._header, self._header.layout, self._header.unreadable

        def read(reader: Callable[[Path], T], path: Path) -> T | None:
            return self._try(reader, path.as_posix(), bad)

        fields = read(documents.read_object, layout.system_json)
        if fields is not None:
            header.system = _system(layout, fields, read(documents.read_object, layout.detected) or {})
        header.recipe = read(_read_recipe, layout.recipe)
        header.plan = read(_read_plan, layout.plan)
        header.dataset = read(documents.read_dataset, layout.dataset)
        if header.dataset is not None:
            header.dataset_digest = _dataset_digest(header.dataset, bad)
        companions = self._tree.below(layout.code_dir.as_posix())
        for name in companions:
            if name.startswith(f"{layout.system}_") and name.endswith(".json"):
                header.companion = read(documents.read_object, layout.code_dir / name)
                break
        results = self._tree.below(layout.results_dir.as_posix())
        header.result_names = sorted(n for n in results if n.startswith("result") and n.endswith(".txt"))
        header.scaling_file = read(documents.read_object, layout.scaling_json)
        header.witness = read(read_chain, layout.witness)
        header.statement = read(self._statement, layout.statement)
        if header.witness is not None:
            header.record_digests = self._records(header.witness)
        failed = f"{layout.evidence_dir.as_posix()}/failed/"
        for name in self._tree.sizes:
            if name.startswith(failed) and name.endswith("/run.json"):
                record = self._try(documents.read_failed, name, bad)
                if record is not None:
                    few = replace(record, spec={}, files={}, cache={}, software={}, command=[])
                    header.failed.append(FailedAttempt(name, few, self._epochs(name)))

    def _epochs(self, record: str) -> int | None:
        """Epochs that the log beside the record of a failed attempt shows as finished; None without a log."""
        name = f"{record.rpartition('/')[0]}/{FAILED_LOG}"
        log = self.log(name, self._header.unreadable)
        return len(log.all("epoch_stop")) if log is not None else None

    def log(self, name: str, problems: list[str], digests: bool = False) -> Log | None:
        """A log or power file; None when it cannot be opened."""
        return self._try(lambda path: read_log(path, name, digests), name, problems)

    def run(self, name: str, index: int) -> Run | None:
        """The run of one result file, with its evidence; None when the log cannot be opened."""
        header = self._header
        files, results = header.evidence_of(index), header.layout.results_dir.as_posix()
        arrivals = files.timeline.as_posix()
        log = self.log(f"{results}/{name}", header.unreadable, arrivals in self._tree.sizes)
        if log is None:
            return None
        run = Run(index, log, header, evidence_dir=self._root / files.root)
        run.record = self._try(documents.read_record, files.record.as_posix(), run.problems)
        run.timeline = self._try(documents.read_timeline, arrivals, run.problems)
        run.bill = self._try(documents.read_bill, files.bill.as_posix(), run.problems)
        run.science = self._try(documents.read_object, files.science.as_posix(), run.problems)
        self._digests(run, files, name)
        run.weights_sha256 = run.file_digests.get(files.weights.name)
        self._telemetry(run, files)
        run.gallery = self._try(self._pictures, files.gallery.as_posix(), run.problems)
        self._power(run)
        if header.witness is not None:
            marks = [entry.lines for _, entry in header.witness.of_run(index) if isinstance(entry, Mark)]
            run.log_prefixes = self._prefixes(f"{results}/{name}", marks, run.problems)
            run.timeline_prefixes = self._prefixes(arrivals, marks, run.problems)
        return run

    def _statement(self, path: Path) -> Statement:
        from harness.statement.reading import read_statement  # loads slowly: only where there is one

        return read_statement(path, self._root)

    def _prefixes(self, name: str, counts: list[int], problems: list[str]) -> dict[int, str]:
        return self._try(lambda path: prefix_digests(path, counts), name, problems) or {}

    def _records(self, chain: Chain) -> dict[str, str]:
        """SHA-256 of what the witness stamped last and of the record of every run, by path below the evidence."""
        below = f"{self._header.layout.evidence_dir.as_posix()}/"
        stamped = {name for _, entry in chain.of(Packaged) for name in entry.records}
        found = {}
        for name in self._tree.sizes:
            inside = name.removeprefix(below)
            if inside != name and (inside in stamped or name.endswith("/run.json")):
                found[inside] = self._try(self._digest_of(name), name, [])
        return {name: digest for name, digest in found.items() if digest is not None}

    def _digest_of(self, name: str) -> Callable[[Path], str]:
        return lambda path: self._tree.digest(name)

    def _telemetry(self, run: Run, files: RunFiles) -> None:
        """Summaries of the sampler's files, over the timed window of the run."""
        times = (run_start(run.log), run_stop(run.log), run.log.first("init_start"))
        start_s, stop_s, init_s = (None if at is None else at / 1000 for at in map(time_ms, times))
        if start_s is None or stop_s is None or stop_s <= start_s:
            start_s = stop_s = init_s = None
        if init_s is not None and start_s is not None and init_s >= start_s:
            init_s = None

        def read(path: Path) -> Telemetry:
            try:
                found = self._tree.reader.summary(path, start_s, stop_s, init_s)
            except ValueError as error:
                raise Unreadable(" ".join(str(error).split())[:200]) from None
            return replace(found, path=relative(path, self._root))

        folder = files.root.as_posix()
        for beside in sorted(self._tree.below(folder)):
            if beside.startswith("telemetry_"):
                telemetry = self._try(read, f"{folder}/{beside}", run.problems)
                if telemetry is not None:
                    run.telemetry.append(telemetry)

    def _pictures(self, path: Path) -> list[Pictured]:
        try:
            return self._tree.reader.gallery_counts(path)
        except ValueError as error:
            raise Unreadable(" ".join(str(error).split())[:200]) from None

    def _digests(self, run: Run, files: RunFiles, log_name: str) -> None:
        """Digests of the evidence that run.json lists, and of what lies beside it unlisted."""
        folder = files.root.as_posix()

        def digest(path: Path) -> str:
            return self._tree.digest(f"{folder}/{path.name}")

        for beside in self._tree.below(folder):
            if beside != files.record.name:
                found = self._try(digest, f"{folder}/{beside}", run.problems)
                if found is not None:
                    run.file_digests[beside] = found
        if run.log.sha256 is not None:
            run.file_digests[log_name] = run.log.sha256

    def _power(self, run: Run) -> None:
        folder = run.package.power_of(run.index).as_posix()
        for name in sorted(self._tree.below(folder))[:MAX_POWER_FILES]:
            log = self.log(f"{folder}/{name}", run.problems)
            if log is not None:
                run.power[name] = log


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    """Result files by number, zero-padded or not; where two have one number (PKG002), both."""
    numbered = ((run_number(name), name) for name in names)
    return sorted((index, name) for index, name in numbered if index is not None)[:MAX_RUNS]


def _padded(folders: Iterable[str], layout: PackageLayout) -> dict[str, str]:
    """Folders of runs that are named with leading zeros, by the name without; where both are, the latter."""
    there = set(folders)
    found: dict[str, str] = {}
    for parent in (layout.evidence_dir.as_posix(), layout.power_dir(0).parent.as_posix()):
        for folder in sorted(f for f in there if f.startswith(f"{parent}/")):
            match = RUN_FOLDER.match(folder[len(parent) + 1 :])
            plain = f"{parent}/result_{int(match[1])}" if match else folder
            if plain not in there:
                found.setdefault(plain, folder)
    return found


def _beside(root: Path, layout: PackageLayout) -> Iterator[str]:
    """Folders of the runs of one entry, relative to the package."""
    for parent in (layout.evidence_dir, layout.power_dir(0).parent):
        with contextlib.suppress(OSError), os.scandir(root / parent) as entries:
            yield from (f"{parent.as_posix()}/{e.name}" for e in entries if e.is_dir(follow_symlinks=False))


def _read_recipe(path: Path) -> dict[str, Any]:
    """The recipe with its defaults filled in. Raises Unreadable when it is not a recipe."""
    from harness.plan.recipe import completed  # pydantic loads slowly: only where there is a recipe

    try:
        return completed(documents.read_yaml(path))
    except ValueError as error:
        raise Unreadable(f"is not a recipe ({error})") from None


def _read_plan(path: Path) -> dict[str, Any]:
    """The plan; its recipe with the defaults of fields that are newer than it, as recipe.yaml has them."""
    from harness.plan.recipe import completed

    plan = documents.read_object(path)
    with contextlib.suppress(ValueError):  # what is not a recipe stays, and differs from recipe.yaml
        plan["recipe"] = completed(plan.get("recipe"))
    return plan


def _system(layout: PackageLayout, fields: dict[str, Any], probe: dict[str, Any]) -> System:
    provenance = probe.get("provenance")
    detected = probe.get("detected")
    return System(
        name=layout.system,
        path=layout.system_json.as_posix(),
        fields=fields,
        provenance=provenance if isinstance(provenance, dict) else {},
        detected=detected if isinstance(detected, dict) else None,
    )


def _dataset_digest(dataset: Any, problems: list[str]) -> str | None:
    from reference.data.dataset import stated_digest

    try:
        return stated_digest(dataset)
    except (TypeError, ValueError) as error:
        problems.append(f"dataset.json: {' '.join(str(error).split())[:120]}")
        return None
