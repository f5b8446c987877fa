"""PWR: every run and every node of the system was measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

from rules.facts.log_reading import integer
from rules.facts.node_energy import ESTIMATE
from rules.model.claims import Claim, Standing, Support
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package
from rules.model.run import Run
from rules.model.run_facts import RunFacts
from rules.model.values import is_number, show, whole
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

NAME = re.compile(r"(node|sw)_(0|[1-9]\d{0,5})\.txt\Z")


def needs_power(package: Package) -> None:
    """Raise NotApplicable for an entry without power."""
    if not any(run.power for run in package.runs):
        raise NotApplicable("no power was submitted")


@rule(
    "PWR001",
    "Power of every run was measured",
    Scope.PACKAGE,
    source="PM 3.3; sources L6, K6, W22, case 77",
    fix="Measure all scored runs, or submit without power.",
    supports=(Support(Claim.ENERGY, Standing.ASSERTED, "readings of the submitter's sensors or meters"),),
)
def every_run(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Energy is scored over the same runs as time: measuring only some of them is a selection."""
    needs_power(package)
    for run in package.runs:
        if not run.power:
            folder = package.power_of(run.index).as_posix()
            yield self.finding("there are no power readings of this run", path=folder)


@rule(
    "PWR002",
    "One power file per node, named node_<j>.txt",
    Scope.PACKAGE,
    source="PM 3.1; sources L2, K6, W21, W23, case 74",
    fix="Write node_0.txt to node_<n-1>.txt for each run, and sw_<k>.txt for switches.",
)
def every_node(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A node that is left out halves the energy; upstream compares the runs only with each other."""
    needs_power(package)
    nodes = whole(package.system.fields.get("number_of_nodes")) if package.system else None
    kinds = Counter(_switches(run) for run in package.runs if run.power)
    most = max(kinds, key=lambda kind: (kinds[kind], len(kind)))
    for run in package.runs:
        folder = package.power_of(run.index).as_posix()
        for file in run.power:
            if not NAME.match(file.name):
                yield self.finding(f"{show(file.name)} is not a power file name", path=file.path)
        found = {file.name for file in run.power if file.name.startswith("node")}
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


def _switches(run: RunFacts) -> frozenset[str]:
    return frozenset(file.name for file in run.power if file.name.startswith("sw"))


@rule(
    "PWR007",
    "Whole nodes were measured, by a meter of known accuracy",
    Scope.PACKAGE,
    source="PM 3.1, 3.6; sources L2, L3, L4, L10",
    fix="Describe meter, supply and interconnect in hw_notes.",
    never_passes=True,
)
def system_level(self: Rule, package: Package, ruleset: Ruleset) -> NoReturn:
    """Power of the accelerators alone is not the power of the system."""
    needs_power(package)
    raise NotChecked("readings do not show what the meter was connected to: see hw_notes")


@rule(
    "PWR009",
    "Switches state their power once, in watts",
    Scope.RUN,
    source="PM 3.1.3; sources L1, L3, L13, W28",
    fix="Log interconnect_power_est once per sw_<k>.txt, and conversion_eff before it.",
)
def switches(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream takes the first estimate of a switch for the whole run, whatever it is, and overlooks a switch
    that is left out of a system of several nodes."""
    if not run.power:
        raise NotApplicable("no power was submitted")
    nodes, found = integer(run.settings, "number_of_nodes"), [n for n in run.power if n.startswith("sw")]
    if not found and nodes is not None and nodes > 1:
        yield self.finding(
            f"{nodes} nodes and no sw_<k>.txt: is the interconnect in the readings?",
            severity=Severity.WARNING,
            path=run.package.power_of(run.index).as_posix(),
        )
    for name in found:
        watts = [e.value for e in run.power[name].all(ESTIMATE)[:3]]
        if len(watts) != 1 or not is_number(watts[0]) or not 0 < watts[0] <= ruleset.power.watts_maximum:
            yield self.finding(
                f"interconnect_power_est: {', '.join(map(show, watts)) or 'none'}",
                path=run.power[name].path,
                expected="one value in watts",
            )
