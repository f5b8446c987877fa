"""cloudmask plan: what would run, and whether the rules and this machine allow it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.cli import options
from harness.core.errors import ExitCode
from harness.core.words import plural
from harness.plan.checkout import source_doubt
from harness.plan.datasets import Located, Missing
from harness.plan.machine import Machine
from harness.plan.request import find_request
from harness.plan.resolve import Draft, draft
from harness.submit import preflight
from rules.model.findings import Finding, Severity
from rules.system.same_system import as_detected as MACHINE_RULE  # shown as a table here


@click.command()
@options.place
def plan(system: str, org: str, submissions: Path, data_dir: Path) -> int:
    """Show what `submit` would run for SYSTEM, without running anything or reading the data set."""
    console = Console(highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    drafted = draft(find_request(workspace, system, org), workspace)
    show_plan(console, drafted)
    show_machine(console, drafted.machine)
    show_source_doubt(console)
    errors = [f for f in preflight(drafted.plan).findings if f.severity is Severity.ERROR]
    if drafted.machine.differing:
        console.print("This machine is not the one described: here, submit would stop with exit code 2.")
        errors = [f for f in errors if f.rule != MACHINE_RULE.id]
    show_errors(console, errors, drafted.plan.ruleset)
    return ExitCode.FINDINGS if errors else ExitCode.OK


def show_plan(console: Console, drafted: Draft) -> None:
    """What would run, and with which settings."""
    request, recipe = drafted.request, drafted.request.recipe
    devices = recipe.devices
    rows = {
        "recipe": str(request.source.recipe),
        "what": recipe.description or "-",
        "division": f"{recipe.division} (closed is this rulebook's own profile)",
        "runs": f"{request.runs}, seeds drawn at start, caches evicted before each",
        "data set": f"{recipe.data.profile}{_where(drafted.data)}",
        "devices": f"{plural(devices.nodes, 'node')} with {plural(devices.accelerators_per_node, 'accelerator')}, "
        f"{plural(devices.workers, 'worker')}, strategy {devices.chosen_strategy}, launcher {recipe.launcher}",
        "numerics": recipe.precision,
        "implementation": " ".join(recipe.command) if recipe.command else "reference (python -m reference)",
        "package": str(request.layout.root),
    }
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    for key, stated in sorted(drafted.plan.settings.items()):
        if not key.startswith("submission_"):
            table.add_row(f"  {key}", str(stated.value))
    console.print(table, markup=False)


def show_source_doubt(console: Console) -> None:
    """What will be unchecked about the code, before anything is trained."""
    doubt = source_doubt()
    if doubt is not None:
        console.print(f"warning: {doubt.what}", soft_wrap=True, markup=False)
        console.print(f"  fix: {doubt.fix}", soft_wrap=True, markup=False)


def _where(data: Located | Missing) -> str:
    if isinstance(data, Located):
        return f" in {data.folder}"
    return f", not found: {data.what} Fix: {data.fix}"


def show_machine(console: Console, machine: Machine) -> None:
    """Declared beside detected, field by field."""
    words = {True: "agrees", False: "DIFFERS", None: "not compared"}
    table = Table(title=f"{machine.declared.name}: declared and detected", title_justify="left")
    table.add_column("field", no_wrap=True)
    for name in ("declared", "detected here", ""):
        table.add_column(name, overflow="fold")
    for field in machine.comparison:
        style = "red" if field.agrees is False else None
        table.add_row(field.field, str(field.declared), str(field.detected), words[field.agrees], style=style)
    console.print(table, markup=False)


def show_errors(console: Console, errors: list[Finding], ruleset: str) -> None:
    """What the rules say against the plan, or that they are not broken."""
    for error in errors:
        console.print(f"against the rules: {error.rule} {error.message}. Fix: {error.fix}", markup=False)
    if not errors:
        console.print(f"The plan breaks no rule of {ruleset}.")
