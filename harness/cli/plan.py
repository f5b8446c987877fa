"""cloudmask plan: what would run, and whether the rules and this machine allow it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.plan.datasets import directory_of
from harness.plan.preparation import Prepared, prepare
from harness.submit import preflight
from rules.model.findings import Severity

MACHINE_RULE = "SYS009"  # declared against detected: shown as a table here


@click.command()
@options.place
def plan(system: str, org: str, submissions: Path, data_dir: Path) -> int:
    """Show what `submit` would run for SYSTEM, without running anything or reading the data set."""
    console = Console(highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    prepared = prepare(workspace, system, org, data=False)
    recipe = prepared.recipe
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    try:
        where = str(directory_of(recipe.data, workspace))
    except UserError as error:
        where = f"not found: {error.message}"
    rows = {
        "recipe": str(prepared.source.recipe),
        "what": recipe.description or "-",
        "division": f"{recipe.division} (closed is this rulebook's own profile)",
        "runs": f"{recipe.runs}, seeds drawn at start, caches evicted before each",
        "data set": f"{recipe.data.profile} in {where}",
        "devices": f"{recipe.devices.nodes} node(s) with {recipe.devices.accelerators_per_node} accelerator(s), "
        f"{recipe.devices.workers} worker(s), strategy {recipe.devices.chosen_strategy}, "
        f"launcher {recipe.launcher}",
        "numerics": recipe.precision,
        "implementation": " ".join(recipe.command) if recipe.command else "reference (python -m reference)",
        "package": str(prepared.layout.root),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    for key, stated in sorted(prepared.plan.settings.items()):
        if not key.startswith("submission_"):
            table.add_row(f"  {key}", str(stated.value))
    console.print(table, markup=False)
    show_machine(console, prepared)
    errors = [f for f in preflight(prepared).findings if f.severity is Severity.ERROR]
    if prepared.wrong_machine:
        console.print("This machine is not the one described: here, submit would stop with exit code 2.")
        errors = [f for f in errors if f.rule != MACHINE_RULE]
    for finding in errors:
        console.print(
            f"against the rules: {finding.rule} {finding.message}. Fix: {finding.fix}", markup=False
        )
    if not errors:
        console.print(f"By {prepared.plan.ruleset} nothing is against this plan.")
    return ExitCode.FINDINGS if errors else ExitCode.OK


def show_machine(console: Console, prepared: Prepared) -> None:
    """Declared beside detected."""
    words = {True: "agrees", False: "DIFFERS", None: "not compared"}
    table = Table(title=f"{prepared.layout.system}: declared and detected", title_justify="left")
    table.add_column("field", no_wrap=True)
    for name in ("declared", "detected here", ""):
        table.add_column(name, overflow="fold")
    for field in prepared.comparison:
        style = "red" if field.agrees is False else None
        table.add_row(field.field, str(field.declared), str(field.detected), words[field.agrees], style=style)
    console.print(table, markup=False)
