"""Reading packages and logs from strangers, applying the rulebook, saying the verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.check import collector
from harness.check.engine import Judge, check_loaded, check_plan, check_run, combine
from harness.check.entries import Entry, entry_of, find_entries
from harness.check.formats.json_record import render_json, verdict_record
from harness.check.formats.text import colour_wanted, render_text
from harness.check.loader import load_package, load_single
from harness.check.tree import Target, Tree, find_target, scan, system_names
from harness.core.errors import UserError
from rules.facts.kept import Keeper
from rules.model.findings import Scope, Verdict
from rules.model.layout import SCALING
from rules.model.package import Package
from rules.model.run import Run
from rules.ruleset import Ruleset, load_ruleset

__all__ = [
    "check_all",
    "check_package",
    "check_plan",
    "colour_wanted",
    "combine",
    "render_json",
    "render_text",
    "verdict_record",
]


def check_package(
    path: Path, ruleset: Ruleset | None = None, system: str | None = None, scaling: str = SCALING
) -> tuple[Package, Verdict]:
    """Load and judge what is at `path`: an organisation's folder, one of its systems, or a result file.

    Of a system that has throughput beside time-to-train, the entry of that `scaling`. Raises UserError
    when there is nothing to check, or when the folder holds several systems and none is named
    (`check_all` judges them all).
    """
    found = check_all(path, ruleset, system)
    found = [one for one in found if one[0].scaling == scaling] or found
    if len(found) > 1:
        names = ", ".join(str(package.system_name) for package, _ in found)
        raise UserError(f"{path} holds several systems: {names}.", "name one with --system.")
    return found[0]


def check_all(
    path: Path,
    ruleset: Ruleset | None = None,
    system: str | None = None,
    prepare: Callable[[Package], None] | None = None,
) -> list[tuple[Package, Verdict]]:
    """Every system at `path` with its verdict. Raises UserError when there is nothing to check.

    `prepare` may add evidence to a package (harness/check/replay.py) before it is judged.
    """
    with collector.rarely():
        return _check_all(path, ruleset or load_ruleset(), system, prepare)


def _check_all(
    path: Path, ruleset: Ruleset, system: str | None, prepare: Callable[[Package], None] | None
) -> list[tuple[Package, Verdict]]:
    target = find_target(path, system)
    if target.result is not None:
        return [_check_result(target.result, target, ruleset, path)]
    tree: Tree = scan(target.root)
    entries = find_entries(target.root, target.systems, ruleset, path)
    if not entries:
        raise UserError(
            f"{path} holds no entry that {ruleset.name} knows.",
            "name the organisation's folder, or another --ruleset.",
        )
    everything = [str(e) for e in find_entries(target.root, system_names(target.root), ruleset)]
    checked = []
    for entry in entries:
        rules = ruleset.of(entry.benchmark)
        if prepare is not None:
            package = load_package(target.root, entry, tree)
            package.entries = everything
            prepare(package)
            verdict = check_loaded(package, rules, str(path))
        else:
            package, verdict = _load_and_judge(target.root, entry, tree, rules, everything, str(path))
        checked.append((package, verdict))
    return checked


def _load_and_judge(
    root: Path, entry: Entry, tree: Tree, rules: Ruleset, entries: list[str], path: str
) -> tuple[Package, Verdict]:
    """Each run is judged when it is read, and its log may then be put away: a package may hold thousands."""
    judge, keeper = Judge(rules), Keeper(rules)

    def visit(run: Run) -> None:
        judge.judge(Scope.RUN, run)
        keeper.take(run)

    package = load_package(root, entry, tree, visit)
    package.entries = entries
    judge.judge(Scope.PACKAGE, package)
    return package, judge.verdict(path, package.division)


def _check_result(result: Path, target: Target, ruleset: Ruleset, path: Path) -> tuple[Package, Verdict]:
    """A single result file, by the numbers of the benchmark whose folder it lies in or that it names."""
    name = target.systems[0] if target.systems else None
    entry = entry_of(result, target.root, ruleset) if name else None
    run = load_single(result, target.root, entry)
    benchmark = entry.benchmark if entry else run.log.value("submission_benchmark")
    package = Package(target.root, target.root.name, name, [run], division=run.division)
    if entry is not None:
        package.scaling, package.benchmark = entry.scaling, entry.benchmark
    rules = ruleset.of(benchmark if isinstance(benchmark, str) else None)
    return package, check_run(run, rules, str(path))
