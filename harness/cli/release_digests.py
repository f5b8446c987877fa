"""cloudmask release-digests: the digests by which a released code is recognised."""

from __future__ import annotations

import click

from harness.core.errors import ExitCode
from harness.core.own_code import RELEASES
from harness.plan.releases import compare, write


@click.command("release-digests")
@click.option("--check", is_flag=True, help="Compare the list with the tags of this checkout; write nothing.")
def release_digests(check: bool) -> int:
    """Write the digests of this code into the rulebook, for the release that is about to be tagged.

    \b
    cloudmask release-digests           just before the commit that is tagged v<version>
    cloudmask release-digests --check   every tagged release has its digests

    Between releases the list need not change: what is not in it is unreleased code (rule PKG031).

    \b
    Exit codes: 0 done or in order, 1 a tagged release has no digests or others, 2 it is released already.
    """
    if not check:
        release = write()
        click.echo(
            f"{release.version}: reference {release.reference}, harness {release.harness}, rules {release.rules}"
        )
        click.echo(f"written to {RELEASES}; now commit it and tag v{release.version}")
        return ExitCode.OK
    found = compare()
    for line in [*found.problems, *found.remarks]:
        click.echo(line)
    return ExitCode.FINDINGS if found.problems else ExitCode.OK
