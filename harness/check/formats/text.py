"""A verdict as text: errors first, one line of cause and one of fix, as wide as the terminal."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator

from harness.check.claims import what_stands
from harness.core.wrapping import beside
from rules.model.findings import Finding, Outcome, RuleResult, Severity, Verdict
from rules.registry import get

MAX_PLACES = 4  # shown per rule; the rest is counted
_COLOURS = {"error": "31", "warning": "33", "info": "36", "good": "32", "dim": "2", "bold": "1"}
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
Paint = Callable[[str, str], str]


def colour_wanted(is_terminal: bool) -> bool:
    """Colour on a terminal only, and never where NO_COLOR is set (https://no-color.org)."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def render_text(verdict: Verdict, width: int = 80, colour: bool = False) -> str:
    """The verdict for a reader; `width` in columns. Control characters of a package are left out."""
    paint = _painter(colour and not os.environ.get("NO_COLOR"))
    width = max(40, width)
    lines: list[str] = []
    for severity in _ORDER:
        for id, findings in _groups(verdict, severity).items():
            lines += [*_group(id, severity, findings, width, paint), ""]
    unknown = [r for r in verdict.rules if r.outcome is Outcome.NOT_CHECKED]
    if unknown:
        lines.append(paint(f"not checked ({len(unknown)})", "bold"))
        for reason, ids in _by_reason(unknown).items():
            lines += _wrapped(f"  {_shortly(ids)}  ", reason, width)
        lines.append("")
    lines += _claims(verdict, width, paint)
    return "\n".join([*lines, *_summary(verdict, width, paint)])


def _claims(verdict: Verdict, width: int, paint: Paint) -> Iterator[str]:
    """What stands behind each claim: consistent records prove nothing by themselves."""
    found = what_stands(verdict)
    if not found:
        return
    yield paint("what stands behind the result", "bold")
    for claim, standing, by, rules in found:
        shown = f"{standing.value}: {by}" + (f" ({', '.join(rules)})" if rules else "")
        yield from _wrapped(f"  {claim.value:<19} ", clean(shown), width)
    yield ""


def _by_reason(results: list[RuleResult]) -> dict[str, list[str]]:
    """IDs of the rules that were not checked, by why."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        reasons.setdefault(clean(result.reason or "no reason given"), []).append(result.id)
    return reasons


def _shortly(ids: list[str]) -> str:
    """IDs in order, neighbours of one group as a range: WIT001-012."""
    runs: list[list[str]] = []
    for id in ids:
        last = runs[-1][-1] if runs else None
        if last is not None and last[:3] == id[:3] and int(id[3:]) == int(last[3:]) + 1:
            runs[-1].append(id)
        else:
            runs.append([id])
    return ", ".join(r[0] if len(r) == 1 else f"{r[0]}-{r[-1][3:]}" for r in runs)


def clean(text: str) -> str:
    """One line without control characters, so that a package cannot control a reviewer's terminal."""
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _painter(colour: bool) -> Paint:
    def paint(text: str, style: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if colour else text

    return paint


def _groups(verdict: Verdict, severity: Severity) -> dict[str, list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        if finding.severity is severity:
            groups.setdefault(finding.rule, []).append(finding)
    return groups


def _group(id: str, severity: Severity, findings: list[Finding], width: int, paint: Paint) -> Iterator[str]:
    rule = get(id)
    count = f" ({len(findings)})" if len(findings) > 1 else ""
    head = f"{severity.value} {id}  "
    lines = beside(head, f"{rule.title if rule else ''}{count}", width)
    yield f"{paint(severity.value, severity.value)} {paint(id, 'bold')}  {lines[len(head) :]}"
    for finding in findings[:MAX_PLACES]:
        where = clean(finding.path or "")
        where += f":{finding.line}" if finding.line else ""
        text = clean(finding.message) + _expected(finding)
        yield from _wrapped("  ", f"{where}: {text}" if where else text, width)
    if len(findings) > MAX_PLACES:
        yield f"  ... and {len(findings) - MAX_PLACES} more"
    for fix in list(dict.fromkeys(f.fix for f in findings if f.fix))[:1]:
        yield from _wrapped("  fix: ", clean(fix), width)


def _expected(finding: Finding) -> str:
    if finding.expected is None or str(finding.expected) in finding.message:
        return ""
    shown = clean(str(finding.expected))
    return f" (expected {shown[:100]})"


def _wrapped(prefix: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=prefix,
        subsequent_indent=" " * max(4, len(prefix)),
        break_on_hyphens=False,
    ) or [prefix.rstrip()]


def _summary(verdict: Verdict, width: int, paint: Paint) -> list[str]:
    counts = verdict.counts()
    parts = [f"{counts[o.value]} {o.value.replace('_', ' ')}" for o in Outcome if counts[o.value]]
    style = "good" if verdict.verdict == "compliant" else "error"
    words = verdict.words.upper()
    tail = f" of {verdict.ruleset}: {len(verdict.rules)} rules: {', '.join(parts)}" if parts else ""
    plain = _wrapped("", words + tail, width)
    plain[0] = plain[0].replace(words, paint(words, style), 1)
    return [clean(verdict.path), *plain]
