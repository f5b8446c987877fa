"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.core.errors import UserError
from harness.package.workspace import DEFAULT_ORG, Workspace, check_name
from rules.ruleset import DEFAULT, Ruleset, load_ruleset

PathType = click.Path(path_type=Path)

system = click.option("--system", required=True, help="Recipe to run: local, a100, or one of your own.")
org = click.option(
    "--org", default=DEFAULT_ORG, show_default=True, help="Your organisation: its folder under submissions/."
)
submissions = click.option(
    "--submissions",
    type=PathType,
    default=Path("submissions"),
    show_default=True,
    help="Folder of all organisations.",
)
data_dir = click.option(
    "--data-dir",
    type=PathType,
    default=Path("data"),
    show_default=True,
    help="Folder of synthetic data sets.",
)

ruleset = click.option(
    "--ruleset",
    default=None,
    help=f"Rules to judge by; default: those of the package's plan, else {DEFAULT}.",
)


def json_schema(text: Callable[[], str], of: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--json-schema: print a schema, and do nothing else."""

    def show(context: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            click.echo(text(), nl=False)
            context.exit()

    said = f"Print the JSON Schema of {of}."
    return click.option(
        "--json-schema", is_flag=True, is_eager=True, expose_value=False, callback=show, help=said
    )


def ruleset_of(name: str) -> Ruleset:
    """The ruleset of that name. Raises UserError when there is none."""
    try:
        return load_ruleset(name)
    except ValueError as error:
        raise UserError(str(error), "name another with --ruleset.") from None


def place(command: Callable[..., Any]) -> Callable[..., Any]:
    """--system, --org, --submissions and --data-dir."""
    for option in (data_dir, submissions, org, system):
        command = option(command)
    return command


def workspace_of(system: str, org: str, submissions: Path, data_dir: Path) -> Workspace:
    """The workspace. Raises UserError when a name cannot be a folder's."""
    check_name("a system", system)
    check_name("an organisation", org)
    return Workspace(submissions, data_dir)
