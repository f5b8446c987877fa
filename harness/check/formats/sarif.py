"""A verdict as SARIF 2.1.0 (OASIS), which code hosts and editors show as code-scanning results.

Findings are results; rules that were not checked are notifications of the invocation, so that no
viewer takes them for passed.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness import __version__
from harness.check.formats.origin import Origin
from harness.check.formats.text import clean
from rules.model.findings import Finding, Outcome, Severity, Verdict
from rules.registry import Rule, catalogue

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS = 25_000  # more are refused by GitHub
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_EXIT_CODES = {"compliant": 0, "not_compliant": 1}


def render_sarif(verdict: Verdict, origin: Origin) -> str:
    """The verdict as a SARIF log with one run."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(verdict, origin)]}
    return json.dumps(log, indent=1, allow_nan=False)


def _run(verdict: Verdict, origin: Origin) -> dict[str, Any]:
    known = {rule.id: rule for rule in catalogue()}
    used = dict.fromkeys([*(r.id for r in verdict.rules), *(f.rule for f in verdict.findings)])
    index = {id: at for at, id in enumerate(used)}
    results = [_result(f, index[f.rule], origin) for f in verdict.findings[:MAX_RESULTS]]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "cloudmask",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_descriptor(id, known.get(id)) for id in used],
            }
        },
        "invocations": [_invocation(verdict, index)],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {
            "ruleset": verdict.ruleset,
            "verdict": verdict.verdict,
            "counts": verdict.counts(),
            "findings": len(verdict.findings),
        },
    }
    return run


def _descriptor(id: str, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"id": id}
    return {
        "id": id,
        "name": rule.check.__name__,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"Fix: {rule.fix} Source: {rule.source}.",
            "markdown": f"**Fix:** {rule.fix}\n\n**Source:** {rule.source}",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [id[:3], *rule.divisions]},
    }


def _result(finding: Finding, index: int, origin: Origin) -> dict[str, Any]:
    text = _plain(finding.message) + (f" Fix: {_plain(finding.fix)}" if finding.fix else "")
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "kind": "fail",
        "message": {"text": text},
        "partialFingerprints": {"finding/v1": _fingerprint(finding)},
    }
    if finding.severity is Severity.INFO:
        result |= {"kind": "informational", "level": "none"}  # SARIF 3.27.10: a level means a failure
    if finding.path:
        result["locations"] = [_location(finding.path, finding.line, origin)]
    return result


def _location(path: str, line: int | None, origin: Origin) -> dict[str, Any]:
    """The file, relative to the working directory or absolute. No base ids: GitHub takes what is relative to one for
    relative to the repository. Of a file in an archive, the archive: the place inside it has a name only."""
    if origin.archive is not None:
        inside = clean(path) + (f":{line}" if line and line > 0 else "")
        archive = {"artifactLocation": {"uri": _uri(origin.archive)}}
        return {
            "physicalLocation": archive,
            "logicalLocations": [{"fullyQualifiedName": inside, "kind": "member"}],
        }
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(os.path.join(origin.root or "", path))}}
    if line and line > 0:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _uri(path: str | Path) -> str:
    """A relative reference for what is below the working directory, else an absolute file: URI."""
    below = os.path.relpath(path)
    if not below.startswith(".."):
        return quote(Path(below).as_posix(), safe="/", errors="replace")
    return "file://" + quote(Path(os.path.abspath(path)).as_posix(), safe="/", errors="replace")


def _plain(text: str) -> str:
    """Printable, and without the [text](address) that viewers show as a link (SARIF 3.11.6)."""
    return clean(text).replace("](", "] (")


def _fingerprint(finding: Finding) -> str:
    """The same finding in the next run of the checker, wherever its line has moved."""
    text = "\0".join((finding.rule, finding.path or "", finding.message))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _invocation(verdict: Verdict, index: dict[str, int]) -> dict[str, Any]:
    unchecked = [r for r in verdict.rules if r.outcome is Outcome.NOT_CHECKED]
    invocation: dict[str, Any] = {
        "executionSuccessful": verdict.verdict in _EXIT_CODES,
        "exitCode": _EXIT_CODES.get(verdict.verdict, 2),
        "toolExecutionNotifications": [
            {
                "level": "note",
                "message": {"text": f"{r.id} was not checked: {_plain(r.reason or 'no reason given')}"},
                "associatedRule": {"id": r.id, "index": index[r.id]},
            }
            for r in unchecked
        ],
    }
    cut = len(verdict.findings) - MAX_RESULTS
    if cut > 0:
        message = {"text": f"{cut} more findings are not listed here; --format json has them all."}
        invocation["toolExecutionNotifications"].append({"level": "warning", "message": message})
    return invocation
