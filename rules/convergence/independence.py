"""CNV: learning that looks like learning, and runs that are independent of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.model.findings import Finding, Scope
from rules.model.layout import WEAK
from rules.model.package import Package
from rules.model.run_facts import RunFacts
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset

_ASKED = "Ask how the runs were made: one seed, or one run twice, gives equal values."


def twins(self: Rule, ruleset: Ruleset, message: str, **details: Any) -> Finding:
    """A finding that two runs are equal; a question where the ruleset only warns of it."""
    if self.id not in ruleset.lenient:
        return self.finding(message, **details)
    return self.finding(f"{message}: were both made, and from two seeds?", fix=_ASKED, **details)


@rule(
    "CNV002",
    "No two runs have the same learning curve",
    Scope.PACKAGE,
    source="TR 5.1, 12; sources W7, G6, case 38, 43",
    fix="Submit genuine runs, each from its own seed.",
)
def distinct_curves(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Random starts give different accuracies in every epoch: equal ones, even over a part, are a copy with
    another seed written in."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    seen: dict[tuple[float, ...], RunFacts] = {}
    for run in package.runs:
        start = run.first_accuracies
        if start and seen.setdefault(start, run) is not run:
            yield twins(
                self,
                ruleset,
                f"accuracies of epochs 1 to {len(start)} equal those of {seen[start].path}",
                path=run.path,
                line=run.first_evaluation_line,
            )


@rule(
    "CNV003",
    "No two runs have the same losses",
    Scope.PACKAGE,
    source="TR 5.1, 12; sources W7, case 38, 43",
    fix="Submit genuine runs, each from its own seed.",
)
def distinct_losses(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Losses are finer than accuracies: whoever copies a run edits the accuracies first."""
    if len(package.runs) < 2:
        raise NotApplicable("a single run")
    seen: dict[tuple[str, float], RunFacts] = {}
    for run in package.runs:
        twin = next((seen[m] for m in run.first_losses if m in seen), None)
        if twin is not None:
            yield twins(self, ruleset, f"a loss equals that of {twin.path} to the last digit", path=run.path)
        for mark in run.first_losses:
            seen.setdefault(mark, run)


@rule(
    "CNV004",
    "No two result files are the same file",
    Scope.PACKAGE,
    source="sources H1, W7, case 39",
    fix="Remove the copy and make the missing run.",
)
def distinct_files(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A copied file is not another run."""
    seen: dict[str, RunFacts] = {}
    for run in [*package.runs, *package.pruned]:
        if run.log_sha256 and seen.setdefault(run.log_sha256, run) is not run:
            yield self.finding(f"identical to {seen[run.log_sha256].path}", path=run.path)


@rule(
    "CNV005",
    "Runs on one host do not overlap in time",
    Scope.PACKAGE,
    source="TR 12; sources W7, H5",
    fix="Run one after the other; the harness does.",
)
def no_overlap(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Two runs at once on one machine either shared it, or one of them is invented."""
    if package.scaling == WEAK:
        raise NotApplicable("weak scaling trains its models at the same time")
    spans: dict[str, list[tuple[int, int, RunFacts]]] = {}
    for run in package.runs:
        span = run.timed
        if span.start_ms is not None and span.stop_ms is not None:
            host = run.record.host if run.record else ""
            spans.setdefault(host, []).append((span.start_ms, span.stop_ms, run))
    for found in spans.values():
        found.sort(key=lambda s: s[:2])
        for (_, stop, before), (start, _, run) in zip(found, found[1:], strict=False):
            if start < stop:
                yield self.finding(
                    f"began {(stop - start) / 1000:.1f} s before {before.path} ended",
                    path=run.path,
                    line=run.timed.start_line,
                )


@rule(
    "CNV006",
    "No two runs took the same times",
    Scope.PACKAGE,
    source="sources W7, case 38",
    fix="Submit genuine runs.",
)
def distinct_times(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """No machine takes the same milliseconds for several epochs twice: equal times are a copy
    moved in time."""
    seen: dict[tuple[int, ...], RunFacts] = {}
    for run in package.runs:
        times = run.epoch_times_ms
        # short epochs coincide by chance: ask for a few seconds' worth of milliseconds in at least two epochs
        if len(times) < 2 or min(times) < 200:
            continue
        if seen.setdefault(times, run) is not run:
            yield twins(
                self,
                ruleset,
                f"all epochs took as long as those of {seen[times].path}, to 1 ms",
                path=run.path,
            )


@rule(
    "CNV008",
    "No two runs have the same weights",
    Scope.PACKAGE,
    source="sources G6, W7",
    fix="Submit genuine runs, each from its own seed.",
)
def distinct_weights(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Independent runs end in different weights; so do those of two systems, and of strong and weak scaling."""
    seen: dict[str, RunFacts] = {}
    for run in package.runs:
        digest = run.weights_sha256 or run.settings.value("weights_digest")
        if not isinstance(digest, str):
            continue
        if seen.setdefault(digest, run) is not run:
            yield self.finding(f"the weights are those of {seen[digest].path}", path=run.path)
        elif digest in package.other_weights:
            yield self.finding(f"the weights are those of {package.other_weights[digest]}", path=run.path)


@rule(
    "CNV014",
    "No two runs have the same test result",
    Scope.PACKAGE,
    source="TR 5.1, 12; sources W7, G6, case 38",
    fix="Submit genuine runs, each from its own seed.",
)
def distinct_results(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Two models never agree in every metric on all test pixels; a copied run does, even where its curve
    was edited."""
    seen: dict[tuple[tuple[str, float], ...], RunFacts] = {}
    for run in package.runs:
        mark = run.test_metrics
        if len(mark) >= 2 and seen.setdefault(mark, run) is not run:
            yield self.finding(
                f"all {len(mark)} metrics equal those of {seen[mark].path}",
                path=run.path,
                line=run.result_line,
            )
