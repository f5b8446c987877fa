"""cloudmask run: one trial run under the harness, outside any package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from harness.cli import options
from harness.cli.submit import ready
from harness.core.errors import ExitCode
from harness.run.one_run import FINISHED, run_once
from harness.run.progress import make_display
from harness.submit import sweep
from rules.model.layout import PackageLayout


@click.command()
@options.place
@click.option(
    "--out",
    type=options.PathType,
    default=Path("data/trials"),
    show_default=True,
    help="Where log and evidence go: a new folder each time.",
)
def run(system: str, org: str, submissions: Path, data_dir: Path, out: Path) -> int:
    """One run of SYSTEM's recipe, watched and recorded like a scored one, but not part of any submission."""
    console = Console(highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    prepared = ready(console, workspace, system, org)
    number = len(list(out.glob("trial_*"))) if out.is_dir() else 0
    layout = PackageLayout(out / f"trial_{number}", system)
    sweep(layout)
    plan = replace(prepared.run_plan(), layout=layout, recipe=prepared.recipe.model_copy(update={"runs": 1}))
    display = make_display(console)
    try:
        record = run_once(plan, 0, set(), display)
    finally:
        display.close()
    console.print(f"{record.status}{': ' + record.reason if record.reason else ''}", markup=False)
    console.print(f"log and evidence: {layout.root}", soft_wrap=True, markup=False)
    return ExitCode.OK if record.status in FINISHED else ExitCode.FINDINGS
