"""cloudmask baselines: what simple methods reach on a data set, to show beside results on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.cli.bars import progress_bar
from harness.cli.data_places import describe_profile, user_errors
from harness.cli.options import PathType
from harness.core.errors import ExitCode
from reference.baselines.evaluate import evaluate, is_current
from reference.baselines.records import SCHEMA, Record, cache_folder, find, write
from reference.data.profiles import PROFILES, get_profile


@click.command()
@click.option("--profile", type=click.Choice(list(PROFILES)), default="quick", show_default=True)
@click.option("--data", "folder", type=PathType, help="Folder of the data set; by default data/PROFILE.")
@click.option("--again", is_flag=True, help="Fit and score again, though the scores are known.")
@click.option("--out", type=PathType, help="Folder to write the record to, besides the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def baselines(profile: str, folder: Path | None, again: bool, out: Path | None, as_json: bool) -> int:
    """Fit simple methods to a data set's training scenes, and score them.

    They are scored on the validation patches and the test scenes as a U-Net is: a result that is no better
    than they are shows the speed of a machine, and no skill. Reports and boards show the scores beside every
    result on the same data set: they ship with the harness for the standard synthetic sets, and are kept in
    the user's cache for all others.
    """
    described = describe_profile(get_profile(profile), folder)
    record = None if again else find(described.dataset.digest)
    fresh = record is None or not is_current(record)
    if record is None or fresh:
        with user_errors("repair the scenes: cloudmask data verify says which ones."), progress_bar() as step:
            record = evaluate(described.data, described.dataset.synthetic, step)
    with user_errors("free space, check permissions, or choose another place with --out."):
        kept = write(record, cache_folder()) if fresh else None
        if out is not None:
            kept = write(record, out)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, **asdict(record)}, indent=1))
        return ExitCode.OK
    _show(record)
    where = f"Written to {kept}." if kept else "Known already; --again fits anew."
    click.echo(f"Fitted to {record.training_pixels} pixels, not timed, not a submission. {where}")
    return ExitCode.OK


def _show(record: Record) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("method", "validation", "test", "balanced", "MCC", "learnt"):
        table.add_column(title, justify="left" if title == "method" else "right")
    for method in record.methods:
        validation, test = method.validation.get("accuracy"), method.test
        table.add_row(
            method.title,
            _number(validation),
            *(_number(test.get(name)) for name in ("accuracy", "balanced_accuracy", "mcc")),
            str(method.numbers),
        )
    Console(highlight=False).print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
