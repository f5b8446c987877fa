"""`cloudmask data croissant`: a data set's description for catalogues and loaders."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from harness.cli import options
from harness.cli.data_places import describe_profile, user_errors
from harness.core.files import write_atomic
from reference.data.profiles import PROFILES, get_profile


@click.command()
@click.option(
    "--profile", type=click.Choice(list(PROFILES)), default="quick", show_default=True, help="Which data set."
)
@click.option("--data", "folder", type=options.PathType, help="Its folder; default: data/<profile>.")
@click.option("--date", "published", default=None, help="Date of publication, YYYY-MM-DD; default: today.")
@click.option("--out", type=options.PathType, help="File to write; default: standard output.")
def croissant(profile: str, folder: Path | None, published: str | None, out: Path | None) -> None:
    """Describe a data set as Croissant 1.0: every file with size and SHA-256, and a table of scenes.

    The files have to be at hand: digests are of what lies there.

    \b
    Example:
      cloudmask data croissant --profile smoke --out data/smoke/croissant.json
    """
    from harness.export.croissant import croissant as described

    found = describe_profile(get_profile(profile), folder).dataset
    with user_errors("give --date as YYYY-MM-DD."):
        day = date.fromisoformat(published) if published else date.today()
    text = json.dumps(described(found, day.isoformat()), indent=1) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    with user_errors("name another file with --out."):
        write_atomic(out, text)
    click.echo(f"Croissant description of {len(found.train) + len(found.test)} scenes is in {out}")
