"""PKG: an entry is complete: runs, code, evidence and descriptions, under the right names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import RUN_FOLDER, WEAK, run_number
from rules.model.package import Package, Plan
from rules.model.values import show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset

BOTH = (Scope.PLAN, Scope.PACKAGE)


@rule(
    "PKG002",
    "Results are result_0.txt to result_<n-1>.txt",
    Scope.PACKAGE,
    source="SR 5.6.1; sources K3, case 62",
    fix="Number the runs from 0 without gaps, in the order they were made.",
)
def numbering(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream takes any result_*.txt, so a best retry can replace a bad run under another name. Runs that
    were moved to pruned_results/ keep their numbers, and two names of one number are two runs in one place."""
    folder = package.layout.results_dir.as_posix()
    numbers = {name: run_number(name) for name in package.result_names}
    scored = {number for number in numbers.values() if number is not None}
    known = scored | _pruned_numbers(package)
    starts = ruleset.package.numbering_from
    first = next((i for i in starts if i in known), starts[0])
    unnumbered = sum(number is None for number in numbers.values())
    expected = range(first, first + len(known) + unnumbered)
    missing = next((i for i in expected if i not in known), None)
    asked = "gaps" in ruleset.tolerated
    for name, number in numbers.items():
        if number is None or (number not in expected and not asked):
            yield self.finding(f"{show(name)} is not in the numbering", path=f"{folder}/{name}")
        elif name != f"result_{number}.txt" and "zero_padded" not in ruleset.tolerated:
            yield self.finding(f"{name} has leading zeros", path=f"{folder}/{name}", expected=number)
    yield from _one_name_each(self, package)
    if missing is not None:
        # as the others are written
        digits = min(
            (len(name) - len("result_.txt") for name, n in numbers.items() if n is not None), default=1
        )
        absent = f"result_{missing:0{digits}d}.txt"
        yield self.finding(
            f"{absent} is missing{': was a run left out?' if asked and not unnumbered else ''}",
            severity=Severity.WARNING if asked and not unnumbered else Severity.ERROR,
            path=f"{folder}/{absent}",
            expected=absent,
        )


def _pruned_numbers(package: Package) -> set[int]:
    """Numbers of the runs that were trained, but are not scored."""
    if package.scaling != WEAK:
        return set()
    folder = f"{package.layout.pruned_dir.as_posix()}/"
    names = (name[len(folder) :] for name in package.files if name.startswith(folder))
    return {number for number in map(run_number, names) if number is not None}


def _one_name_each(self: Rule, package: Package) -> Iterator[Finding]:
    """A finding for each run whose log, power or evidence is there under two names."""
    layout = package.layout
    places = {layout.results_dir: package.result_names}
    for parent in (layout.power_dir(0).parent, layout.evidence_dir):
        inside = f"{parent.as_posix()}/"
        found = (f[len(inside) :].split("/") for f in package.files if f.startswith(inside))
        places[parent] = sorted({parts[0] for parts in found if len(parts) > 1})
    for parent, names in places.items():
        matches = ((RUN_FOLDER.match(name.removesuffix(".txt")), name) for name in names)
        numbered = sorted((int(match[1]), name) for match, name in matches if match)
        for number, group in groupby(numbered, key=lambda pair: pair[0]):
            same = [name for _, name in group]
            if len(same) > 1:
                yield self.finding(
                    f"{' and '.join(same[:5])} are one run by their number",
                    path=f"{parent.as_posix()}/{same[1]}",
                    expected=same[0],
                    actual=number,
                )


@rule(
    "PKG003",
    "The number of runs is the division's",
    BOTH,
    source="TR 12; HR 8; SP 9; sources H1, 0.6, case 61",
    fix="Closed needs exactly 5 scored runs, open at least 1: set runs in the recipe, and submit them all.",
)
def run_count(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The score drops the fastest and the slowest of a fixed number of runs; with more to choose from it
    would be another statistic."""
    division = ruleset.division(subject.division, subject.scaling)
    count = subject.runs if isinstance(subject, Plan) else len(subject.runs)
    low, high = division.runs_minimum, division.runs_maximum
    wanted = f"exactly {low}" if low == high else f"at least {low}"
    if count < low or (high is not None and count > high):
        yield self.finding(
            f"{count} runs, {wanted} expected",
            path=subject.recipe_path if isinstance(subject, Plan) else subject.layout.results_dir.as_posix(),
            expected=wanted,
            actual=count,
        )


@rule(
    "PKG010",
    "The evidence of the runs is there",
    Scope.PACKAGE,
    source="design of this rulebook: evidence, not trust",
    fix="Package the evidence folder as the harness wrote it.",
)
def evidence(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A log alone can be written with a text editor; plan, data set, arrival times and run records can
    be compared with it."""
    there, layout = set(package.files), package.layout
    wanted = [layout.plan, layout.dataset, layout.detected]
    for run in package.runs:
        files = package.evidence_of(run.index)
        wanted += [files.record, files.timeline]
    for name in map(Path.as_posix, wanted):
        if name not in there:
            yield self.finding("is missing", path=name)


@rule(
    "PKG012",
    "Open: the recipe states how many runs the submitted ones were chosen from",
    BOTH,
    source="SP 9; sources H10, 0.6",
    fix="Write best_of: N in the recipe; N is the number of runs that were made.",
    divisions=("open",),
    severity=Severity.WARNING,
)
def best_of(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The best of many runs is not what a rerun will give."""
    if subject.scaling == WEAK:
        raise NotApplicable("throughput counts all models: runs are not chosen")
    if isinstance(subject, Plan):
        stated, count, path = subject.best_of, subject.runs, subject.recipe_path
    else:
        stated = (subject.recipe or {}).get("best_of")
        count, path = len(subject.runs), subject.layout.recipe.as_posix()
    if stated is None:
        yield self.finding("the recipe does not state best_of", path=path)
    elif isinstance(stated, int) and stated < count:
        yield self.finding(
            f"best_of is {stated}, but {count} runs are submitted",
            severity=Severity.ERROR,
            path=path,
            expected=f">= {count}",
            actual=stated,
        )


@rule(
    "PKG016",
    "Every described system has results, every result a description",
    Scope.PACKAGE,
    source="SR 5.6; sources J5",
    fix="Remove systems/<name>.json, or add its results.",
    severity=Severity.WARNING,
)
def orphans(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A description without results promises what is not there."""
    if not package.system_names:
        raise NotApplicable("no system is described (SYS001)")
    with_results = {f.split("/")[1] for f in package.files if f.startswith("results/") and f.count("/") > 1}
    for name in package.system_names:
        if name not in with_results:
            yield self.finding(f"{name} has no results", path=f"systems/{name}.json")


@rule(
    "PKG017",
    "Throughput is submitted together with time-to-train",
    Scope.PACKAGE,
    source="HR 7; sources N1, W33",
    fix="Submit the same benchmark under results/<system>/strong too.",
)
def never_alone(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Weak scaling shows how many models a machine trains, strong scaling how fast it trains one: the
    first without the second hides a slow machine."""
    if package.scaling != WEAK:
        raise NotApplicable("a time-to-train entry")
    strong = re.compile(rf"results/[^/]+/strong/{re.escape(package.benchmark)}/result_\d+\.txt\Z")
    if not any(strong.match(name) for name in package.files):
        yield self.finding(
            f"there is no {package.benchmark} under strong/", path=package.layout.results_dir.as_posix()
        )


@rule(
    "PKG018",
    "Results lie in strong/ or weak/, under the keyword of a benchmark",
    Scope.PACKAGE,
    source="SR 5.6.1; HR 7; sources K2, K4, W1, case 63",
    fix="Name the folders results/<system>/strong/<benchmark>.",
)
def known_benchmark(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream skips a folder whose name it does not know, and calls the package free of errors."""
    if not ruleset.knows(package.benchmark):
        known = list(ruleset.benchmarks) or [ruleset.benchmark]
        yield self.finding(
            f"{show(package.benchmark)} is not a benchmark of {ruleset.name}",
            path=package.layout.results_dir.as_posix(),
            expected=known,
            actual=package.benchmark,
        )
    if package.scaling not in ruleset.scalings:
        yield self.finding(
            f"{show(package.scaling)} is not a kind of scaling",
            path=package.layout.results_dir.as_posix(),
            expected=ruleset.scalings,
            actual=package.scaling,
        )
