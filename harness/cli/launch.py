"""cloudmask launch: from a login node to a batch job that makes the submission."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.core.files import write_atomic
from harness.core.words import plural
from harness.plan.request import find_request
from harness.run.launch.batch import BatchBusy, FollowedBatchSystem, Job, State
from harness.run.launch.job import batch_system, render

LOOK_S = 5.0
PATIENCE_S = 1800.0  # without an answer of the batch system while waiting for a job


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
    Exit codes: 0 sent (with --wait: compliant), 1 findings, 2 wrong usage or refused, 3 a failed run or job,
    69 the batch system does not answer, 130 interrupted. With --wait: else the code of the job.
    """
    console = Console(highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    request = find_request(workspace, system, org, throughput)
    batch, job = batch_system(request), render(request, workspace)
    if dry_run:
        click.echo(job.text, nl=False)
        return ExitCode.OK
    followed = batch if isinstance(batch, FollowedBatchSystem) else None
    if wait and followed is None:
        raise UserError("--wait works with Slurm only.", "use bwait, or look at the log.")
    write_atomic(job.script, job.text)
    number = batch.send(job)
    workers = request.recipe.devices.workers
    for line in (
        f"job {number} sent: {plural(job.nodes, 'node')}, {plural(workers, 'worker')} a model, {job.script}",
        f"log:     {job.log_of(number)}",
        f"package: {request.layout.root}; run `cloudmask check` on it when the job is done",
    ):
        console.print(line, soft_wrap=True, markup=False)
    return _follow(console, followed, job, number) if wait and followed else ExitCode.OK


def _follow(console: Console, batch: FollowedBatchSystem, job: Job, number: str) -> int:
    """Show state changes and new lines of the log until the job has ended."""
    shown, seen, patience = "", 0, Patience(console, number)
    while True:
        state = patience.ask(lambda: batch.state(number))
        if state is None:
            time.sleep(LOOK_S)
            continue
        line = f"{state.word} {state.reason}".strip()
        if line != shown:
            console.print(f"[{number}] {line}", markup=False)
            shown = line
        seen = _print_from(job.log_of(number), seen)
        if state.over:
            return _ending(console, job, number, state)
        time.sleep(LOOK_S)


def _ending(console: Console, job: Job, number: str, state: State) -> int:
    """The exit code of a job that is over: its own, where it is known and the job did not just disappear."""
    if state.exit_code is not None and state.word in ("COMPLETED", "FAILED"):
        return state.exit_code
    what = "how it ended is not known" if state.word == "UNKNOWN" else f"it ended as {state.word}"
    console.print(f"[{number}] {what}: see {job.log_of(number)}", soft_wrap=True, markup=False)
    return ExitCode.FAILED


class Patience:
    """Asks a batch system that may be busy for a while: a wait of hours is not given up for one answer."""

    def __init__(self, console: Console, number: str) -> None:
        self._console, self._number = console, number
        self._since_s: float | None = None

    def ask(self, question: Callable[[], State]) -> State | None:
        """The answer, or None: ask again later. Raises BatchBusy after PATIENCE_S without one."""
        try:
            state = question()
        except BatchBusy as busy:
            now_s = time.monotonic()
            if self._since_s is None:
                self._since_s = now_s
                said = f"[{self._number}] {busy.message} Asking again; the job is not touched by that."
                self._console.print(said, soft_wrap=True, markup=False)
            if now_s - self._since_s < PATIENCE_S:
                return None
            raise BatchBusy(
                f"The batch system did not answer for {PATIENCE_S / 60:g} minutes: {busy.message}",
                f"the job {self._number} goes on without this command: look with squeue, or at its log.",
            ) from None
        self._since_s = None
        return state


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
