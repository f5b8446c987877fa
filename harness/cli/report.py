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
from rules.ruleset import load_ruleset


@click.command()
@click.argument("path", type=options.PathType)
@click.option("--system", help="Which system, when the organisation has several.")
@options.ruleset
@click.option(
    "--out", type=options.PathType, help="Folder to write to; default: reports/<system> of the package."
)
@options.json_schema(report_schema, "data.json")
def report(path: Path, system: str | None, ruleset: str | None, out: Path | None) -> None:
    """Check, score and render the package at PATH (an organisation's folder) as one HTML page.

    The page works from its file path, offline. Rendering always judges anew: the verdict shown is today's.
    """
    rules = options.ruleset_of(ruleset) if ruleset else None
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
