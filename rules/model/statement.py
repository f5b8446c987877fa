"""A signed statement on a package, as far as a machine can tell: which keys signed it, not whose they are."""

from __future__ import annotations

import msgspec


class Signature(msgspec.Struct, frozen=True):
    """One signature: the key's ID, and whether that key made it over this statement."""

    keyid: str  # SHA-256 of the public key, as securesystemslib computes it
    valid: bool
    why: str = ""


class Statement(msgspec.Struct, frozen=True):
    """What was signed: the manifest by its digest, and a verdict on it."""

    path: str
    manifest_sha256: str
    ruleset: str
    result: str  # PASSED, WARNED or FAILED, as the signer's check said
    signatures: tuple[Signature, ...]
    actual_sha256: str | None = None  # of the manifest as it is; None where there is none

    @property
    def fits(self) -> bool:
        """Whether it is about this package."""
        return self.manifest_sha256 == self.actual_sha256
