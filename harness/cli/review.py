"""cloudmask review: what a board's maintainers say of a result, kept beside the submissions."""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import get_args

import click
from pydantic import ValidationError

from harness.check.formats.text import clean
from harness.check.tree import system_names
from harness.cli import options
from harness.core.errors import UserError
from harness.leaderboard import reviews
from harness.leaderboard.ranking import kept_of
from harness.untrusted.documents import Unreadable, read_json


@click.command()
@click.argument("result")
@click.option("--state", type=click.Choice(get_args(reviews.State)), help="Add an event; without it: show.")
@click.option("--by", help="Who says so.")
@click.option("--text", default="", help="What is objected to, or a remark.")
@click.option("--superseded-by", default="", help="The result that takes its place: organisation/system.")
@click.option("--until", help="Of an embargo: the first day on which it may be shown (2026-12-31).")
@click.option(
    "--verdict",
    type=options.PathType,
    help="What `cloudmask check --replay --data DIR --format json` printed of it: ranks it in closed.",
)
@click.option("--when", help="The day of the event; default: today.")
@options.submissions
def review(
    result: str,
    state: reviews.State | None,
    by: str | None,
    text: str,
    superseded_by: str,
    until: str | None,
    verdict: Path | None,
    when: str | None,
    submissions: Path,
) -> None:
    """Show or extend the history of RESULT (organisation/system): submitted, under review, verified ...

    It is kept in reviews/<organisation>/<system>.yaml beside the organisations' folders. Events are only
    ever added. The board shows state and history, and leaves out what is withdrawn or under embargo.

    \b
    Examples:
      cloudmask review examples/local-smoke
      cloudmask review examples/local-smoke --state "under review" --by "R. Eviewer"
      cloudmask check submissions/examples --system local-smoke --replay --data data --format json > verdict.json
      cloudmask review examples/local-smoke --state verified --by "R. Eviewer" --verdict verdict.json
      cloudmask review examples/local-smoke --state objection --by "R. Eviewer" --text "Run 3 shares a node."
      cloudmask review examples/local-smoke --state embargoed --until 2027-01-15 --by "The board"
    """
    day = _day(when) if when is not None else datetime.now(timezone.utc).date()
    shown_from = _day(until) if until is not None else None
    path = reviews.path_of(submissions, result)
    if state is None:
        found = reviews.read_review(path)
        for line in [event.words() for event in found.events] or ["nothing was said of it yet"]:
            click.echo(clean(line))
        return
    _require_result(submissions, result, path)
    if not by:
        raise UserError("It is not said who says so.", "add --by NAME.")
    try:
        event = reviews.Event(
            state=state,
            when=day,
            by=by,
            text=text,
            superseded_by=superseded_by,
            until=shown_from,
            recomputed=_kept(verdict) if verdict else None,
        )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"{said[:1].upper()}{said[1:]}.", "see `cloudmask review --help`.") from None
    reviews.add(path, event)
    click.echo(clean(f"{result}: {event.words()}"))


def _require_result(submissions: Path, result: str, path: Path) -> None:
    """Raise UserError where neither the submissions nor earlier reviews know of the result: it is a slip."""
    org, system = result.split("/")
    if not (submissions / org).is_dir():
        raise UserError(f"There is no organisation {org}.", "see the folders of --submissions.")
    known = system_names(submissions / org)
    if system not in known and not path.is_file():
        raise UserError(f"{org} has no system '{system}'.", f"choose one of {', '.join(known) or 'none'}.")


def _kept(path: Path) -> reviews.Recomputed:
    """What is kept of a verdict. Raises UserError when the file is not one, or of several systems."""
    try:
        return kept_of(read_json(path))
    except Unreadable as error:
        raise UserError(f"{path} cannot be read: {error}.", "name the output of `cloudmask check`.") from None
    except ValueError as error:
        raise UserError(
            f"{path}: {error}.",
            "cloudmask check FOLDER --system NAME --replay --data DIR --format json > FILE",
        ) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"'{text[:40]}' is not a day.", "write it like 2026-12-31.") from None
