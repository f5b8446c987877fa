"""cloudmask doctor: what works on this machine and what to do about the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.core.errors import ExitCode
from harness.machine.doctor import Check, State, diagnose
from harness.plan.checkout import source_doubt, source_state

_STYLES = {State.PROBLEM: "red", State.WARNING: "yellow", State.INFO: "dim", State.OK: None}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(as_json: bool) -> int:
    """Say what works on this machine and what to do about the rest.

    \b
    Exit codes: 0 a submit can work here, 1 something needed is missing.
    """
    checks = [*diagnose(Path()), source_code()]
    healthy = all(check.state is not State.PROBLEM for check in checks)
    if as_json:
        found = [asdict(check) for check in checks]
        click.echo(json.dumps({"schema": 1, "healthy": healthy, "checks": found}, indent=1))
    else:
        table = Table(title="this machine", title_justify="left")
        for column in ("", "what", "found", "what to do"):
            table.add_column(column, overflow="fold")
        for check in checks:
            table.add_row(check.state.value, check.name, check.detail, check.fix, style=_STYLES[check.state])
        Console(highlight=False).print(table, markup=False)
        click.echo("ready: a submit can work here." if healthy else "not ready: see the problems above.")
    return ExitCode.OK if healthy else ExitCode.FINDINGS


def source_code() -> Check:
    """The commit that packages name: rules about the code stay unchecked where it is not known."""
    state, doubt = source_state(), source_doubt()
    if doubt is None:
        return Check("source code", State.OK, f"commit {str(state.commit)[:12]}")
    return Check("source code", State.WARNING, doubt.what, doubt.fix)
