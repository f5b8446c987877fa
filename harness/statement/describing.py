"""What `check` says of a statement: who signed, as far as the reviewer knows the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.core.errors import UserError
from harness.statement.reading import read_statement
from harness.untrusted.documents import Unreadable
from rules.model.statement import Statement

PROVES = "a signature shows who stands by these files, not that the runs took place"


def beside(file: Path, root: Path) -> Statement | None:
    """The statement in a file that lies beside a package; None where there is none.

    Raises UserError when it is not one.
    """
    if not file.is_file():
        return None
    try:
        return read_statement(file, root, file.name)
    except Unreadable as error:
        raise UserError(f"{file} cannot be read: {error}.", "remove it, or sign again.") from None


_RESULTS = {"PASSED": "passed", "WARNED": "passed with warnings", "FAILED": "failed"}


def describe(statement: Statement, known: Mapping[str, str]) -> Iterator[str]:
    """One line per signature; `known` are the names of keys by their ID."""
    said = f"their check by {statement.ruleset} {_RESULTS.get(statement.result, statement.result)}"
    for signature in statement.signatures:
        if not signature.valid:
            yield f"{statement.path}: signature of key {signature.keyid[:16]} is NOT VALID: {signature.why}"
        elif not statement.fits:
            yield f"{statement.path}: key {signature.keyid[:16]} signed ANOTHER manifest, not this package's"
        elif signature.keyid in known:
            yield f"{statement.path}: signed by {known[signature.keyid]} (key {signature.keyid[:16]}): {said}; {PROVES}"
        else:
            yield (
                f"{statement.path}: signed by an unknown key ({signature.keyid[:16]}): {said}; name keys that you "
                f"know with --keys; {PROVES}"
            )


def stands(statement: Statement) -> bool:
    """Whether it is on this package and all its signatures are valid."""
    return statement.fits and all(signature.valid for signature in statement.signatures)
