"""cloudmask leaderboard: one table of every package that the checker passes, and why others don't."""

from __future__ import annotations

import time
from pathlib import Path

import click

from harness.commands import options
from harness.errors import UserError
from harness.leaderboard import build_leaderboard
from harness.report.text import plural
from rules.ruleset import DEFAULT, load_ruleset


@click.command()
@options.submissions
@click.option(
    "--out", type=options.PathType, help="Folder to write to; default: leaderboard/ in the submissions."
)
@click.option("--ruleset", default=DEFAULT, show_default=True, help="Rules to judge by.")
def leaderboard(submissions: Path, out: Path | None, ruleset: str) -> None:
    """Check every package again and build the leaderboard site: page, reports, CSV and JSON.

    A package that breaks a rule is not listed among the results, but under Rejected with its first reasons.
    """
    try:
        rules = load_ruleset(ruleset)
    except ValueError as error:
        raise UserError(str(error), "see `cloudmask rules list`.") from None
    board, page = build_leaderboard(
        submissions,
        out or submissions / "leaderboard",
        rules,
        time.time(),
        progress=lambda line: click.echo(line, err=True),
    )
    listed = sum(len(table.entries) for table in board.tables)
    rejected = len(board.rejected)
    click.echo(f"{plural(listed, 'result')} listed, {plural(rejected, 'package')} rejected: {page}")
