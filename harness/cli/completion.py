"""cloudmask completion: completion of verbs and options for bash, zsh and fish."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from harness.core.errors import UserError
from harness.core.files import write_atomic

VARIABLE = "_CLOUDMASK_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Write it where the shell looks for it, below your home.")
def completion(shell: str, install: bool) -> None:
    """Print the completion script of SHELL, or install it for your user.

    \b
    Examples:
      cloudmask completion bash --install
      cloudmask completion fish > cloudmask.fish
    """
    from harness.cli import cli

    found = get_completion_class(shell)
    if found is None:
        raise UserError(f"There is no completion for {shell}.", "use bash, zsh or fish.")
    script = found(cli, {}, "cloudmask", VARIABLE)
    text = script.source_template % script.source_vars()
    if not install:
        click.echo(text, nl=False)
        return
    place = place_of(shell)
    write_atomic(place, text)
    click.echo(f"written to {place}; start a new shell to use it.")
    if shell == "zsh":
        click.echo("add this line to ~/.zshrc, before compinit: fpath+=(~/.zfunc)")


def place_of(shell: str) -> Path:
    """Where a shell looks for completions of one user."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "cloudmask",
        "zsh": home / ".zfunc" / "_cloudmask",
        "fish": config / "fish" / "completions" / "cloudmask.fish",
    }[shell]
