"""cloudmask export: a package in another layout, as tables, or as a crate for archives."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from harness.check import check_package
from harness.check.formats.text import clean
from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.export.content import Content, entry_files, without_evidence, write_folder
from harness.export.crate import METADATA, metadata
from harness.export.redact import redacted
from harness.export.science import missing, science_files
from harness.export.tables import tables
from harness.package.workspace import check_name
from harness.score.score import score
from rules.model.findings import Verdict
from rules.ruleset import Ruleset

LAYOUTS = ("package", "hpc", "science", "ro-crate", "csv")
_PACKAGES = ("package", "hpc", "ro-crate")  # have the package's layout: can be checked afterwards


@click.command()
@click.argument("path", type=options.PathType)
@click.option("--layout", type=click.Choice(LAYOUTS), required=True, help="What to make of it.")
@click.option(
    "--out",
    type=options.PathType,
    required=True,
    help="New folder to write to; packages go into a folder of the organisation in it.",
)
@click.option("--system", default=None, help="Which system, when the organisation has several.")
@options.ruleset
@click.option("--redact", is_flag=True, help="Replace names of hosts and users, paths and addresses.")
@click.option("--redact-name", "names", multiple=True, help="Another name to replace; repeatable.")
@click.option(
    "--descriptor", default="reference", show_default=True, help="science: name of the experiment's folder."
)
@click.option("--repository", help="science: where the code is.")
@click.option("--branch", help="science: its branch.")
@click.option("--tag", help="science: its tag.")
@click.option("--licence", help="ro-crate: address of the licence of the package, e.g. of SPDX.")
def export(
    path: Path,
    layout: str,
    out: Path,
    system: str | None,
    ruleset: str | None,
    redact: bool,
    names: tuple[str, ...],
    descriptor: str,
    repository: str | None,
    branch: str | None,
    tag: str | None,
    licence: str | None,
) -> int:
    """Write the package at PATH (an organisation's folder) anew, as another layout. PATH itself is only read.

    \b
    package   one system as it is, with a manifest of its own
    hpc       the layout of MLPerf HPC: the same without evidence
    science   the Science group's: <org>/cloudmask/<system>/<descriptor>/result-<n>.txt, config.yaml, README.md
    ro-crate  the package with ro-crate-metadata.json after the Process Run Crate profile
    csv       score, runs, phases, curves, science, telemetry, system, rules and findings as tables

    With --redact, names of hosts and users, paths and addresses are replaced and the digests made anew; a notice
    lists the digests of the originals. Copies that are packages are checked; their verdict is shown.

    \b
    Examples:
      cloudmask export submissions/my-lab --system box --layout ro-crate --out crate
      cloudmask export submissions/my-lab --system box --layout package --redact --out public

    Exit code 0: written; 1: written, but its verdict is not that of the original.
    """  # fmt: skip
    check_name("a descriptor", descriptor)
    package, verdict = check_package(path, options.ruleset_of(ruleset) if ruleset else None, system=system)
    rules = options.ruleset_of(verdict.ruleset)
    if not package.system_name or not (package.root / "systems").is_dir():
        raise UserError("This is not a whole package.", "name an organisation's folder.")
    scored, content = score(package, rules), entry_files(package)
    if layout == "hpc":
        content = without_evidence(content)
    if redact or names:
        content, known = redacted(content, names)
        click.echo(f"{len(known.words)} names, paths and addresses replaced")
    if layout == "ro-crate":
        content[METADATA] = metadata(package, verdict, scored, content, licence, datetime.now(timezone.utc))
    elif layout == "science":
        code = {"repository": repository, "branch": branch, "tag": tag}
        content = science_files(package, content, descriptor, code, scored, rules.quality.target)
        for what in missing(package, code):
            click.echo(f"missing: {what}")
    elif layout == "csv":
        content = tables(package, verdict, scored)
    if layout in _PACKAGES:
        out = out / package.org  # a package's folder has the name of its organisation
    write_folder(content, out, manifest=layout in _PACKAGES)
    click.echo(f"{len(content)} files are in {out}")
    return _compared(content, out, layout, rules, verdict, package.system_name)


def _compared(content: Content, out: Path, layout: str, rules: Ruleset, before: Verdict, system: str) -> int:
    """Check what was written, where it is a package."""
    if layout not in ("package", "ro-crate"):
        return ExitCode.OK
    _, verdict = check_package(out, rules, system=system)
    click.echo(clean(f"checked: {verdict.words} of {verdict.ruleset}"))
    if verdict.verdict != before.verdict:
        click.echo(f"the original is {before.words}: see `cloudmask check {out}`", err=True)
        return ExitCode.FINDINGS
    return ExitCode.OK
