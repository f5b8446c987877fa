"""cloudmask answer: put the states that a challenge asks for into one file."""

from __future__ import annotations

from pathlib import Path

import click

from harness.check.challenge import read_question, write_answer
from harness.cli import options
from harness.core.errors import ExitCode
from harness.core.words import plural


@click.command()
@click.argument("challenge", type=options.PathType)
@click.option(
    "--checkpoints",
    type=options.PathType,
    default=Path("submissions/.checkpoints"),
    show_default=True,
    help="Where the runs kept their states (recipe: evidence.checkpoints).",
)
@click.option(
    "--out", type=options.PathType, default=Path("answer.npz"), show_default=True, help="File to write."
)
def answer(challenge: Path, checkpoints: Path, out: Path) -> int:
    """Answer CHALLENGE with the states between the epochs that it asks for: 47 MB for each of them."""
    asked = read_question(challenge)
    write_answer(asked, checkpoints, out)
    click.echo(
        f"{out}: {plural(len(asked.epochs), 'epoch')}, {out.stat().st_size / 1e6:.0f} MB. Send it to the reviewer."
    )
    return ExitCode.OK
