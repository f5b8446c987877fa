"""cloudmask rules: list the rules, explain one, show what the sources ask for."""

from __future__ import annotations

import difflib
import json
import sys
from typing import Any

import click

from harness.core.errors import ExitCode, UserError
from harness.core.wrapping import beside, width_of
from harness.rulebook.examples import load_examples
from rules.registry import GROUPS, Rule, catalogue, get


@click.group()
def rules() -> None:
    """List and explain the rules that packages are judged by."""


@rules.command("list")
@click.option("--group", default=None, help=f"One group: {' '.join(GROUPS)}.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def list_rules(group: str | None, form: str, as_json: bool) -> int:
    """One line per rule; everything about each of them as JSON; or docs/rules.md."""
    everything = catalogue()
    groups = list(dict.fromkeys(r.id[:3] for r in everything))
    if group is not None and group.upper() not in groups:
        raise UserError(f"There is no group '{group}'.", f"choose one of {', '.join(groups)}.")
    chosen = [r for r in everything if group is None or r.id.startswith(group.upper())]
    if as_json or form == "json":
        click.echo(json.dumps([_record(r) for r in chosen], indent=1))
        return ExitCode.OK
    if form == "markdown":
        if group is not None:
            raise UserError("The Markdown page is of all groups.", "leave --group out.")
        from harness.rulebook.markdown import rules_page

        click.echo(rules_page(), nl=False)
        return ExitCode.OK
    width = width_of(sys.stdout)
    for rule in chosen:
        scopes = "+".join(s.value for s in rule.scopes)
        head = f"{rule.id}  {rule.severity.value:7}  {scopes:12}  "
        click.echo(beside(head, rule.title, width))
    click.echo(f"{len(chosen)} rules; `cloudmask rules explain ID` says why each exists.")
    return ExitCode.OK


@rules.command("coverage")
def coverage() -> int:
    """What the sources ask for, item by item, and which rules judge it (docs/coverage.md)."""
    from harness.rulebook.coverage import coverage_page

    click.echo(coverage_page(), nl=False)
    return ExitCode.OK


@rules.command("explain")
@click.argument("id")
def explain(id: str) -> int:
    """Why a rule exists, where it comes from, how to satisfy it, and an example of either kind."""
    rule = get(id)
    if rule is None:
        near = difflib.get_close_matches(id.upper(), [r.id for r in catalogue()], 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"There is no rule '{id[:40]}'.", f"{hint}`cloudmask rules list` shows them all.")
    width = width_of(sys.stdout) or 100
    click.echo(f"{rule.id}  {rule.title}\n")
    pair = load_examples()[rule.id]
    for name, texts in (
        ("why", [rule.why]),
        ("fix", [rule.fix]),
        ("source", [rule.source]),
        ("severity", [rule.severity.value]),
        ("judges", [", ".join(s.value for s in rule.scopes)]),
        ("divisions", [", ".join(rule.divisions)]),
        ("good", pair.good.shown()),
        ("bad", pair.bad.shown()),
    ):
        for at, text in enumerate(texts):
            first = f"{name if at == 0 else '':>10}  "
            click.echo(beside(first, text, width))
    return ExitCode.OK


def _record(rule: Rule) -> dict[str, Any]:
    pair = load_examples()[rule.id]
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "scopes": [s.value for s in rule.scopes],
        "divisions": list(rule.divisions),
        "source": rule.source,
        "why": rule.why,
        "fix": rule.fix,
        "good": pair.good.shown(),
        "bad": pair.bad.shown(),
    }
