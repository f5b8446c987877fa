"""cloudmask witness: try a time stamp authority, relay for nodes without a network."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from harness.cli import options
from harness.core.errors import ExitCode, UserError
from harness.untrusted.documents import Unreadable, read_bytes

MAX_ROOTS_BYTES = 1 << 20
MAX_TIMEOUT_S = 3600


def _web(ctx: click.Context, parameter: click.Parameter, url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url} is not an address on the web.", "begin it with http:// or https://.")
    return url


def _seconds(ctx: click.Context, parameter: click.Parameter, timeout_s: float) -> float:
    if not 0 < timeout_s <= MAX_TIMEOUT_S:  # written so that NaN is refused
        raise UserError(
            f"{timeout_s:g} s is no time to wait for a reply.", f"give 1 to {MAX_TIMEOUT_S}: --timeout 10."
        )
    return timeout_s


url_option = click.option(
    "--url", required=True, callback=_web, help="Address of the authority (http or https)."
)
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    default=10.0,
    show_default=True,
    callback=_seconds,
    help="Seconds for one reply.",
)


@click.group()
def witness() -> None:
    """An outside clock for the runs: time stamps of a public authority (RFC 3161). See docs/witness.md.

    \b
    Examples:
      cloudmask witness try --url http://timestamp.digicert.com
      cloudmask witness relay /shared/spool --url http://timestamp.digicert.com
    """


@witness.command(name="try")
@url_option
@timeout_option
@click.option("--roots", type=options.PathType, default=None, help="Roots in PEM; default: the ruleset's.")
def try_command(url: str, timeout_s: float, roots: Path | None) -> int:
    """Ask an authority for one stamp, and say whether it would count.

    \b
    Example:
      cloudmask witness try --url http://timestamp.digicert.com
    Exit codes: 0 the stamp verifies, 1 it does not, 69 there is none.
    """
    from harness.witness.authority import Demands, HttpAuthority, NoStamp, stamp
    from rules.facts.stamps import message_of, stamp_facts
    from rules.ruleset import load_ruleset

    rules = load_ruleset().witness
    pinned = (read_roots(roots),) if roots else tuple(rules.roots.values())
    head = secrets.token_hex(32)
    try:
        token = stamp(HttpAuthority(url), head, Demands(), timeout_s)
    except NoStamp as why:
        raise UserError(
            f"No stamp: {why}.", "try another authority, or a longer --timeout.", ExitCode.SERVICE
        ) from None
    facts = stamp_facts(token, message_of(head), pinned, rules.accuracy_s)
    margin_s = (facts.latest_s or 0) - (facts.earliest_s or 0)
    click.echo(f"{len(token)} bytes by {facts.authority}, its time known to {margin_s:g} s")
    click.echo("it verifies" if facts.valid else f"it does not count: {facts.status} ({facts.why})")
    return ExitCode.OK if facts.valid else ExitCode.FINDINGS


@witness.command()
@click.argument("spool", type=options.PathType)
@url_option
@timeout_option
@click.option("--once", is_flag=True, help="Answer what waits now, then end.")
def relay(spool: Path, url: str, timeout_s: float, once: bool) -> int:
    """Stamp the requests in SPOOL, a folder that compute nodes share with this one.

    For nodes without a network: the recipe there says `witness: {spool: FOLDER}`, and this runs on a
    login node until it is interrupted. Requests are digests; nothing else leaves the machine.

    \b
    Example:
      cloudmask witness relay /shared/spool --url http://timestamp.digicert.com
    """
    from harness.witness.authority import HttpAuthority
    from harness.witness.relay import relay_for_ever, relay_waiting

    if not spool.is_dir():
        raise UserError(f"{spool} is not a folder.", f"make it: mkdir -p {spool}.")
    authority = HttpAuthority(url)
    if once:
        stamped = relay_waiting(spool, authority, timeout_s, click.echo)
        click.echo(f"{stamped} stamped")
    else:
        click.echo(f"waiting for requests in {spool}; end with Ctrl-C")
        relay_for_ever(spool, authority, timeout_s, click.echo)
    return ExitCode.OK


def read_roots(path: Path) -> str:
    """Certificates in PEM. Raises UserError for whatever is not that."""
    from rules.facts.stamps import certificates

    try:
        text = read_bytes(path, MAX_ROOTS_BYTES).decode("ascii")
        if not certificates([text]):
            raise ValueError("no certificate in it")
    except Unreadable as error:
        raise UserError(f"Cannot read the roots {path}: {error}.", "name a PEM file.") from None
    except ValueError:
        raise UserError(
            f"{path} holds no certificates in PEM.",
            "name a file that begins with -----BEGIN CERTIFICATE-----.",
        ) from None
    return text
