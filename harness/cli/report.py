"""cloudmask report: the HTML report of a package, from what is on disk."""

from __future__ import annotations

import time
from pathlib import Path

import click

from harness.check import check_package
from harness.cli import options
from harness.core.errors import UserError
from harness.report import build_report
from harness.report.page import report_schema
from harness.score.score import score
from rules.model.layout import PackageLayout
from rules.model.package import Package
from rules.ruleset import DEFAULT, load_ruleset


def _print_schema(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(report_schema(), nl=False)
        context.exit()


@click.command()
@click.argument("path", type=options.PathType)
@click.option("--system", help="Which system, when the organisation has several.")
@click.option(
    "--ruleset",
    default=None,
    help=f"Rules to judge by; default: those of the package's plan, else {DEFAULT}.",
)
@click.option(
    "--out", type=options.PathType, help="Folder to write to; default: reports/<system> of the package."
)
@click.option(
    "--json-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of data.json.",
)
def report(path: Path, system: str | None, ruleset: str | None, out: Path | None) -> None:
    """Check, score and render the package at PATH (an organisation's folder) as one HTML page.

    The page works from its file path, offline. Rendering always judges anew: the verdict shown is today's.
    """
    try:
        rules = load_ruleset(ruleset) if ruleset else None
    except ValueError as error:
        raise UserError(str(error), "see `cloudmask rules list`.") from None
    package, verdict = check_package(path, rules, system=system)
    rules = rules or load_ruleset(verdict.ruleset)
    target = out or default_folder(package)
    page = build_report(package, verdict, score(package, rules), target, time.time())
    click.echo(f"{verdict.words} of {verdict.ruleset}: {page}")


def default_folder(package: Package) -> Path:
    """reports/<system> of the package. Raises UserError where PATH is not a whole package."""
    if not package.system_name or not (package.root / "systems").is_dir():
        raise UserError("This is not a whole package, so there is no place for its report.", "add --out DIR.")
    return PackageLayout(package.root, package.system_name).report_dir
