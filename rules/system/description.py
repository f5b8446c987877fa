"""SYS: the description of the machine: it is there, complete and meaningful."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

from rules.facts.description import lowered, status_category
from rules.facts.needs import system_of
from rules.model.findings import Finding, Scope, Severity
from rules.model.package import Package, Plan
from rules.model.values import is_number, show, whole
from rules.registry import Rule, rule
from rules.ruleset import Ruleset

BOTH = (Scope.PLAN, Scope.PACKAGE)


@rule(
    "SYS001",
    "The system is described",
    BOTH,
    source="SR 5.6, 5.7; sources J5, W6",
    fix="Write systems/<system>.json: `cloudmask system detect` fills in what can be probed.",
)
def described(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A time without the machine that took it says nothing."""
    path = f"systems/{subject.system_name}.json"
    if subject.system is None:
        files = subject.files if isinstance(subject, Package) else []
        if path in files:
            yield self.finding("the system description cannot be read: PKG009 says why", path=path)
            return
        near = next((name for name in files if name != path and _folded(name) == _folded(path)), None)
        hint = f": {show(near)} differs in case, or in how its letters are encoded" if near else ""
        yield self.finding(f"there is no system description{hint}", path=path)


def _folded(name: str) -> str:
    """The same for names that a file system of Windows or macOS takes for one."""
    return normalize("NFC", name).casefold()


@rule(
    "SYS002",
    "All 33 fields are there",
    BOTH,
    source="mlperf_logging system_desc_checker; SR 5.7; sources J1",
    fix="Add the field; `cloudmask system detect` lists them all.",
)
def all_fields(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream's checker stops at the first missing field."""
    system = system_of(subject)
    for name in ruleset.system.required:
        if name not in system.fields:
            yield self.finding(f"field {name} is missing", path=system.path, expected=name)


@rule(
    "SYS003",
    "Fields that matter have a meaningful answer",
    BOTH,
    source="SR 5.7; sources J1, case 66, B5",
    fix="Fill in the field; write 'none' or 'N/A' where the machine has no such thing.",
)
def meaningful(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream accepts 33 empty strings. A few fields may stay blank; a placeholder is not an answer."""
    system = system_of(subject)
    rules, fields = ruleset.system, system.fields
    no_accelerator = whole(fields.get("accelerators_per_node")) == 0
    one_known = any(_answer(fields.get(n), rules.placeholders) for n in rules.one_of)
    for name in rules.required:
        if name not in fields:
            continue
        if lowered(fields[name]) in rules.not_probed and name not in rules.may_be_blank:
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


def _answer(value: Any, placeholders: list[str]) -> bool:
    if is_number(value):
        return True
    return isinstance(value, str) and bool(value.strip()) and value.strip().lower() not in placeholders


@rule(
    "SYS004",
    "Counts are whole numbers",
    BOTH,
    source="system_desc_checker; SR 5.7; sources J4",
    fix='Write the number as a string of digits, e.g. "8".',
)
def counts(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Nodes and accelerators are multiplied and compared with the log."""
    system = system_of(subject)
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
    source="SR 7.3; system_desc_checker; sources J3, 0.12, case 67",
    fix="Use: Available on-premise, Available cloud, Preview, or Research, Development, or Internal (RDI).",
)
def status_word(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Availability decides with which results a result may be compared."""
    system = system_of(subject)
    value = system.fields.get("status")
    if value is not None and status_category(value, ruleset) is None:
        yield self.finding(
            f"status is {show(value)}", path=system.path, expected=list(ruleset.system.statuses), actual=value
        )


@rule(
    "SYS011",
    "Framework and software carry versions",
    BOTH,
    source="SR 5.7; TR 2.2; sources J7",
    fix='Write names with versions, e.g. "TensorFlow 2.20.0".',
)
def versions(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Software decides as much as hardware; without versions nobody can repeat the result."""
    system = system_of(subject)
    for name in ("framework", "operating_system"):
        value = system.fields.get(name)
        if isinstance(value, str) and value.strip() and not re.search(r"\d", value):
            yield self.finding(f"{name} {show(value)} has no version", path=system.path, actual=value)


@rule(
    "SYS015",
    "The description has no misspelt fields",
    BOTH,
    source="SR 5.7; sources case 59",
    fix="Correct the field's name; put anything else into hw_notes or sw_notes.",
    severity=Severity.WARNING,
)
def known_fields(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A misspelt field counts as missing."""
    system = system_of(subject)
    known = ruleset.system.required + ruleset.system.optional
    for name in list(system.fields)[:200]:
        if name not in known:
            import difflib  # only here

            near = difflib.get_close_matches(name[:80], known, 1, 0.8)
            hint = f", did you mean {near[0]}?" if near else ""
            yield self.finding(f"field {show(name)} is not known{hint}", path=system.path)


@rule(
    "SYS016",
    "Values are strings",
    BOTH,
    source="system_desc_checker; sources J4, W6",
    fix="Put numbers in quotes: upstream's tools join the values as text.",
    severity=Severity.WARNING,
)
def strings(self: Rule, subject: Plan | Package, ruleset: Ruleset) -> Iterator[Finding]:
    """Upstream's system checker crashes on a JSON number."""
    system = system_of(subject)
    for name in ruleset.system.required:
        if name in system.fields and not isinstance(system.fields[name], str):
            yield self.finding(
                f"{name} is {show(system.fields[name])}, not a string",
                path=system.path,
                actual=system.fields[name],
            )
