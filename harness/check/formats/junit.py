"""A verdict as JUnit XML: one test case per rule, so that any CI system shows which rule failed.

JUnit has no warnings: a rule that warns passes, with its findings as output. What was not checked
or does not apply is skipped, with the reason.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harness.check.formats.text import clean
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from rules.registry import get

MAX_LINES = 200  # findings of one rule that are written out; the rest is counted
MAX_TEXT = 1000


def render_junit(verdict: Verdict) -> str:
    """The verdict as a <testsuites> document with one suite."""
    suite = ET.Element("testsuite", name=_text(f"{verdict.ruleset}: {verdict.path}"))
    found: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        found.setdefault(finding.rule, []).append(finding)
    listed = {r.id for r in verdict.rules}
    for result in verdict.rules:
        _case(suite, result, found.get(result.id, []))
    for id in found.keys() - listed:  # what is wrong before any rule could run
        _case(suite, RuleResult(id, Outcome.FAIL), found[id], "error")
    counts = {
        "tests": len(suite),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    top = ET.Element("testsuites")
    for element in (suite, top):
        for name, count in counts.items():
            element.set(name, str(count))
        element.set("time", "0")
    del top.attrib["skipped"]  # not an attribute of <testsuites> in every reader's schema
    top.append(suite)
    ET.indent(top, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode")


def _case(suite: ET.Element, result: RuleResult, findings: list[Finding], kind: str = "failure") -> None:
    rule = get(result.id)
    name = f"{result.id} {rule.title}" if rule else result.id
    case = ET.SubElement(suite, "testcase", classname=f"rules.{result.id[:3]}", name=_text(name), time="0")
    if result.outcome in (Outcome.NOT_CHECKED, Outcome.NOT_APPLICABLE):
        reason = f"{result.outcome.value.replace('_', ' ')}: {result.reason or 'no reason given'}"
        ET.SubElement(case, "skipped", message=_text(reason))
    elif result.outcome is Outcome.FAIL:
        errors = [f for f in findings if f.severity is Severity.ERROR] or findings
        first = errors[0].message if errors else ""
        defect = first.startswith("checker error")
        failure = ET.SubElement(
            case, "error" if defect else kind, message=_text(first), type=f"{result.id}.error"
        )
        failure.text = _lines(findings)
    elif findings:
        ET.SubElement(case, "system-out").text = _lines(findings)


def _lines(findings: list[Finding]) -> str:
    lines = []
    for finding in findings[:MAX_LINES]:
        where = (finding.path or "") + (f":{finding.line}" if finding.line else "")
        lines.append(_text(f"{finding.severity.value}: {f'{where}: ' if where else ''}{finding.message}"))
    if len(findings) > MAX_LINES:
        lines.append(f"... and {len(findings) - MAX_LINES} more")
    lines += [_text(f"fix: {fix}") for fix in dict.fromkeys(f.fix for f in findings if f.fix)][:1]
    return "\n".join(lines)


def _text(text: str) -> str:
    """Printable characters only: XML 1.0 cannot carry the others, escaped or not."""
    return clean(text)[:MAX_TEXT]
