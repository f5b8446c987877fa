"""SYS: logs, run records and the machine that was found are of the one system described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rules.facts.description import lowered, status_category
from rules.facts.log_reading import instance_scale, integer, place, stated, system_scale
from rules.facts.needs import entry_of, system_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.layout import WEAK
from rules.model.package import Package, Plan, System
from rules.model.run import Run
from rules.model.values import show, whole
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset

EVERYWHERE = (Scope.PLAN, Scope.PACKAGE, Scope.RUN)
BOTH = (Scope.PLAN, Scope.PACKAGE)
STATED = (Scope.PLAN, Scope.RUN)
Subject = Plan | Package | Run
COUNTS = ("host_processors_per_node", "host_processor_core_count", "host_processor_vcpu_count")
MODELS = ("host_processor_model_name", "accelerator_model_name")


UNLISTED = 0.1  # share of the models of a throughput entry that may have been pruned without their logs


def _stated_otherwise(
    self: Rule, subject: Subject, key: str, what: str, expected: Any, asked: str = ""
) -> Iterator[Finding]:
    """A finding where plan or log state something else than `expected`, which is `what`.

    With `asked`, a question, it is a warning that ends in it.
    """
    found = None if isinstance(subject, Package) else stated(subject.settings, key)
    if found is not None and found.value != expected:
        message = f"{key} is {show(found.value)}, {what} {show(expected)}{asked and f': {asked}'}"
        severity = Severity.WARNING if asked else self.severity
        yield self.finding(message, severity=severity, **place(found), expected=expected, actual=found.value)


@rule(
    "SYS006",
    "One division in description, recipe and logs",
    EVERYWHERE,
    source="SR 5.7; sources J2, B3, W2, W5, case 31, 34",
    fix="Write closed or open, the same everywhere.",
)
def one_division(self: Rule, subject: Subject, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream takes the log's division for some checks and the description's for others, so that a
    difference switches checks off."""
    system = system_of(subject)
    value = system.fields.get("division")
    known = value.strip().lower() if isinstance(value, str) else None
    if known in ruleset.divisions:
        yield from _stated_otherwise(
            self, subject, "submission_division", "the system description says", known
        )
    elif not isinstance(subject, Run):
        yield self.finding(
            f"division is {show(value)}", path=system.path, expected=list(ruleset.divisions), actual=value
        )


@rule(
    "SYS007",
    "Submitter, folder and logs name one organisation",
    EVERYWHERE,
    source="SR 5.7; sources J6, B2, W5, case 35",
    fix="Use the organisation's folder name as submitter and as submission_org.",
)
def one_submitter(self: Rule, subject: Subject, ruleset: Ruleset) -> Iterator[Finding]:
    """Logs of somebody else's machine are not this organisation's result."""
    system, org = system_of(subject), entry_of(subject).org
    value = system.fields.get("submitter")
    if value != org and not isinstance(subject, Run):
        yield self.finding(
            f"submitter is {show(value)}, the folder {show(org)}",
            path=system.path,
            expected=org,
            actual=value,
        )
    yield from _stated_otherwise(self, subject, "submission_org", "the folder", org)


@rule(
    "SYS008",
    "Nodes and accelerators are those of the logs",
    STATED,
    source="SR 5.7; sources J6, B19, B20, W5",
    fix="Describe the nodes and accelerators that ran, and log the same.",
)
def same_scale(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A result is a time at a scale: description and log have to mean the same one."""
    system = system_of(subject)
    weak = isinstance(subject, Run) and subject.package.scaling == WEAK  # an instance is a part: SYS018
    split = weak or instance_scale(subject.settings) == system_scale(system.fields)
    asked = "is a node here what a rank is there?" if split and "node_per_rank" in ruleset.tolerated else ""
    for name in ("accelerators_per_node",) if weak else ("number_of_nodes", "accelerators_per_node"):
        declared = whole(system.fields.get(name))
        if declared is not None:
            yield from _stated_otherwise(self, subject, name, "the system description says", declared, asked)


@rule(
    "SYS009",
    "Declared hardware is what was found on the machine",
    BOTH,
    source="sources J6, 1.R; asked for by users: accelerators measured, not typed in",
    fix="Correct the description: `cloudmask system detect` shows what is there.",
)
def as_detected(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness looks at the machine it runs on: a description of another one is a mistake, or worse."""
    system = system_of(subject)
    if not system.detected:
        raise NotChecked("what the machine has was not recorded (system_detected.json)")
    for name in COUNTS:
        declared, found = whole(system.fields.get(name)), whole(system.detected.get(name))
        if declared is not None and found is not None and declared != found:
            yield _differs(self, system, name)
    declared, found = (whole(f.get("accelerators_per_node")) for f in (system.fields, system.detected))
    if declared is not None and found is not None and declared > found:
        yield _differs(self, system, "accelerators_per_node")
    for name in MODELS:
        if name == "accelerator_model_name" and not declared:
            continue
        values = [system.fields.get(name), system.detected.get(name)]
        if any(lowered(v) in ruleset.system.not_probed for v in values):
            continue
        left, right = (_words(v) for v in values)
        if left and right and not (left <= right or right <= left):
            yield _differs(self, system, name)


def _differs(self: Rule, system: System, name: str) -> Finding:
    declared, found = system.fields.get(name), (system.detected or {}).get(name)
    return self.finding(
        f"{name}: declared {show(declared)}, found {show(found)}",
        path=system.path,
        expected=found,
        actual=declared,
    )


def _words(value: Any) -> set[str]:
    """Words of a model name without trade marks, so that two spellings of one chip compare equal."""
    if not isinstance(value, str):
        return set()
    text = re.sub(r"\((r|tm|c)\)|®|™", " ", value.lower())
    return set(re.findall(r"[a-z0-9]+", text)) - {"cpu", "gpu", "processor", "none", "n", "a"}


@rule(
    "SYS010",
    "The logs name this system",
    STATED,
    source="sources B5, J5, J6, case 37",
    fix="Log the name of the results folder as submission_platform.",
)
def platform(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Half of the logs published for HPC v3.0 carry a placeholder: their machine is not known."""
    name = entry_of(subject).system_name
    if name is None:
        raise NotChecked("the log does not lie in the results of a system")
    yield from _stated_otherwise(self, subject, "submission_platform", "the system is", name)


@rule(
    "SYS012",
    "Logged status fits the described one",
    STATED,
    source="sources B4, J3, P3, 0.9",
    fix="Use one category: cloud, onprem, preview or research in the recipe, its long form in the description.",
    severity=Severity.WARNING,
)
def status_fits(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Cloud in one place and research in another puts the result into two tables."""
    system = system_of(subject)
    category = status_category(system.fields.get("status"), ruleset)
    allowed = ruleset.system.statuses.get(category or "", [])
    found = stated(subject.settings, "submission_status")
    if category and found is not None and found.value not in allowed:
        yield self.about(
            found, f"submission_status is {show(found.value)}, the description says {show(category)}", allowed
        )


@rule(
    "SYS013",
    "All runs used the same software",
    Scope.PACKAGE,
    source="TR 2.2; sources H8, J7",
    fix="Run all results of an entry in one environment.",
)
def same_software(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A set of results is of one system: an upgrade in between makes two."""
    known = [(run, run.record.software) for run in package.runs if run.record]
    if not known:
        raise NotChecked("there is no readable run.json")
    first, expected = known[0]
    for run, found in known[1:]:
        names = sorted(n for n in {*expected, *found} if expected.get(n) != found.get(n))
        if names:
            name = names[0]
            yield self.finding(
                f"{name} is {show(found.get(name))} here, {show(expected.get(name))} in {first.path}",
                path=run.path,
                expected=expected.get(name),
                actual=found.get(name),
            )


@rule(
    "SYS014",
    "All runs ran on the same host",
    Scope.PACKAGE,
    source="TR 2.2; sources H8",
    fix="Run on one machine, or say in hw_notes that its nodes are alike.",
    severity=Severity.WARNING,
)
def same_host(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Nodes of a cluster differ more than their data sheets say."""
    hosts = {run.record.host: run for run in package.runs if run.record}
    if not hosts:
        raise NotChecked("there is no readable run.json")
    if len(hosts) > 1:
        yield self.finding(
            f"runs were made on {len(hosts)} hosts", path=list(hosts.values())[1].path, actual=len(hosts)
        )


@rule(
    "SYS017",
    "The described framework is the one that ran",
    Scope.PACKAGE,
    source="SR 5.7; sources J7",
    fix="Describe the versions that ran; run.json has them.",
    severity=Severity.WARNING,
)
def framework_ran(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The description is typed, run.json is recorded."""
    system = system_of(package)
    text = str(system.fields.get("framework", ""))
    for run in package.runs[:1]:
        version = run.record.software.get("tensorflow") if run.record else None
        if not isinstance(version, str):
            raise NotApplicable("no TensorFlow version was recorded")
        if "tensorflow" in text.lower() and version not in text:
            yield self.finding(
                f"framework is {show(text)}, but TensorFlow {show(version)} ran",
                path=system.path,
                expected=version,
                actual=text,
            )


@rule(
    "SYS018",
    "Weak scaling: instances are equal, and fit the system",
    Scope.PACKAGE,
    source="HR 7.2; sources N2, N3, N6",
    fix="Give every model the same number of nodes; describe the nodes that were used, not more.",
)
def instances_fit(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """M models of S accelerators each, pruned ones included, on a system of T: S <= T <= M x S, or the
    throughput is of a machine that is not the one described."""
    if package.scaling != WEAK:
        raise NotApplicable("a time-to-train entry")
    scales = {run.path: instance_scale(run.settings) for run in [*package.runs, *package.pruned]}
    known = {scale for scale in scales.values() if scale is not None}
    if len(known) > 1:
        yield self.finding(
            f"instances of different size: {', '.join(map(str, sorted(known)))}", path=package.runs[0].path
        )
    total = system_scale(system_of(package).fields)
    if len(known) != 1 or total is None:
        return
    scale = known.pop()
    models = len(package.runs) + len(package.pruned)
    if not scale <= total <= models * scale:
        few = models * scale < total <= (1 + UNLISTED) * models * scale
        asked = few and "pruned_unlisted" in ruleset.tolerated
        pruned = f" ({len(package.pruned)} of them pruned)" if package.pruned else ""
        question = ": were other models pruned?" if asked else ""
        yield self.finding(
            f"{models} models{pruned} of {scale} accelerators do not fit a system of {total}{question}",
            severity=Severity.WARNING if asked else Severity.ERROR,
            path=system_of(package).path,
            expected=f"{scale} to {models * scale}",
            actual=total,
        )


@rule(
    "SYS019",
    "There is one replica per accelerator",
    (Scope.PLAN, Scope.RUN),
    source="sources B20, B30, N6 (cross-check of this rulebook)",
    fix="Describe the accelerators that were used, no more and no fewer, or explain it in hw_notes.",
    severity=Severity.WARNING,
)
def replicas(self: Rule, subject: Plan | Run, ruleset: Ruleset) -> Iterator[Finding]:
    """A result is a time at a scale. More replicas than accelerators hide a larger machine, fewer make
    a part of a machine look like the whole."""
    names = ("number_of_ranks", "number_of_nodes", "accelerators_per_node")
    ranks, nodes, accelerators = (integer(subject.settings, name) for name in names)
    if ranks is None or nodes is None or not accelerators:
        raise NotApplicable("no accelerators, or no number of replicas is stated here")
    if ranks != nodes * accelerators:
        yield self.finding(
            f"{ranks} replicas on {nodes} x {accelerators} accelerators",
            **place(stated(subject.settings, "number_of_ranks")),
            expected=nodes * accelerators,
            actual=ranks,
        )
