"""SYS: the machine, as declared, as logged and as found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from rules.model import Finding, Package, Plan, Scope, Severity, Stated, System
from rules.reading import instance_scale, place, stated, system_scale
from rules.registry import NotApplicable, NotChecked, Rule, rule
from rules.ruleset import Ruleset
from rules.values import is_number, show, whole

BOTH = (Scope.PLAN, Scope.PACKAGE)
COUNTS = ("host_processors_per_node", "host_processor_core_count", "host_processor_vcpu_count")
MODELS = ("host_processor_model_name", "accelerator_model_name")


def _system(subject: Plan | Package) -> System:
    if subject.system is None:
        raise NotChecked("there is no readable system description (SYS001)")
    return subject.system


def _logged(subject: Plan | Package, key: str) -> Iterator[Stated]:
    """What plan or logs state under a key."""
    for source in [subject.settings] if isinstance(subject, Plan) else [r.settings for r in subject.runs]:
        found = stated(source, key)
        if found is not None:
            yield found


@rule(
    "SYS001",
    "The system is described",
    BOTH,
    source="SR 5.6, 5.7; survey J5, W6",
    fix="Write systems/<system>.json: `cloudmask system detect` fills in what can be probed.",
)
def described(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A time without the machine that took it says nothing."""
    path = f"systems/{subject.system_name}.json"
    if subject.system is None:
        yield self.finding("there is no readable system description", path=path)


@rule(
    "SYS002",
    "All 33 fields are there",
    BOTH,
    source="mlperf_logging system_desc_checker; SR 5.7; survey J1",
    fix="Add the field; `cloudmask system detect` lists them all.",
)
def all_fields(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The field's own tools stop at the first field that is missing."""
    system = _system(subject)
    for name in ruleset.system.required:
        if name not in system.fields:
            yield self.finding(f"field {name} is missing", path=system.path, expected=name)


@rule(
    "SYS003",
    "Fields that matter have a meaningful answer",
    BOTH,
    source="SR 5.7; survey J1, case 66, B5",
    fix="Fill in the field; write 'none' or 'N/A' where the machine has no such thing.",
)
def meaningful(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream accepts 33 empty strings. A few fields may stay blank; a placeholder is not an answer."""
    system = _system(subject)
    rules, fields = ruleset.system, system.fields
    no_accelerator = whole(fields.get("accelerators_per_node")) == 0
    one_known = any(_answer(fields.get(n), rules.placeholders) for n in rules.one_of)
    for name in rules.required:
        if name not in fields:
            continue
        if _words_of(fields[name]) in rules.not_probed and name not in rules.may_be_blank:
            yield self.finding(
                f"{name} is {show(fields[name])}",
                severity=Severity.WARNING,
                path=system.path,
                actual=fields[name],
            )
        if _answer(fields[name], rules.placeholders):
            continue
        blank = isinstance(fields[name], str) and not fields[name].strip()
        excused = name in rules.may_be_blank or (name in rules.one_of and one_known)
        excused = excused or (no_accelerator and name.startswith("accelerator_"))
        if not (blank and excused):
            yield self.finding(
                f"{name} is {'empty' if blank else show(fields[name])}", path=system.path, actual=fields[name]
            )


def _words_of(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _answer(value: Any, placeholders: list[str]) -> bool:
    if is_number(value):
        return True
    return isinstance(value, str) and bool(value.strip()) and value.strip().lower() not in placeholders


@rule(
    "SYS004",
    "Counts are whole numbers",
    BOTH,
    source="system_desc_checker; SR 5.7; survey J4",
    fix='Write the number as a string of digits, e.g. "8".',
)
def counts(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Nodes and accelerators are multiplied and compared with the log."""
    system = _system(subject)
    for name in ruleset.system.integers + ruleset.system.optional_integers:
        value = system.fields.get(name)
        blank = value is None or (isinstance(value, str) and not value.strip())
        if name in ruleset.system.optional_integers and blank:
            continue
        if name in system.fields and whole(value) is None:
            yield self.finding(f"{name} is {show(value)}", path=system.path, expected="digits", actual=value)
    if whole(system.fields.get("number_of_nodes")) == 0:
        yield self.finding("number_of_nodes is 0", path=system.path, expected=">= 1", actual=0)


@rule(
    "SYS005",
    "Status is one of the four categories",
    BOTH,
    source="SR 7.3; system_desc_checker; survey J3, 0.12, case 67",
    fix="Use: Available on-premise, Available cloud, Preview, or Research, Development, or Internal (RDI).",
)
def status_word(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Availability decides with whom a result may be compared."""
    system = _system(subject)
    value = system.fields.get("status")
    if value is not None and _status(value, ruleset) is None:
        yield self.finding(
            f"status is {show(value)}", path=system.path, expected=list(ruleset.system.statuses), actual=value
        )


def _status(value: Any, ruleset: Ruleset) -> str | None:
    """The category a status means, by its full name or an accepted short one."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    by_name = {name.lower(): name for name in ruleset.system.statuses}
    return by_name.get(text.lower()) or ruleset.system.status_aliases.get(text.lower())


@rule(
    "SYS006",
    "One division in description, recipe and logs",
    BOTH,
    source="SR 5.7; survey J2, B3, W2, W5, case 31, 34",
    fix="Write closed or open, the same everywhere.",
)
def one_division(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream takes the log's division for some checks and the description's for others, so that a
    difference switches checks off."""
    system = _system(subject)
    value = system.fields.get("division")
    known = value.strip().lower() if isinstance(value, str) else None
    if known not in ruleset.divisions:
        yield self.finding(
            f"division is {show(value)}", path=system.path, expected=list(ruleset.divisions), actual=value
        )
        return
    for found in _logged(subject, "submission_division"):
        if found.value != known:
            yield self.finding(
                f"submission_division is {show(found.value)}, the system description says {show(value)}",
                **place(found),
                expected=known,
                actual=found.value,
            )


@rule(
    "SYS007",
    "Submitter, folder and logs name one organisation",
    BOTH,
    source="SR 5.7; survey J6, B2, W5, case 35",
    fix="Use the organisation's folder name as submitter and as submission_org.",
)
def one_submitter(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Logs of somebody else's machine are not this organisation's result."""
    system = _system(subject)
    value = system.fields.get("submitter")
    if value != subject.org:
        yield self.finding(
            f"submitter is {show(value)}, the folder {show(subject.org)}",
            path=system.path,
            expected=subject.org,
            actual=value,
        )
    for found in _logged(subject, "submission_org"):
        if found.value != subject.org:
            yield self.finding(
                f"submission_org is {show(found.value)}, the folder {show(subject.org)}",
                **place(found),
                expected=subject.org,
                actual=found.value,
            )


@rule(
    "SYS008",
    "Nodes and accelerators are those of the logs",
    BOTH,
    source="SR 5.7; survey J6, B19, B20, W5",
    fix="Describe the nodes and accelerators that ran, and log the same.",
)
def same_scale(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A result is a time at a scale: description and log have to mean the same one."""
    system = _system(subject)
    weak = isinstance(subject, Package) and subject.scaling == "weak"  # an instance is a part: SYS018
    for name in ("accelerators_per_node",) if weak else ("number_of_nodes", "accelerators_per_node"):
        declared = whole(system.fields.get(name))
        for found in _logged(subject, name):
            if declared is not None and found.value != declared:
                yield self.finding(
                    f"{name} is {show(found.value)}, the system description says {declared}",
                    **place(found),
                    expected=declared,
                    actual=found.value,
                )


@rule(
    "SYS009",
    "Declared hardware is what was found on the machine",
    BOTH,
    source="survey J6, 1.R; wish of the users: accelerators measured, not typed in",
    fix="Correct the description: `cloudmask system detect` shows what is there.",
)
def as_detected(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The harness looks at the machine it runs on: a description of another one is a mistake, or worse."""
    system = _system(subject)
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
        if any(_words_of(v) in ruleset.system.not_probed for v in values):
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
    BOTH,
    source="survey B5, J5, J6, case 37",
    fix="Log the name of the results folder as submission_platform.",
)
def platform(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Half of the logs published for HPC v3.0 carry a placeholder: nobody knows which machine they are of."""
    for found in _logged(subject, "submission_platform"):
        if found.value != subject.system_name:
            yield self.finding(
                f"submission_platform is {show(found.value)}, the system is {show(subject.system_name)}",
                **place(found),
                expected=subject.system_name,
                actual=found.value,
            )


@rule(
    "SYS011",
    "Framework and software carry versions",
    BOTH,
    source="SR 5.7; TR 2.2; survey J7",
    fix='Write names with versions, e.g. "TensorFlow 2.20.0".',
)
def versions(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Software decides as much as hardware; without versions nobody can repeat the result."""
    system = _system(subject)
    for name in ("framework", "operating_system"):
        value = system.fields.get(name)
        if isinstance(value, str) and value.strip() and not re.search(r"\d", value):
            yield self.finding(f"{name} {show(value)} has no version", path=system.path, actual=value)


@rule(
    "SYS012",
    "Logged status fits the described one",
    BOTH,
    source="survey B4, J3, P3, 0.9",
    fix="Use one category: cloud, onprem, preview or research in the recipe, its long form described.",
    severity=Severity.WARNING,
)
def status_fits(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Cloud in one place and research in another puts the result into two tables."""
    system = _system(subject)
    category = _status(system.fields.get("status"), ruleset)
    allowed = ruleset.system.statuses.get(category or "", [])
    for found in _logged(subject, "submission_status"):
        if category and found.value not in allowed:
            yield self.finding(
                f"submission_status is {show(found.value)}, the description says {show(category)}",
                **place(found),
                expected=allowed,
                actual=found.value,
            )


@rule(
    "SYS013",
    "All runs used the same software",
    Scope.PACKAGE,
    source="TR 2.2; survey H8, J7",
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
    source="TR 2.2; survey H8",
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
    "SYS015",
    "The description has no misspelt fields",
    BOTH,
    source="SR 5.7; survey case 59",
    fix="Correct the field's name; put anything else into hw_notes or sw_notes.",
    severity=Severity.WARNING,
)
def known_fields(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A misspelt field is one that is missing."""
    system = _system(subject)
    known = ruleset.system.required + ruleset.system.optional
    for name in list(system.fields)[:200]:
        if name not in known:
            near = difflib.get_close_matches(name[:80], known, 1, 0.8)
            hint = f", did you mean {near[0]}?" if near else ""
            yield self.finding(f"field {show(name)} is not known{hint}", path=system.path)


@rule(
    "SYS016",
    "Values are strings",
    BOTH,
    source="system_desc_checker; survey J4, W6",
    fix="Put numbers in quotes: the field's tools join the values as text.",
    severity=Severity.WARNING,
)
def strings(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The field's system checker crashes on a JSON number."""
    system = _system(subject)
    for name in ruleset.system.required:
        if name in system.fields and not isinstance(system.fields[name], str):
            yield self.finding(
                f"{name} is {show(system.fields[name])}, not a string",
                path=system.path,
                actual=system.fields[name],
            )


@rule(
    "SYS017",
    "The described framework is the one that ran",
    Scope.PACKAGE,
    source="SR 5.7; survey J7",
    fix="Describe the versions that ran; run.json has them.",
    severity=Severity.WARNING,
)
def framework_ran(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """The description is typed, run.json is recorded."""
    system = _system(package)
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
    source="HR 7.2; survey N2, N3, N6",
    fix="Give every model the same number of nodes; describe the nodes that were used, not more.",
)
def instances_fit(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """M models of S accelerators each on a system of T: S <= T <= M x S, or the throughput is of a
    machine that is not the one described."""
    if package.scaling != "weak":
        raise NotApplicable("a time-to-train entry")
    scales = {run.path: instance_scale(run.settings) for run in package.runs}
    known = {scale for scale in scales.values() if scale is not None}
    if len(known) > 1:
        yield self.finding(
            f"instances of different size: {', '.join(map(str, sorted(known)))}", path=package.runs[0].path
        )
    total = system_scale(_system(package).fields)
    if len(known) != 1 or total is None:
        return
    scale = known.pop()
    if not scale <= total <= len(package.runs) * scale:
        yield self.finding(
            f"{len(package.runs)} models of {scale} accelerators do not fit a system of {total}",
            path=_system(package).path,
            expected=f"{scale} to {len(package.runs) * scale}",
            actual=total,
        )
