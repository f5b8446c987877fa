"""SED: every run starts from its own random seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from rules.facts.reference_code import judge_code
from rules.facts.run_facts import meant_seed
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.run_facts import RunFacts
from rules.model.values import is_int, same, show
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "SED001",
    "Every run logs its seed",
    Scope.RUN,
    source="TR 5.1; sources G2, B22, case 42",
    fix="Log the seed with mllog before run_start; the harness draws it.",
)
def present(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Without a logged seed nobody can tell independent runs from copies."""
    if "seed" not in ruleset.required_keys(run.division):
        raise NotApplicable(f"{ruleset.name} does not ask for a seed in the {run.division} division")
    if run.cut_off:
        raise NotApplicable("a pruned run that did not end")
    if not run.log.events:
        raise NotApplicable("there is no MLLOG line in this file (LOG003)")
    if not run.log.all("seed"):
        yield self.finding("no seed is logged", path=run.path)


@rule(
    "SED002",
    "Seeds are integers",
    Scope.RUN,
    source="TR 5.1; sources G2, W20",
    fix="Log the integer that was given to the random number generators.",
)
def integers(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """1000.7, true and "7" all convert to an integer, and none of them seeded anything."""
    low, high = ruleset.seeds.minimum, ruleset.seeds.maximum
    for event in run.log.all("seed"):
        seed = meant_seed(event.value) if ruleset.seeds.text and isinstance(event.value, str) else event.value
        if not is_int(seed) or not low <= seed <= high:
            yield self.at(
                run,
                event,
                f"seed is {show(event.value)}",
                expected=f"an integer from {low} to {high}",
                actual=event.value,
            )


@rule(
    "SED003",
    "One seed per run",
    Scope.RUN,
    source="TR 5.1; sources G4",
    fix="Log one seed; derive those of other generators and processes from it.",
    severity=Severity.WARNING,
)
def single(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """With several seeds it is unclear which one a rerun needs."""
    events = run.log.all("seed")
    if len(events) > 1:
        yield self.at(run, events[1], f"{len(events)} seeds are logged", expected=1, actual=len(events))


@rule(
    "SED004",
    "No two runs share a seed",
    Scope.PACKAGE,
    source="TR 5.1; sources G3, G5, W7, W20",
    fix="Run again with a fresh seed; the harness never draws one twice.",
)
def unique(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Two runs from one seed are one run, wherever in the code its line was logged."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    seen: dict[int, RunFacts] = {}
    for run in package.runs:
        for seed, line in dict(reversed(run.seeds)).items():  # its first line
            if seen.setdefault(seed, run) is not run:
                yield self.finding(
                    f"seed {show(seed)} was used by {seen[seed].path} too",
                    path=run.path,
                    line=line,
                    actual=seed,
                )


@rule(
    "SED005",
    "The logged seed is the one the harness drew",
    Scope.RUN,
    source="TR 5.1; sources G6, case 43; the run protocol",
    fix="Use the seed of the run spec and log it unchanged.",
)
def as_drawn(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness draws seeds so that lucky ones cannot be searched for; another seed may be one."""
    if run.record is None:
        raise NotChecked("there is no readable run.json")
    drawn, given = run.record.seed, run.record.spec.get("seed", run.record.seed)
    for event in run.log.all("seed"):
        if not same(event.value, drawn) or not same(given, drawn):
            yield self.at(
                run,
                event,
                f"seed is {show(event.value)}, run.json says {show(drawn)} and its run spec {show(given)}",
                expected=drawn,
                actual=event.value,
            )


@rule(
    "SED006",
    "The published seed 1234 is for single open runs",
    Scope.PACKAGE,
    source="SP 7.3; TR 5.1; sources D7, 0.3",
    fix="Let the harness draw the seeds.",
)
def fixed_seed(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The Science policy pins 1234, the training rules ask for fresh seeds: with one open run both hold;
    several runs from it would not be independent."""
    fixed = ruleset.seeds.fixed
    if fixed is None:
        raise NotApplicable(f"{ruleset.name} does not fix a seed")
    for run in package.runs:
        if any(seed.value == fixed for seed in run.seeds) and (
            package.division != "open" or len(package.runs) > 1
        ):
            yield self.finding(
                f"seed {fixed} in a {package.division or 'closed'} entry; its runs: {len(package.runs)}",
                path=run.path,
                actual=fixed,
            )


@rule(
    "SED007",
    "Seeds look drawn, not counted",
    Scope.PACKAGE,
    source="TR 5.1; sources G1, H5",
    fix="Draw seeds from the operating system's entropy, as the harness does.",
    severity=Severity.WARNING,
)
def drawn(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """1, 2, 3 were chosen; who chooses seeds can choose the best ones."""
    seeds = sorted({seed.value for run in package.runs for seed in run.seeds[:1]})
    length = ruleset.seeds.run_length
    if len(seeds) < length:
        raise NotApplicable(f"fewer than {length} runs")
    for at in range(len(seeds) - length + 1):
        steps = {b - a for a, b in zip(seeds[at:], seeds[at + 1 : at + length], strict=False)}
        if len(steps) == 1:
            yield self.finding(
                f"{length} seeds at equal distance from {show(seeds[at])}", path=package.runs[0].path
            )
            return


@rule(
    "SED008",
    "The seed drives the run",
    Scope.PACKAGE,
    source="TR 5.1; sources G6, case 43",
    fix="Seed Python, NumPy and TensorFlow from the run spec's seed.",
    never_passes=True,
)
def drives(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """A seed that is logged but not used changes nothing; CNV002 sees the symptom, equal curves."""
    judge_code(package, "what its seed drives")
