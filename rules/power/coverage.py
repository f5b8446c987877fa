"""PWR: every run and every node of the system was measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rules.facts.kept import kept
from rules.facts.log_reading import integer
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.values import is_number, show, whole
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

NAME = re.compile(r"(node|sw)_(0|[1-9]\d{0,5})\.txt\Z")


def needs_power(package: Package) -> None:
    if not any(run.power for run in package.runs):
        raise NotApplicable("no power was submitted")


@rule(
    "PWR001",
    "Power of every run was measured",
    Scope.PACKAGE,
    source="PM 3.3; survey L6, K6, W22, case 77",
    fix="Measure all scored runs, or submit without power.",
)
def every_run(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Energy is scored over the same runs as time: measuring some of them is choosing."""
    needs_power(package)
    for run in package.runs:
        if not run.power:
            folder = run.path.rsplit("/", 1)[0] + f"/power/result_{run.index}"
            yield self.finding("there are no power readings of this run", path=folder)


@rule(
    "PWR002",
    "One power file per node, named node_<j>.txt",
    Scope.PACKAGE,
    source="PM 3.1; survey L2, K6, W21, W23, case 74",
    fix="Write node_0.txt to node_<n-1>.txt for each run, and sw_<k>.txt for switches.",
)
def every_node(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A node that is left out halves the energy; upstream compares the runs only with each other."""
    needs_power(package)
    nodes = whole(package.system.fields.get("number_of_nodes")) if package.system else None
    kinds = Counter(_switches(run) for run in package.runs if run.power)
    most = max(kinds, key=lambda kind: (kinds[kind], len(kind)))
    for run in package.runs:
        folder = run.path.rsplit("/", 1)[0] + f"/power/result_{run.index}"
        for name in run.power:
            if not NAME.match(name):
                yield self.finding(f"{show(name)} is no power file name", path=f"{folder}/{name}")
        found = {n for n in run.power if n.startswith("node")}
        expected = {f"node_{j}.txt" for j in range(min(nodes or len(found), 100_000))}
        if run.power and found != expected:
            yield self.finding(
                f"{len(found)} node files for {nodes} nodes",
                path=folder,
                expected=len(expected),
                actual=len(found),
            )
        switches = _switches(run)
        if run.power and switches != most:
            yield self.finding(
                f"{len(switches)} switch files, other runs have {len(most)}",
                path=folder,
                expected=sorted(most),
                actual=sorted(switches),
            )


def _switches(run: Run) -> frozenset[str]:
    return frozenset(n for n in run.power if n.startswith("sw"))


@rule(
    "PWR007",
    "Whole nodes were measured, by a meter of known accuracy",
    Scope.PACKAGE,
    source="PM 3.1, 3.6; survey L2, L3, L4, L10",
    fix="Describe meter, supply and interconnect in hw_notes.",
)
def system_level(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Power of the accelerators alone is not the power of the system."""
    needs_power(package)
    raise NotChecked("readings do not show what the meter was connected to: see hw_notes")
    yield  # pragma: no cover


@rule(
    "PWR009",
    "Switches state their power once, in watts",
    Scope.PACKAGE,
    source="PM 3.1.3; survey L1, L3, L13, W28",
    fix="Log interconnect_power_est once per sw_<k>.txt, and conversion_eff before it.",
)
def switches(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream takes the first estimate of a switch for the whole run, whatever it is, and misses no switch
    that is left out of a system of several nodes."""
    if not any(run.power for run in package.runs):
        raise NotApplicable("no power was submitted")
    for run in package.runs:
        nodes = integer(run.settings, "number_of_nodes")
        if run.power and not _estimates(run, ruleset) and nodes is not None and nodes > 1:
            yield self.finding(
                f"{nodes} nodes and no sw_<k>.txt: is the interconnect in the readings?",
                severity=Severity.WARNING,
                path=run.path.rsplit("/", 1)[0] + f"/power/result_{run.index}",
            )
        for path, told in _estimates(run, ruleset):
            good = len(told) == 1 and is_number(told[0]) and 0 < told[0] <= ruleset.power.watts_maximum
            if not good:
                words = ", ".join(map(show, told)) or "none"
                yield self.finding(
                    f"interconnect_power_est: {words}", path=path, expected="one value in watts"
                )


@kept
def _estimates(run: Run, ruleset: Ruleset) -> list[tuple[str, list[Any]]]:
    """Path and first stated estimates of each switch."""
    return [
        (log.path, [e.value for e in log.all("interconnect_power_est")[:3]])
        for name, log in run.power.items()
        if name.startswith("sw")
    ]
