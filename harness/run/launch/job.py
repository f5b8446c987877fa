"""The batch job of a submit: a script for sbatch or bsub, rendered from the system's recipe."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.core.errors import UserError
from harness.package.workspace import Workspace
from harness.plan.recipe import Recipe

TEMPLATES = {"slurm": "slurm.sh.j2", "lsf": "lsf.sh.j2"}
LOG_NUMBER = {"slurm": "%j", "lsf": "%J"}  # the batch system puts the job's number here


@dataclass(frozen=True)
class Job:
    """A job ready to be sent: its script, and where script and log lie (`log` holds %j or %J)."""

    name: str
    text: str
    script: Path
    log: Path
    nodes: int

    def log_of(self, number: str) -> Path:
        return Path(re.sub("%[jJ]", number, str(self.log)))


def render(
    recipe: Recipe,
    recipe_path: Path,
    workspace: Workspace,
    system: str,
    org: str,
    throughput: bool = False,
) -> Job:
    """The job that runs `cloudmask submit --resume` for this recipe from the current folder.

    Raises UserError when the recipe's launcher is no batch system, when it has no instances to
    train for throughput, or for a folder whose name no directive can hold.
    """
    if recipe.launcher not in TEMPLATES:
        raise UserError(
            f"The recipe {recipe_path} has launcher {recipe.launcher}: there is nothing to send.",
            "set launcher: slurm (or lsf) in it; or run `cloudmask submit` here.",
        )
    if throughput and recipe.instances is None:
        raise UserError(
            f"The recipe {recipe_path} does not say how many models to train at the same time.",
            "set `instances` in it.",
        )
    instances = (recipe.instances or 1) if throughput else 1
    name = f"cloudmask-{org}-{system}" + ("-throughput" if throughput else "")
    folder = workspace.data.absolute() / "jobs"
    log = folder / f"{name}-{LOG_NUMBER[recipe.launcher]}.log"
    if re.search(r"""[\s"'%\\]""", str(folder)):
        raise UserError(
            f"The job's log cannot lie in {folder}: batch systems read blanks, quotes and % as their own.",
            "choose another folder with --data-dir.",
        )
    environment = Environment(
        loader=PackageLoader("harness.run.launch"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # a shell script: every value is checked by the recipe or quoted
    )
    environment.filters |= {"quote": shlex.quote, "comment": lambda value: re.sub(r"\s", " ", str(value))}
    text = environment.get_template(TEMPLATES[recipe.launcher]).render(
        name=name,
        log=log,
        job=recipe.job,
        devices=recipe.devices,
        nodes=recipe.devices.nodes * instances,
        tasks=recipe.devices.workers * instances,
        gres=_gres(recipe),
        minutes=minutes(recipe.job.time),
        folder=str(Path.cwd()),
        recipe_path=recipe_path,
        command=shlex.join([*_submit(workspace, system, org), *(["--throughput"] if throughput else [])]),
    )
    return Job(name, text, folder / f"{name}.sh", log, recipe.devices.nodes * instances)


def _submit(workspace: Workspace, system: str, org: str) -> list[str]:
    """Our own interpreter, so that the job needs no activated environment."""
    places = ["--submissions", str(workspace.submissions), "--data-dir", str(workspace.data)]
    return [sys.executable, "-m", "harness", "submit", "--system", system, "--org", org, *places, "--resume"]


def _gres(recipe: Recipe) -> str | None:
    count = recipe.devices.accelerators_per_node
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
