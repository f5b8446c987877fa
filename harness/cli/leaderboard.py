"""cloudmask leaderboard: the site of every package that the checker passes, and why others do not pass."""

from __future__ import annotations

import time
from pathlib import Path

import click

from harness.cli import options
from harness.core.errors import UserError
from harness.core.words import plural
from harness.leaderboard import build_leaderboard
from rules.ruleset import DEFAULT


@click.command()
@options.submissions
@click.option(
    "--out", type=options.PathType, help="Folder to write to; default: leaderboard/ in the submissions."
)
@click.option("--ruleset", default=DEFAULT, show_default=True, help="Rules to judge by.")
@click.option(
    "--replay",
    is_flag=True,
    help="Compute the work again, which gives a rank in closed; needs TensorFlow and --data.",
)
@click.option("--data", type=options.PathType, multiple=True, help="A data set for --replay; repeatable.")
@click.option(
    "--cache",
    type=options.PathType,
    help="Folder of earlier verdicts; default: below ~/.cache. Never put it among the submissions.",
)
@click.option("--org", "orgs", multiple=True, help="Take this organisation only; repeatable. Default: all.")
@click.option("--note", default="", help="A line to show at the top, such as what this site is for.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes; default: one per processor.")
def leaderboard(
    submissions: Path,
    out: Path | None,
    ruleset: str,
    replay: bool,
    data: tuple[Path, ...],
    cache: Path | None,
    jobs: int | None,
    orgs: tuple[str, ...],
    note: str,
) -> None:
    """Check every package and build the leaderboard site: tables, reports, compare page, CSV and JSON.

    A package that breaks a rule is not listed among the results, but under Rejected with its first reasons.
    In closed, entries whose work nobody computed again (--replay here, or `cloudmask review --verdict`) and
    whose code is not of a release are listed without a rank.
    A package is checked again only when one of its files, the tool or the ruleset changed.
    """
    if replay and not data:
        raise UserError("--replay needs the data sets.", "name their folders with --data.")
    if data and not replay:
        raise UserError("--data belongs to --replay.", "add --replay.")
    absent = [org for org in orgs if submissions.is_dir() and not (submissions / org).is_dir()]
    if absent:
        raise UserError(f"There is no organisation {absent[0]}.", f"see the folders in {submissions}.")
    board, page = build_leaderboard(
        submissions,
        out or submissions / "leaderboard",
        options.ruleset_of(ruleset),
        time.time(),
        progress=lambda line: click.echo(line, err=True),
        cache=cache,
        data=data if replay else (),
        jobs=jobs,
        orgs=orgs,
        note=note,
    )
    rejected = len(board.rejected)
    click.echo(f"{plural(board.listed, 'result')} listed, {plural(rejected, 'package')} rejected: {page}")
