"""cloudmask sign: a signed statement on a package."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.check import check_all, combine
from harness.cli import options
from harness.core.errors import ExitCode, UserError
from rules.model.layout import MANIFEST, STATEMENT
from rules.ruleset import DEFAULT


@click.command()
@click.argument("package", type=options.PathType)
@click.option("--key", type=options.PathType, required=True, help="Private key in PEM: ed25519 or ECDSA.")
@click.option("--ruleset", default=DEFAULT, show_default=True, help="Rules of the verdict that is stated.")
@click.option("--out", type=options.PathType, default=None, help="Where to; default: into the package.")
def sign(package: Path, key: Path, ruleset: str, out: Path | None) -> int:
    """Check PACKAGE, and sign its manifest together with the verdict.

    The statement (in-toto v1, in a DSSE envelope) goes into PACKAGE/STATEMENT.dsse.json, which the manifest
    does not list. Others can add their signatures by the same command. A signature shows that whoever has
    the key stood by these files; it does not show that the runs took place, nor whose key it is.

    \b
    Examples:
      openssl genpkey -algorithm ed25519 -out key.pem
      openssl pkey -in key.pem -pubout -out my-organisation.pem     # for reviewers
      cloudmask sign submissions/my-organisation --key key.pem
      cloudmask check submissions/my-organisation --keys my-organisation.pem

    Exit code 0: signed, whatever the verdict; 2: PACKAGE or key cannot be read.
    """
    from harness.statement.keys import load_signer
    from harness.statement.making import make_statement, without_statement
    from harness.statement.making import sign as sign_statement

    if not package.is_dir() or not (package / MANIFEST).is_file():
        raise UserError(
            f"{package} is not the folder of an organisation with a {MANIFEST}.",
            "name it: submissions/<org>; `cloudmask submit` writes the manifest.",
        )
    rules = options.ruleset_of(ruleset)
    signer = load_signer(key, lambda: _password(key))
    verdict = without_statement(combine([v for _, v in check_all(package, rules)], str(package)))
    statement = make_statement(package, verdict)
    target = out or package / STATEMENT
    keyid = sign_statement(target, statement, signer)
    click.echo(f"{target}: {verdict.words} of {verdict.ruleset}; signed by key {keyid}")
    return ExitCode.OK


def _password(key: Path) -> str:
    if not sys.stdin.isatty():
        raise UserError(
            f"{key} is encrypted, and there is no terminal to ask for its password.",
            "sign in a terminal, or decrypt it first: openssl pkey -in key.pem -out plain.pem",
        )
    answer: str = click.prompt(f"Password of {key}", hide_input=True, err=True)
    return answer
