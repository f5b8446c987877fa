"""A verdict as JSON, schema 1."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from harness.check.claims import what_stands
from rules.model.findings import Finding, Severity, Verdict

SCHEMA = 1
_SCHEMA_FILE = Path(__file__).resolve().parents[1] / "schemas" / "check-1.schema.json"
_OUTCOMES = {Severity.ERROR: "fail", Severity.WARNING: "warn", Severity.INFO: "pass"}


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain values: schema, ruleset, path, verdict, counts, findings, rules, claims, entries."""
    return {
        "schema": SCHEMA,
        "ruleset": verdict.ruleset,
        "path": verdict.path,
        "verdict": verdict.verdict,
        "counts": verdict.counts(),
        "findings": [_finding(f) for f in verdict.findings],
        "rules": [{"id": r.id, "outcome": r.outcome.value, "reason": r.reason} for r in verdict.rules],
        "claims": [
            {"claim": c.claim.value, "standing": c.standing.value, "by": c.by, "rules": c.rules}
            for c in what_stands(verdict)
        ],
        "entries": [{"entry": name, "sha256": digest} for name, digest in verdict.entries.items()],
    }


def render_json(verdict: Verdict) -> str:
    """verdict_record as text; always valid JSON, whatever a package put into the values."""
    return json.dumps(verdict_record(verdict), indent=1, allow_nan=False)


def json_schema() -> str:
    """The JSON Schema (2020-12) of render_json's output."""
    return _SCHEMA_FILE.read_text(encoding="utf-8")


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "outcome": _OUTCOMES[finding.severity],
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
        "expected": _plain(finding.expected),
        "actual": _plain(finding.actual),
        "fix": finding.fix,
    }


def _plain(value: Any, depth: int = 0) -> Any:
    """Values as JSON can carry them: no NaN, no huge integers, bounded in depth and length."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)[:80] if abs(value) < 10**80 else "a huge integer"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value[:500]
    if depth < 3 and isinstance(value, (list, tuple, set)):
        return [_plain(v, depth + 1) for v in list(value)[:50]]
    if depth < 3 and isinstance(value, dict):
        return {str(k)[:100]: _plain(v, depth + 1) for k, v in list(value.items())[:50]}
    return str(value)[:500]
