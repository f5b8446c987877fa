"""cloudmask init: a recipe of one's own, begun from one that works."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import options
from harness.core.errors import UserError
from harness.package.workspace import Workspace, adopt, check_name


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "origin",
    default="local",
    show_default=True,
    help="Recipe to begin with: local, smoke, a100, ...",
)
@options.org
@options.submissions
def init(name: str, origin: str, org: str, submissions: Path) -> None:
    """Begin the recipe of a system called NAME, as a copy of another with its scripts, to be edited.

    It works in any folder: recipes to begin with come with the harness. What would run then: `cloudmask plan`.

    \b
    Examples:
      cloudmask init box --org my-lab
      cloudmask init mycluster --from a100 --org my-lab
    """
    check_name("a system", name)
    check_name("an organisation", org)
    workspace = Workspace(submissions)
    target = workspace.layout(org, name)
    if target.code_dir.exists():
        raise UserError(
            f"{target.code_dir} is there already.", "edit its recipe.yaml, or choose another name."
        )
    adopt(workspace.find_recipe(origin, org), target)
    where = f"--system {name} --org {org}" + (
        f" --submissions {submissions}" if submissions != Path("submissions") else ""
    )
    click.echo(f"begun: {target.recipe}")
    click.echo(f"edit it, then see what would run: cloudmask plan {where}")
