"""cloudmask run: one trial run under the harness, outside any package."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from harness.cli import options
from harness.cli.submit import get_ready
from harness.core.errors import ExitCode
from harness.plan.request import find_request
from harness.run.folders import FINISHED, sweep
from harness.run.many_runs import run_single
from harness.submit import display_on
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
    """One run of SYSTEM's recipe, watched and recorded like a scored one, but not part of any submission.

    A plan that breaks rules, and a machine that is not the one described, are shown as such and run: `submit`
    would refuse them.
    """
    console = Console(highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    ready = get_ready(console, workspace, find_request(workspace, system, org), trial=True)
    number = len(list(out.glob("trial_*"))) if out.is_dir() else 0
    trial = ready.plan.trial(PackageLayout(out / f"trial_{number}", system))
    sweep(trial.layout)
    with display_on(console) as display:
        record = run_single(trial, ready.launcher, 0, display)
    console.print(f"{record.status}{': ' + record.reason if record.reason else ''}", markup=False)
    console.print(f"log and evidence: {trial.layout.root}", soft_wrap=True, markup=False)
    return ExitCode.OK if record.status in FINISHED else ExitCode.FAILED
