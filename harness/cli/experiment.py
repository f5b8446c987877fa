"""cloudmask experiment: many trials of one recipe, from plan to report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.cli import options
from harness.cli.bars import ConsoleWatch
from harness.core.errors import ExitCode, UserError
from harness.core.files import write_atomic
from harness.core.locks import patient
from harness.core.words import plural
from harness.experiment.chosen import write_chosen
from harness.experiment.model import Between, Experiment, in_words
from harness.experiment.page import CSV, JSON, build_page, is_synthetic
from harness.experiment.parallel import run_workers
from harness.experiment.prepare import Found, begin_or_continue, find_experiment
from harness.experiment.record import WORDS
from harness.experiment.space import grid, points
from harness.experiment.storage import optuna
from harness.experiment.table import Table, gathered, table_csv, table_json
from harness.experiment.trial import Workplace
from harness.experiment.worker import work
from harness.package.workspace import Workspace, check_name
from harness.plan.datasets import synthesize_if_missing
from harness.run.launch.job import batch_system, render_array
from harness.submit import make_ready

DATA_S = 6 * 3600.0  # for another process of the experiment to make the data set


@click.group()
def experiment() -> None:
    """Try settings of a recipe: each trial is a run under the harness, with its evidence, in the open division.

    \b
    Examples:
      cloudmask experiment plan docs/experiments/smoke-search.yaml
      cloudmask experiment run docs/experiments/smoke-search.yaml --workers 2
      cloudmask experiment report docs/experiments/smoke-search.yaml
      cloudmask experiment recipe docs/experiments/smoke-search.yaml 7 --org my-lab

    What the file says, and how trials of several machines come together: docs/guides/experiments.md.
    """


def _placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """EXPERIMENT.yaml, --org, --submissions and --data-dir."""
    for option in (options.data_dir, options.submissions, options.org):
        command = option(command)
    return click.argument("file", metavar="EXPERIMENT.yaml", type=options.PathType)(command)


def _gathering(out_help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of `_placed`, FOLDERs of other machines, and --out."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option("--out", type=options.PathType, help=out_help)(command)
        places = click.argument("places", metavar="[FOLDER]...", nargs=-1, type=options.PathType)
        return _placed(places(command))

    return add


def _find(file: Path, org: str, submissions: Path, data_dir: Path) -> tuple[Found, Workspace]:
    workspace = Workspace(submissions, data_dir)
    return find_experiment(file, workspace, org), workspace


@experiment.command()
@_placed
def plan(file: Path, org: str, submissions: Path, data_dir: Path) -> None:
    """Show what would be tried, without running anything."""
    found, _ = _find(file, org, submissions, data_dir)
    for name, text in _planned(found).items():
        click.echo(f"{name:10} {text}")
    fixed = grid(found.experiment)
    for number, values in enumerate(fixed[:20]):
        click.echo(
            f"point {number:<4} " + (", ".join(f"{n} {v}" for n, v in values.items()) or "the base recipe")
        )
    if len(fixed) > 20:
        click.echo(f"... and {len(fixed) - 20} more")


def _planned(found: Found) -> dict[str, str]:
    said, recipe = found.experiment, found.request.recipe
    count, better = points(said), "larger" if said.objective.larger else "smaller"
    pruning = said.pruning
    return {
        "experiment": said.name + (f": {said.description}" if said.description else ""),
        "base": f"{found.request.source.recipe}, data set {recipe.data.profile}",
        "search": f"{said.search.method} over " + (_space(said) or "nothing: the base recipe alone"),
        "trials": f"{plural(count, 'point')} x {plural(said.repeats, 'run')} = {count * said.repeats}, at most",
        "objective": f"{said.objective.words}; {better} is better",
        "pruning": f"below the median after epoch {pruning.after_epochs}, from {pruning.after_trials} trials on"
        if pruning
        else "none",
        "budget": f"{said.budget.hours:g} hours of trials" if said.budget.hours else "none",
        "folder": f"{found.places.root} ({said.storage})",
    }


def _space(said: Experiment) -> str:
    parts = []
    for name, dimension in said.search.space.items():
        if isinstance(dimension, Between):
            how = " (log)" if dimension.log else ""
            parts.append(f"{name} {dimension.low} to {dimension.high}{how}")
        else:
            parts.append(f"{name} [{', '.join(map(str, dimension))}]")
    return "; ".join(parts)


@experiment.command()
@_placed
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Trials at a time, here."
)
@click.option(
    "--slurm", type=click.IntRange(1, 10_000), help="Send an array of so many tasks to Slurm instead."
)
@click.option("--dry-run", is_flag=True, help="With --slurm: print the job script; send nothing.")
@click.option("--at-once", default=1, type=click.IntRange(1), hidden=True)
def run(
    file: Path,
    org: str,
    submissions: Path,
    data_dir: Path,
    workers: int,
    slurm: int | None,
    dry_run: bool,
    at_once: int,
) -> int:
    """Run the trials that are missing; finished ones are never repeated.

    Call it again after an interruption, or at the same time from other terminals or machines that share the folder:
    each process takes the next trial that nobody has.

    \b
    Exit codes: 0 done, 2 wrong usage or machine, 3 trials failed, 130 interrupted.
    """
    found, workspace = _find(file, org, submissions, data_dir)
    command = [sys.executable, "-m", "harness", "experiment", "run", str(file), "--org", org]
    command += ["--submissions", str(submissions), "--data-dir", str(data_dir)]
    if slurm:
        return _send(found, workspace, command, slurm, dry_run)
    console = Console(highlight=False)
    place = _workplace(found, workspace, console, max(workers, at_once))
    try:
        _work(place, [*command, "--at-once", str(workers)], workers)
    except KeyboardInterrupt:
        kept = "interrupted; finished trials are kept: run the same command again to go on"
        raise UserError(kept, None, ExitCode.INTERRUPTED) from None
    if at_once == 1:
        _summarise(gathered(found, []))
    return ExitCode.OK


def _work(place: Workplace, command: list[str], workers: int) -> None:
    """All trials that are left, in this process or in several that run the command."""
    if workers > 1:
        run_workers([command] * workers, lambda text: place.console.print(text, markup=False, soft_wrap=True))
        return
    done = work(place)
    place.console.print(
        f"{plural(done, 'trial')} run by this process; nothing is left to begin", markup=False
    )


def _workplace(found: Found, workspace: Workspace, console: Console, at_once: int) -> Workplace:
    """Data set, machine and records, ready for trials. What is missing is said before anything runs."""
    optuna()
    watch = ConsoleWatch(console)
    found.places.root.mkdir(parents=True, exist_ok=True)
    with patient(found.places.lock, DATA_S), watch.files("synthesising scenes") as progress:
        synthesize_if_missing(found.request.recipe.data, workspace, progress)
    base = make_ready(found.request, workspace, watch).plan
    with patient(found.places.lock):
        header = begin_or_continue(found, base)
    return Workplace(header, found.places, base, console, at_once)


def _send(found: Found, workspace: Workspace, command: list[str], tasks: int, dry_run: bool) -> int:
    """A job array whose tasks run the same command."""
    if found.experiment.storage != "journal":
        raise UserError(
            "SQLite does not work on file systems that several machines share.",
            "write `storage: journal` in the experiment.",
        )
    job = render_array(
        found.request, workspace, f"cloudmask-experiment-{found.experiment.name}", command, tasks
    )
    if dry_run:
        click.echo(job.text, nl=False)
        return ExitCode.OK
    write_atomic(job.script, job.text)
    number, nodes = batch_system(found.request).send(job), found.request.recipe.devices.nodes
    click.echo(f"array {number} sent: {plural(tasks, 'task')} of {plural(nodes, 'node')}, {job.script}")
    click.echo(f"logs: {job.log}; `cloudmask experiment status` shows how far it is")
    return ExitCode.OK


@experiment.command()
@_placed
@click.argument("places", metavar="[FOLDER]...", nargs=-1, type=options.PathType)
def status(file: Path, org: str, submissions: Path, data_dir: Path, places: tuple[Path, ...]) -> None:
    """How far the experiment is, and what is best so far."""
    found, _ = _find(file, org, submissions, data_dir)
    _summarise(gathered(found, list(places)))


def _summarise(table: Table) -> None:
    said = table.experiment
    counts = ", ".join(f"{n} {WORDS[status]}" for status, n in table.counts().items()) or "none yet"
    click.echo(f"trials: {counts}; {points(said) * said.repeats} at most")
    for place, row in enumerate(table.best(5), 1):
        spread = (
            f" (standard deviation {row.deviation:.3g}, {row.count} runs)"
            if row.deviation is not None
            else ""
        )
        mean = f"{said.objective.words} {row.mean:.6g}{spread}"
        click.echo(f"{place}. point {row.point}: {mean}; {in_words(row.values) or 'base'}")


@experiment.command()
@_gathering("Folder for table.csv and table.json.  [default: the experiment's]")
def gather(
    file: Path, org: str, submissions: Path, data_dir: Path, places: tuple[Path, ...], out: Path | None
) -> None:
    """One table of the trials in FOLDERs, brought from other machines: CSV and JSON.

    A FOLDER is what `run` made: data/experiments/NAME. Trials of another base recipe, data set, ruleset or search are
    refused, as are copies.
    """
    found, _ = _find(file, org, submissions, data_dir)
    table, folder = gathered(found, list(places)), out or found.places.root
    for name, text in ((CSV, table_csv(table)), (JSON, table_json(table))):
        write_atomic(folder / name, text)
        click.echo(folder / name)
    click.echo(
        f"{plural(table.made, 'trial')} of {plural(table.tried, 'point')} from {plural(len(table.places), 'folder')}"
    )


@experiment.command()
@_gathering("Folder for the page.  [default: report/ in the experiment's]")
def report(
    file: Path, org: str, submissions: Path, data_dir: Path, places: tuple[Path, ...], out: Path | None
) -> None:
    """A page of the trials that works offline: parallel coordinates, slices, importances, curves, cost."""
    found, _ = _find(file, org, submissions, data_dir)
    table = gathered(found, list(places))
    click.echo(
        build_page(table, out or found.places.root / "report", time.time(), is_synthetic(table.places))
    )


@experiment.command()
@_placed
@click.argument("number", type=click.IntRange(0))
@click.option("--system", help="Name of the new recipe.  [default: NAME-NUMBER]")
def recipe(file: Path, org: str, submissions: Path, data_dir: Path, number: int, system: str | None) -> None:
    """Write trial NUMBER as a recipe of --org, with its provenance: what was tried, and how often."""
    found, workspace = _find(file, org, submissions, data_dir)
    name = check_name("a system", system or f"{found.experiment.name}-{number}")
    path = write_chosen(
        found, gathered(found, []), number, workspace.layout(check_name("an organisation", org), name)
    )
    click.echo(path)
    click.echo(f"see what the rules say of it: cloudmask plan --system {name} --org {org}")
