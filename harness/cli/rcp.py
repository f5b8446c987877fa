"""cloudmask rcp: reference convergence points, with which closed results are compared."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.core.words import plural
from harness.core.wrapping import beside, width_of
from harness.score import reference_points
from rules.facts.reference_points import Point, PointRecord, limits, load_points
from rules.ruleset import DEFAULT, Ruleset


@click.group()
def rcp() -> None:
    """Record how many epochs the reference needs, and list what is recorded.

    A closed result that converges faster than the reference does at its batch size, beyond chance, is
    not compliant; one that is faster within chance is scaled (rule CNV010).
    """


@rcp.command()
@click.argument("packages", nargs=-1, required=True, type=options.PathType)
@click.option(
    "--out", required=True, type=options.PathType, help="File to write the points to, or to add them to."
)
@click.option("--ruleset", default=DEFAULT, show_default=True, help="Rules the packages are checked by.")
def record(packages: tuple[Path, ...], out: Path, ruleset: str) -> int:
    """Make points from finished runs of the reference: PACKAGES are checked folders.

    A point is all runs on one data set at one batch size, at least twice as many as a closed entry has.
    To make a point count for `check`, store it in rules/rulesets/<ruleset>/reference_points.json.
    """
    rules = options.ruleset_of(ruleset)
    groups = reference_points.collect(list(packages), rules)
    points = [reference_points.point(group, rules) for group in groups]
    reference_points.merge(out, rules, points)
    for point in points:
        click.echo(_line(point, rules))
    click.echo(f"{plural(len(points), 'point')} written to {out}")
    return ExitCode.OK


@rcp.command("list")
@click.option("--ruleset", default=DEFAULT, show_default=True, help="Rules whose points to list.")
def list_points(ruleset: str) -> int:
    """The points that `check` compares with, and the fewest epochs each allows."""
    rules = options.ruleset_of(ruleset)
    try:
        points = load_points(rules.name)
    except ValueError as error:
        raise UserError(str(error), "restore the file from the repository.") from None
    for point in points:
        click.echo(_line(point, rules))
    click.echo(f"{plural(len(points), 'point')} for {rules.name}")
    return ExitCode.OK


def _line(point: PointRecord, ruleset: Ruleset) -> str:
    rules = ruleset.of(point.benchmark)
    runs = rules.division("closed").runs_minimum
    found = limits([Point(point.batch_size, tuple(point.epochs))], runs, rules.convergence.points)[0]
    where = f"on {point.profile or 'data set'} {point.dataset[:12]}, " if point.dataset else ""
    said = (
        f"{where}batch size {point.batch_size}: {len(point.epochs)} runs, mean {found.mean:.4g} epochs, at least "
        f"{found.smallest:.4g} allowed"
    )
    return beside(f"{point.benchmark} ", said, width_of(sys.stdout))
