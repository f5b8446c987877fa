"""The batch job of a submit: a script for the batch system, rendered from the system's recipe."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.core.errors import UserError
from harness.core.own_code import start_module
from harness.package.workspace import Workspace
from harness.plan.recipe import Recipe
from harness.plan.request import Request
from harness.run.launch.batch import BatchSystem, Job
from harness.run.launch.registry import LAUNCHERS

NO_GRES = ("none", "None", "no")  # words of a recipe that leave --gres out
JOBS = "jobs"  # folder of scripts and logs, in the workspace's data folder


def batch_system(request: Request) -> BatchSystem:
    """The batch system of the recipe's launcher. Raises UserError when it has none."""
    batch = LAUNCHERS[request.recipe.launcher].batch
    if batch is None:
        raise UserError(
            f"The recipe {request.source.recipe} has launcher {request.recipe.launcher}: "
            "there is nothing to send.",
            "set launcher: slurm (or lsf) in it; or run `cloudmask submit` here.",
        )
    return batch


def render(request: Request, workspace: Workspace) -> Job:
    """The job that runs `cloudmask submit --resume` for this request from the current folder.

    Raises UserError when the recipe's launcher has no batch system, or for a folder whose name no
    directive can hold.
    """
    name = f"cloudmask-{request.org}-{request.system}" + ("-throughput" if request.throughput else "")
    return _job(request, workspace, name, _submit(request, workspace))


def render_array(request: Request, workspace: Workspace, name: str, command: list[str], tasks: int) -> Job:
    """The job array of so many tasks that all run the same command, each with the nodes of the recipe.

    Raises UserError as `render` does, and for batch systems without arrays.
    """
    if not batch_system(request).arrays:
        raise UserError(
            f"The recipe {request.source.recipe} has launcher {request.recipe.launcher}: "
            "experiments are sent as arrays of Slurm only.",
            "set launcher: slurm in it; or run the experiment inside a job, with --workers.",
        )
    return _job(request, workspace, name, command, tasks)


def _job(request: Request, workspace: Workspace, name: str, command: list[str], array: int = 0) -> Job:
    batch, recipe = batch_system(request), request.recipe
    folder = workspace.data.absolute() / JOBS
    if re.search(r"""[\s"'%\\]""", str(folder)):
        raise UserError(
            f"The job's log cannot lie in {folder}: "
            "blanks, quotes and % have a meaning of their own in batch systems.",
            "choose another folder with --data-dir.",
        )
    log = folder / f"{name}-{batch.array_number if array else batch.log_number}.log"
    nodes = recipe.devices.nodes * request.models
    text = (
        _templates()
        .get_template(batch.template)
        .render(
            name=name,
            log=log,
            job=recipe.job,
            devices=recipe.devices,
            nodes=nodes,
            tasks=recipe.devices.workers * request.models,
            gres=_gres(recipe),
            minutes=minutes(recipe.job.time),
            folder=str(Path.cwd()),
            recipe_path=request.source.recipe,
            command=shlex.join(command),
            array=array,
        )
    )
    return Job(name, text, folder / f"{name}.sh", log, nodes)


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.run.launch"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # a shell script: every value is checked by the recipe or quoted
    )
    environment.filters |= {"quote": shlex.quote, "comment": lambda value: re.sub(r"\s", " ", str(value))}
    return environment


def _submit(request: Request, workspace: Workspace) -> list[str]:
    """The command of the job, by this interpreter and from this source tree, so that no environment has to be
    activated, and whatever lies in the folder that the job runs in."""
    what = ["--system", request.system, "--org", request.org]
    places = ["--submissions", str(workspace.submissions), "--data-dir", str(workspace.data)]
    throughput = ["--throughput"] if request.throughput else []
    return start_module("harness", "submit", *what, *places, "--resume", *throughput)


def _gres(recipe: Recipe) -> str | None:
    count = recipe.devices.accelerators_per_node
    if recipe.job.gres in NO_GRES:  # clusters of whole GPU nodes know no gres, and refuse it
        return None
    return recipe.job.gres or (f"gpu:{count}" if count else None)


def minutes(time: str) -> int:
    """A Slurm time limit in whole minutes, rounded up: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S."""
    days, dash, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, mins, seconds = [*parts, 0, 0][:3]
    else:
        hours, mins, seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    total_s = ((int(days or 0) * 24 + hours) * 60 + mins) * 60 + seconds
    return -(-total_s // 60)
