"""cloudmask score: the score of a package, and how it is computed from its runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from harness.check import check_all
from harness.check.formats.text import clean
from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.core.wrapping import beside, width_of
from harness.report.drawing.labels import VERDICTS
from harness.score import words
from harness.score.score import describe
from harness.score.score import score as compute
from rules.ruleset import load_ruleset


@click.command()
@click.argument("path", type=options.PathType)
@click.option("--system", default=None, help="One system of the organisation; default: all of them.")
@options.ruleset
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def score(path: Path, system: str | None, ruleset: str | None, as_json: bool) -> int:
    """Show the score of PATH step by step: runs, what is left out, mean, convergence factor, score.

    PATH is an organisation's folder, one of its systems, or one result file. The verdict stands beside the
    score: a score of a package that breaks a rule does not count.

    \b
    Examples:
      cloudmask score submissions/examples
      cloudmask score submissions/examples --system local-smoke
      cloudmask score submissions/examples --json

    Exit code 0: every score counts; 1: one does not; 2: PATH cannot be read.
    """
    rules = options.ruleset_of(ruleset) if ruleset else None
    width = width_of(sys.stdout)
    records, counts = [], True
    for package, verdict in check_all(path, rules, system):
        if not package.entries and not any(run.settings for run in package.runs):
            raise UserError(
                f"{path} is not a result log: it has no MLLOG line with a key of {verdict.ruleset}.",
                "name a package or one of its result files.",
            )
        result = compute(package, load_ruleset(verdict.ruleset))
        sound = verdict.verdict == "compliant"
        counts = counts and sound and (result.time_to_train_s is not None or result.weak is not None)
        word = VERDICTS.get(verdict.verdict, verdict.verdict).lower()
        entry = package.entry if package.entries else path.name  # a single log is of no entry
        if as_json:
            head = {"entry": entry, "ruleset": verdict.ruleset, "verdict": verdict.verdict}
            records.append({**head, "counts": sound, **words.record(result)})
            continue
        click.echo(beside("", clean(f"{entry}: {word} ({verdict.ruleset})"), width))
        if not sound:
            click.echo("  The score does not count: the package breaks a rule.")
        for line in words.table(result, width) or [beside("  ", clean(describe(result)), width)]:
            click.echo(line)
        click.echo()
    if as_json:
        click.echo(json.dumps({"schema": 1, "scores": records}, indent=1, allow_nan=False))
    return ExitCode.OK if counts else ExitCode.FINDINGS
