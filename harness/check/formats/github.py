"""A verdict as workflow commands, which GitHub shows beside the lines they speak of.

Format: `::level file=F,line=N,title=T::message`, with percent-encoding as the runner decodes it
(GitHub docs, Workflow commands; in properties also colon and comma).
"""

from __future__ import annotations

from harness.check.formats.origin import Origin
from harness.check.formats.text import clean
from rules.model.findings import Finding, Outcome, Severity, Verdict
from rules.registry import get

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


def render_github(verdict: Verdict, origin: Origin) -> str:
    """One annotation per finding, errors first, and one with the verdict. Every line is a command."""
    found = sorted(verdict.findings, key=lambda f: _ORDER.index(f.severity))
    lines = [_annotation(finding, origin) for finding in found]
    counts = verdict.counts()
    parts = [f"{counts[o.value]} {o.value.replace('_', ' ')}" for o in Outcome if counts[o.value]]
    title = f"{verdict.verdict.replace('_', ' ')} with {verdict.ruleset}"
    summary = f"{verdict.path}: {', '.join(parts) or 'no rule ran'}"
    lines.append(f"::notice title={_property(title)}::{_data(summary)}")
    return "\n".join(lines)


def _annotation(finding: Finding, origin: Origin) -> str:
    rule = get(finding.rule)
    where = origin.from_here(finding.path)
    properties = {"title": f"{finding.rule} {rule.title}" if rule else finding.rule}
    message = finding.message
    if where is not None:
        properties = {"file": where, **({"line": str(finding.line)} if finding.line else {}), **properties}
    elif finding.path:
        message = f"{origin.shown(finding.path)}{f':{finding.line}' if finding.line else ''}: {message}"
    text = _data(message) + (f"%0Afix: {_data(finding.fix)}" if finding.fix else "")
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {listed}::{text}"


def _data(text: str) -> str:
    """Message text: no control characters, and % as the runner decodes it."""
    return clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
