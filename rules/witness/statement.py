"""WIT: who signed the package."""

from __future__ import annotations

from collections.abc import Iterator

from rules.model.findings import Finding, Scope
from rules.model.layout import STATEMENT
from rules.model.package import Package
from rules.model.values import show
from rules.registry import NotApplicable, Rule, rule
from rules.ruleset import Ruleset


@rule(
    "WIT013",
    "The signed statement is on this package",
    Scope.PACKAGE,
    source="design of this rulebook: signed statements",
    fix="Sign the package as it is now (cloudmask sign), or remove the statement.",
)
def signed(self: Rule, package: Package, ruleset: Ruleset) -> Iterator[Finding]:
    """A signature shows that whoever has the key stood by these very files. It says nothing of whether the runs
    took place."""
    statement = package.statement
    if statement is None:
        if STATEMENT in package.files:
            yield self.finding("it cannot be read as a signed statement", path=STATEMENT)
            return
        raise NotApplicable("there is no signed statement")
    if not statement.fits:
        yield self.finding(
            "it is on another manifest than the one that is here",
            path=STATEMENT,
            expected=statement.manifest_sha256,
            actual=statement.actual_sha256,
        )
    for signature in statement.signatures:
        if not signature.valid:
            yield self.finding(
                f"the signature of key {show(signature.keyid[:16])} is not valid: {signature.why}",
                path=STATEMENT,
            )
