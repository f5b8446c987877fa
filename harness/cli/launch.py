"""cloudmask launch: from a login node to a batch job that makes the submission."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.core.files import write_atomic
from harness.plan.request import find_request
from harness.run.launch.batch import BatchSystem, Job
from harness.run.launch.job import batch_system, render

LOOK_S = 5.0


@click.command()
@options.place
@click.option("--dry-run", is_flag=True, help="Print the job script; send nothing, write nothing.")
@click.option("--wait", is_flag=True, help="Slurm: stay, show the job's log, end with its exit code.")
@click.option("--throughput", is_flag=True, help="Send `submit --throughput`: all `instances` at once.")
def launch(
    system: str, org: str, submissions: Path, data_dir: Path, dry_run: bool, wait: bool, throughput: bool
) -> int:
    """Send SYSTEM's submit to the batch system that its recipe names (launcher: slurm or lsf).

    Renders a job script from the recipe's job section and sends it with sbatch or bsub. The job runs
    `cloudmask submit --resume` on its first node, which starts the workers of every run on all nodes
    and one telemetry sampler on each. A job that ran out of time is continued: Slurm queues it again
    (job.requeues); elsewhere launch it again. Folders must be shared by all nodes.

    \b
    Exit codes: 0 sent (with --wait: compliant), 1 findings or a failed job, 2 wrong usage, 130 interrupted.
    """
    console = Console(highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    request = find_request(workspace, system, org, throughput)
    batch, job = batch_system(request), render(request, workspace)
    if dry_run:
        click.echo(job.text, nl=False)
        return ExitCode.OK
    if wait and not batch.can_wait:
        raise UserError("--wait works with Slurm only.", "use bwait, or look at the log.")
    write_atomic(job.script, job.text)
    number = batch.send(job)
    workers = request.recipe.devices.workers
    for line in (
        f"job {number} sent: {job.nodes} node(s), {workers} worker(s) a model, {job.script}",
        f"log:     {job.log_of(number)}",
        f"package: {request.layout.root}; run `cloudmask check` on it when the job is done",
    ):
        console.print(line, soft_wrap=True, markup=False)
    return _follow(console, batch, job, number) if wait else ExitCode.OK


def _follow(console: Console, batch: BatchSystem, job: Job, number: str) -> int:
    """Show state changes and new lines of the log until the job has ended."""
    shown, seen = "", 0
    while True:
        state = batch.state(number)
        line = f"{state.word} {state.reason}".strip()
        if line != shown:
            console.print(f"[{number}] {line}", markup=False)
            shown = line
        seen = _print_from(job.log_of(number), seen)
        if state.over:
            return ExitCode.FINDINGS if state.exit_code is None else state.exit_code
        time.sleep(LOOK_S)


def _print_from(log: Path, seen: int) -> int:
    """Print what was added to the log after `seen` bytes; returns how far it goes now."""
    try:
        with log.open("rb") as file:
            file.seek(seen)
            added = file.read()
    except OSError:  # not there yet
        return seen
    click.echo(added.decode(errors="replace"), nl=False)
    return seen + len(added)
