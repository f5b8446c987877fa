"""cloudmask submit: from machine to checked package and report."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from harness.check import render_text
from harness.cli import options
from harness.cli.bars import ConsoleWatch
from harness.cli.plan import show_machine, show_source_doubt
from harness.core.errors import ExitCode, UserError
from harness.core.words import plural
from harness.package.workspace import Workspace
from harness.plan.request import Request, find_request
from harness.plan.resolve import RunPlan
from harness.score import words
from harness.score.model import EnergyScore
from harness.score.score import describe
from harness.submit import (
    PlanRefused,
    Ready,
    Submission,
    WrongMachine,
    do_runs,
    is_complete,
    judge,
    make_ready,
    require_compliant,
    seal,
)
from rules.model.findings import Severity, Verdict


@click.command()
@options.place
@click.option(
    "--resume", is_flag=True, help="Continue an interrupted submit; finished runs are not repeated."
)
@click.option("--replace", is_flag=True, help="Set finished runs of this system aside and start again.")
@click.option(
    "--throughput",
    is_flag=True,
    help="Train the recipe's `instances` models at the same time instead: the optional throughput entry.",
)
def submit(
    system: str, org: str, submissions: Path, data_dir: Path, resume: bool, replace: bool, throughput: bool
) -> int:
    """Run SYSTEM's recipe under the rules and make a checked, scored, explained submission.

    Recipes with launcher slurm or lsf are sent to the batch system with `cloudmask launch`, whose job
    then calls this.

    \b
    Exit codes: 0 compliant, 1 findings, 2 wrong usage or machine, 3 a failed run, 130 interrupted.
    """
    if resume and replace:
        raise UserError("--resume and --replace exclude each other.")
    console = Console(stderr=False, highlight=False)
    workspace = options.workspace_of(system, org, submissions, data_dir)
    ready = get_ready(console, workspace, find_request(workspace, system, org, throughput))
    if throughput and resume:  # models that ran at the same time cannot be completed one by one
        if is_complete(ready.plan):
            return finish(console, ready.plan)
        replace = True
    if replace and (moved := workspace.set_aside(ready.plan.layout)):
        console.print(f"earlier results set aside in {moved}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    do_runs(ready, console, resume)
    return finish(console, ready.plan)


def get_ready(console: Console, workspace: Workspace, request: Request, trial: bool = False) -> Ready:
    """Data at hand, right machine, plan by the rules; or a UserError that says what to do.

    A trial is not a submission: what its plan breaks is shown, and it runs.
    """
    keeps = "it breaks no rule of"
    try:
        ready = make_ready(request, workspace, ConsoleWatch(console), trial)
        if ready.plan.machine.differing:
            show_machine(console, ready.plan.machine)
            console.print(
                f"warning: not the machine that '{request.system}' describes: a trial only, submit refuses it",
                soft_wrap=True,
                markup=False,
            )
        try:
            require_compliant(ready.plan.plan)
        except PlanRefused as error:
            if not trial:
                raise
            _show_findings(console, error.verdict)
            keeps = "a trial only: submit refuses it by"
    except WrongMachine as error:
        show_machine(console, error.machine)
        raise
    except PlanRefused as error:
        _show_findings(console, error.verdict)
        raise
    show_source_doubt(console)
    for remark in ready.plan.described.remarks:
        console.print(f"warning: {remark}", soft_wrap=True, markup=False)
    recipe, ruleset = request.recipe, ready.plan.plan.ruleset
    console.print(
        f"plan: {plural(request.runs, f'{recipe.division} run')} of '{request.system}' for {request.org}, data set "
        f"{recipe.data.profile}, {recipe.precision}; {keeps} {ruleset}",
        soft_wrap=True,
    )
    return ready


def finish(console: Console, plan: RunPlan) -> ExitCode:
    """Seal the package, judge it and show the result."""
    power = seal(plan, lambda text: console.print(text, soft_wrap=True, markup=False))
    if power.problem:
        console.print(f"no power files are written: {power.reason}", soft_wrap=True, markup=False)
    submission = judge(plan.layout, plan.plan.ruleset)
    summarise(console, submission)
    return submission.exit_code


def _show_findings(console: Console, verdict: Verdict) -> None:
    console.print(render_text(verdict, width=console.width, colour=console.is_terminal), markup=False)


def summarise(console: Console, submission: Submission) -> None:
    """Verdict, errors if there are any, score, and where to look."""
    verdict, result = submission.verdict, submission.score
    counts = verdict.counts()
    console.print()
    if any(f.severity is Severity.ERROR for f in verdict.findings):
        _show_findings(console, verdict)
    colour = "green" if verdict.verdict == "compliant" else "red"
    console.print(f"verdict: [bold {colour}]{verdict.words}[/] of {verdict.ruleset}", end="")
    warned = f"{counts['warn']} warning{'' if counts['warn'] == 1 else 's'}"
    console.print(f" ({counts['pass']} rules passed, {counts['fail']} failed, {warned})")
    for line in words.table(result, console.width) or [f"  run {run.index}" for run in result.runs]:
        console.print(line, soft_wrap=True, markup=False)
    if result.weak is not None:
        console.print(f"throughput: [bold]{describe(result)}[/] (unverified; {result.method})")
    if result.time_to_train_s is not None:
        how = "; ".join(part for part in ("unverified", result.method, result.clock, result.note) if part)
        console.print(f"time-to-train: [bold]{result.time_to_train_s:.2f} s[/] ({how})")
    elif result.weak is None:
        console.print(f"time-to-train: none ({result.note})")
    _show_energy(console, result.energy)
    package = submission.package
    console.print(f"package: {package.root}", soft_wrap=True, markup=False)
    if submission.report is not None:
        console.print(f"report:  {submission.report}", soft_wrap=True, markup=False)
    if submission.unreported is not None:
        elsewhere = f"cloudmask report {package.root} --system {package.system_name} --out <folder>"
        said = f"report:  none, {submission.unreported.message} Elsewhere: `{elsewhere}`"
        console.print(said, soft_wrap=True, markup=False)
    sys.stdout.flush()


def _show_energy(console: Console, energy: EnergyScore | None) -> None:
    """Energy to train, of whole nodes, when it was measured."""
    if energy is None:
        return
    if energy.joule is None:
        console.print(f"energy to train: none ({energy.note})", soft_wrap=True, markup=False)
        return
    beside = (
        f"; {energy.difference:+.1%} by mlperf_logging's formula" if energy.difference is not None else ""
    )
    console.print(
        f"energy to train: {energy.joule:.6g} J (unverified; whole nodes{beside})",
        soft_wrap=True,
        markup=False,
    )
