"""What an organisation entered: one entry per system, kind of scaling and benchmark.

A CloudMask package has one entry per system, and a second one where it has throughput too (weak
scaling). Other rulesets of the field (MLPerf HPC) have several benchmarks:
results/<system>/<scaling>/<benchmark>.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from harness.core.errors import OtherBenchmarks, UserError
from rules.model.layout import BENCHMARK, STRONG, WEAK, run_number
from rules.ruleset import Ruleset, load_ruleset, names

MAX_ENTRIES = 1000


class Entry(msgspec.Struct, frozen=True):
    """One system's results of one kind of scaling and one benchmark."""

    system: str
    scaling: str = STRONG
    benchmark: str = BENCHMARK

    def __str__(self) -> str:
        return f"{self.system}/{self.scaling}/{self.benchmark}"


def find_entries(root: Path, systems: list[str], ruleset: Ruleset, within: Path | None = None) -> list[Entry]:
    """Entries of these systems; those below `within` only, when it lies in results/.

    A ruleset of one benchmark expects time-to-train of every system, there or not, and throughput
    where its folder is; another reads the folders. Raises UserError for results in the layout of
    MLPerf HPC v0.7, and where all are of other benchmarks: they are not judged, and must not look as
    if there were none.
    """
    for system in systems:
        _refuse_flat(root / "results" / system, ruleset)
    if not ruleset.benchmarks:
        _refuse_others(root / "results", systems, ruleset)
    found = [e for system in systems for e in _of_system(root, system, ruleset)][:MAX_ENTRIES]
    parts = _below_results(root, within)[:3] if within else ()
    return [e for e in found if (e.system, e.scaling, e.benchmark)[: len(parts)] == parts]


def entry_of(path: Path, root: Path, ruleset: Ruleset) -> Entry | None:
    """The entry that a result file belongs to, by its place; None outside of results/.

    Both paths are as find_target gives them: without links.
    """
    try:
        parts = path.parent.relative_to(root / "results").parts
    except ValueError:
        parts = ()
    if not ruleset.benchmarks:
        return Entry(parts[0], WEAK if parts[1:2] == (WEAK,) else STRONG) if parts else None
    return Entry(*parts[:3]) if len(parts) >= 3 else None


def _of_system(root: Path, system: str, ruleset: Ruleset) -> list[Entry]:
    if not ruleset.benchmarks:
        throughput = WEAK in ruleset.scalings and WEAK in _folders(root / "results" / system)
        return [Entry(system), *([Entry(system, WEAK)] if throughput else [])]
    found = [
        Entry(system, scaling, benchmark)
        for scaling in _folders(root / "results" / system)
        for benchmark in _folders(root / "results" / system / scaling)
    ]
    # a system without results is judged too: the rules say what is missing
    return found or [Entry(system, STRONG, next(iter(ruleset.benchmarks)))]


def _refuse_flat(folder: Path, ruleset: Ruleset) -> None:
    """Raise UserError where a system has results/<system>/<benchmark>/result_<i>.txt and no strong/ or weak/."""
    below = _folders(folder)
    if not {STRONG, WEAK}.isdisjoint(below):
        return
    for name in below:
        if _has_results(folder / name):
            raise UserError(
                f"{folder / name} has results without a folder strong/ or weak/ above them, the layout of "
                f"MLPerf HPC v0.7: {ruleset.name} does not judge it.",
                f"move them to results/{folder.name}/{STRONG}/{name}, or name single result files.",
            )


def _refuse_others(results: Path, systems: list[str], ruleset: Ruleset) -> None:
    """Raise UserError where there are results, and none of this ruleset's benchmark."""
    found = {
        benchmark
        for system in systems
        for scaling in (STRONG, WEAK)
        for benchmark in _folders(results / system / scaling)
        if benchmark == BENCHMARK or _has_results(results / system / scaling / benchmark)
    }
    if not found or BENCHMARK in found:
        return
    judges = [name for name in names() if any(map(load_ruleset(name).knows, found))]
    raise OtherBenchmarks(
        f"The results in {results} are of {', '.join(sorted(found)[:5])}; {ruleset.name} judges {BENCHMARK} only.",
        f"judge them by --ruleset {' or '.join(judges)}." if judges else f"name a submission of {BENCHMARK}.",
        sorted(found)[:5],
    )


def _has_results(folder: Path) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        return any(run_number(file.name) is not None for file in files)
    return False


def _below_results(root: Path, path: Path) -> tuple[str, ...]:
    try:
        return path.resolve().relative_to((root / "results").resolve()).parts
    except (ValueError, OSError):
        return ()


def _folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; links are not followed, hidden ones are left out."""
    try:
        found = (p for p in folder.iterdir() if p.is_dir() and not p.is_symlink())
        return sorted(p.name for p in found if not p.name.startswith(".") and p.name != "__MACOSX")
    except OSError:
        return []
