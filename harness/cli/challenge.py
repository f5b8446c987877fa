"""cloudmask challenge: draw epochs of a package that its submitter is to show the states of."""

from __future__ import annotations

import math
from pathlib import Path

import click

from harness.check.challenge import candidate, draw, question, write_question
from harness.check.entries import find_entries
from harness.check.loader import load_header, load_runs
from harness.check.tree import find_target, scan
from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.untrusted.states import MAX_EPOCHS
from rules.ruleset import load_ruleset


@click.command()
@click.argument("package", type=options.PathType)
@click.option("--system", default=None, help="The system, where the organisation has several.")
@click.option(
    "--epochs", type=click.IntRange(1, MAX_EPOCHS), default=2, show_default=True, help="How many to draw."
)
@click.option(
    "--days", type=click.FloatRange(0.01, 365), default=14.0, show_default=True, help="Time to answer."
)
@click.option(
    "--out", type=options.PathType, default=Path("challenge.json"), show_default=True, help="File to write."
)
@click.option("--entropy", default=None, help="What the draw follows from; default: the operating system's.")
def challenge(
    package: Path, system: str | None, epochs: int, days: float, out: Path, entropy: str | None
) -> int:
    """Draw epochs of PACKAGE's runs and write a challenge, which goes to the submitter.

    The answer (`cloudmask answer`) holds the states of training around these epochs, whose digests are in the logs
    already; `cloudmask check PACKAGE --challenge FILE --answer FILE --data DIR` trains them again.
    """
    if not math.isfinite(days):
        raise UserError(f"{days} days is not a time.", "give a number of days: --days 14.")
    if entropy is not None and not entropy.isprintable():
        raise UserError(
            "The entropy is not a text that can be printed.", "give letters and digits, or nothing."
        )
    if out.exists():
        raise UserError(f"{out} is there already.", "give another name with --out, or move the file away.")
    target = find_target(package, system)
    tree, ruleset = scan(target.root), load_ruleset()
    entries = find_entries(target.root, target.systems, ruleset)
    if len(entries) != 1:
        names = ", ".join(str(entry) for entry in entries) or "none"
        raise UserError(f"A challenge is about one entry; {package} has {names}.", "name one with --system.")
    header = load_header(target.root, entries[0], tree)
    found = [one for one in map(candidate, load_runs(header, tree)) if one is not None]
    if not found:
        raise UserError(
            f"The logs of {package} commit to no weights: nothing can be asked for.",
            "packages made by the reference of this release do (docs/evidence.md).",
        )
    entropy, asked = draw(found, epochs, entropy)
    write_question(out, question(target.root, header.entry, entropy, asked, days))
    for one in asked:
        click.echo(f"run {one.run}, epoch {one.epoch}")
    click.echo(f"{out}: send it to the submitter, and keep it: it is due in {days:g} days.")
    return ExitCode.OK
