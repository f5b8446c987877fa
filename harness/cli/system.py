"""cloudmask system: describe this machine, compare it with a description."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.core.files import write_atomic
from harness.machine.description import (
    STATUSES,
    FieldComparison,
    compare,
    read_description,
    system_description,
)
from harness.machine.description_import import flat, parse_answers, read_import, with_answers
from harness.machine.detect import Detected, detect

_WORDS = {True: "agrees", False: "DIFFERS", None: "not compared"}


@click.group()
def system() -> None:
    """Describe this machine, compare it with a description."""


@system.command(name="detect")
@click.option("--submitter", default="your-organisation", show_default=True, help="Your organisation.")
@click.option("--division", type=click.Choice(["closed", "open"]), default="closed", show_default=True)
@click.option("--status", type=click.Choice(STATUSES), default="onprem", show_default=True)
@click.option("--name", default=None, help="Name of the system.  [default: this host's name]")
@click.option("--data", type=options.PathType, help="Folder whose storage is described.")
@click.option("--from", "source", type=options.PathType, help="Take fields from mlperf-sysinfo's JSON.")
@click.option(
    "--set", "answers", multiple=True, metavar="FIELD=VALUE", help="State a field, e.g. cooling=air."
)
@click.option("--out", type=options.PathType, help="Write the description to this new file.")
@click.option("--json", "as_json", is_flag=True, help="Fields with their provenance, for programs.")
def detect_command(
    submitter: str,
    division: str,
    status: str,
    name: str | None,
    data: Path | None,
    source: Path | None,
    answers: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> int:
    """Probe this machine for the 33 fields of an MLPerf system description.

    Nothing is installed and root is not needed. Every field is marked: probed (seen here), typed (stated
    by you or by another tool) or unknown.
    """
    probed = detect(data)
    imported = read_import(source) if source else {}
    found = with_answers(probed, {**imported, **parse_answers(answers)})
    name = name or (out.stem if out else found.facts.get("hostname") or "local")
    fields = system_description(found, submitter, division, status, name)
    if out is not None:
        _write_new(out, fields)
    if as_json:
        click.echo(json.dumps({"schema": 1, "fields": fields, "provenance": found.provenance}, indent=1))
        return ExitCode.OK
    _show(fields, found)
    for field in compare(imported, probed) if source else []:
        if field.agrees is False and field.declared:
            click.echo(f"note: {source} says {field.field} is {field.declared}, here it is {field.detected}")
    if out is not None:
        click.echo(f"written: {out}")
    return ExitCode.OK


def _write_new(out: Path, fields: dict[str, str]) -> None:
    if out.exists():
        raise UserError(f"{out} is there already.", "give another name with --out, or move the file away.")
    write_atomic(out, json.dumps(fields, indent=1) + "\n")


def _show(fields: dict[str, str], found: Detected) -> None:
    table = Table(title="this machine", title_justify="left")
    table.add_column("field", no_wrap=True)
    for column in ("value", "how known"):
        table.add_column(column, overflow="fold")
    for field, value in fields.items():
        how = found.provenance.get(field, "unknown")
        table.add_row(field, value, how, style="yellow" if how == "unknown" else None)
    console = Console(highlight=False)
    console.print(table, markup=False)
    unknown = [f for f in fields if found.provenance.get(f, "unknown") == "unknown"]
    if unknown:
        click.echo(f"not probed, for you to fill in: {', '.join(unknown)}")
        click.echo(f"(with --set {unknown[0]}=..., or in the file)")


@system.command(name="verify")
@click.argument("file", type=options.PathType)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify_command(file: Path, as_json: bool) -> int:
    """Compare the system description FILE with this machine.

    \b
    Exit codes: 0 nothing differs, 1 something differs, 2 the file cannot be read.
    """
    declared = read_description(file)
    comparison = compare(flat(declared, file) if "node_types" in declared else declared, detect())
    differs = any(field.agrees is False for field in comparison)
    if as_json:
        fields = [asdict(field) for field in comparison]
        click.echo(
            json.dumps({"schema": 1, "path": str(file), "agrees": not differs, "fields": fields}, indent=1)
        )
    else:
        _show_comparison(file, comparison)
        if differs:
            click.echo("fix: correct the description, or write a new one: cloudmask system detect --out FILE")
    return ExitCode.FINDINGS if differs else ExitCode.OK


def _show_comparison(file: Path, comparison: list[FieldComparison]) -> None:
    table = Table(title=f"{file}: declared and detected", title_justify="left")
    table.add_column("field", no_wrap=True)
    for column in ("declared", "detected here", ""):
        table.add_column(column, overflow="fold")
    for field in comparison:
        style = "red" if field.agrees is False else None
        table.add_row(field.field, field.declared, field.detected, _WORDS[field.agrees], style=style)
    Console(highlight=False).print(table, markup=False)
    for field in comparison:
        if field.note:
            click.echo(f"{field.field}: {field.note}")
