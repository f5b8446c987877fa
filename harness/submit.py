"""From recipe to judged package: resolve, preflight, run, seal, judge. Each stage is one call here.

    find_request -> resolve -> preflight -> run -> seal -> judge

The stages hand on typed values: Request, Ready (plan and launcher), then the package on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from harness.check import check_package, check_plan
from harness.core.errors import ExitCode, UserError
from harness.package.seal import Implementation, seal_package
from harness.package.workspace import Workspace
from harness.plan.datasets import synthesize_if_missing
from harness.plan.machine import Machine
from harness.plan.request import Request
from harness.plan.resolve import RunPlan, draft, resolve
from harness.power.record import PowerRecord, record_power, require_source
from harness.report import build_report
from harness.run.folders import finished_runs
from harness.run.launch.base import Launcher
from harness.run.launch.registry import launcher_for
from harness.run.many_runs import run_all
from harness.run.progress import Display, make_display
from harness.run.throughput import run_together
from harness.run.witnessing import stamp_package
from harness.score.model import Score
from harness.score.score import score
from reference.data.dataset import Progress
from rules.model.findings import Severity, Verdict
from rules.model.layout import WEAK, PackageLayout
from rules.model.package import Package, Plan
from rules.ruleset import load_ruleset


class Watch(Protocol):
    """Shows what happens before the runs."""

    def files(self, title: str) -> AbstractContextManager[Progress]:
        """A progress display over files while the block runs."""

    def note(self, text: str) -> None:
        """A line for the user."""


class WrongMachine(UserError):
    """This is not the machine that the system description describes."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(
            f"This is not the machine that '{machine.declared.name}' describes: nothing was run.",
            "run it there; or SYSTEM=local on this one; or describe this one with `cloudmask system detect`.",
        )
        self.machine = machine


class PlanRefused(UserError):
    """The plan breaks rules; `verdict` says which."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            "The plan breaks the rules above: nothing was run.", "correct the recipe.", ExitCode.FINDINGS
        )
        self.verdict = verdict


@dataclass(frozen=True)
class Ready:
    """All that the runs need."""

    plan: RunPlan
    launcher: Launcher


@dataclass(frozen=True)
class Submission:
    """The end of a submit: what was made, and what the rules say of it."""

    package: Package
    verdict: Verdict
    score: Score
    report: Path | None  # throughput has none
    unreported: UserError | None = None  # why the report could not be written; package and verdict stand

    @property
    def exit_code(self) -> ExitCode:
        """0 for a compliant package, else 1."""
        return ExitCode.OK if self.verdict.verdict == "compliant" else ExitCode.FINDINGS


def make_ready(request: Request, workspace: Workspace, watch: Watch, trial: bool = False) -> Ready:
    """Launcher, data set, machine, power source: whatever is missing is said before anything runs.

    What takes longest comes last. A trial may run on another machine than the one described. Raises UserError,
    WrongMachine among them.
    """
    launcher = launcher_for(request.recipe, request.models)
    with watch.files("synthesising scenes") as progress:
        made = synthesize_if_missing(request.recipe.data, workspace, progress)
    if made:
        watch.note(f"synthetic data set '{request.recipe.data.profile}' made in {workspace.data}")
    drafted = draft(request, workspace)
    if drafted.machine.differing and not trial:
        raise WrongMachine(drafted.machine)
    require_source(request.recipe)
    with watch.files("hashing scenes") as progress:
        return Ready(resolve(drafted, workspace, progress), launcher)


def preflight(plan: Plan) -> Verdict:
    """The rulebook applied to the plan, before anything runs."""
    return check_plan(plan, load_ruleset(plan.ruleset))


def require_compliant(plan: Plan) -> None:
    """Raises PlanRefused when preflight finds an error."""
    verdict = preflight(plan)
    if any(finding.severity is Severity.ERROR for finding in verdict.findings):
        raise PlanRefused(verdict)


def do_runs(ready: Ready, console: Console, resume: bool) -> None:
    """Do the runs that are missing; for throughput all of them at once.

    Raises UserError when a run fails, when there are runs and `resume` is false, or when another submit
    is at work in the same place.
    """
    if ready.plan.request.throughput:
        run_together(ready.plan, ready.launcher, console)
        return
    with display_on(console) as display:
        run_all(ready.plan, ready.launcher, display, resume)


@contextmanager
def display_on(console: Console) -> Iterator[Display]:
    """A display of runs, closed at the end of the block."""
    display = make_display(console)
    try:
        yield display
    finally:
        display.close()


def is_complete(plan: RunPlan) -> bool:
    """Whether all runs are finished already."""
    return len(finished_runs(plan.layout, plan.request.runs)) == plan.request.runs


def seal(plan: RunPlan, note: Callable[[str], None] = lambda text: None) -> PowerRecord:
    """Write what the package needs beside the runs, then the manifest over everything.

    Returns what became of the power files; `note` is told what the witness could not do."""
    request, recipe = plan.request, plan.recipe
    power = record_power(plan.layout, recipe, request.runs)
    implementation = Implementation(
        name=recipe.implementation,
        command=request.command,
        reference=recipe.command is None,
        commit=plan.source.commit,
        precision=recipe.precision,
    )
    stamp_package(plan, note)
    seal_package(plan.layout, implementation)
    return power


def judge(layout: PackageLayout, ruleset: str, now_s: float | None = None) -> Submission:
    """Check, score and report a package on disk: exactly what a reviewer's commands do."""
    rules = load_ruleset(ruleset)
    package, verdict = check_package(layout.root, rules, system=layout.system, scaling=layout.scaling)
    result = score(package, rules)
    if layout.scaling == WEAK:
        return Submission(package, verdict, result, None)
    now_s = time.time() if now_s is None else now_s
    try:
        report = build_report(package, verdict, result, layout.report_dir, now_s)
    except UserError as error:
        return Submission(package, verdict, result, None, error)
    return Submission(package, verdict, result, report)
