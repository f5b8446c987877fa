"""Making a statement and signing it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from msgspec.structs import replace
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from harness import __version__
from harness.core.errors import UserError
from harness.core.files import sha256, write_json
from harness.statement.reading import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, read_envelope
from harness.untrusted.documents import Unreadable
from rules.model.findings import Outcome, Verdict
from rules.model.layout import MANIFEST
from rules.ruleset import FILE, FOLDER

ABOUT_STATEMENTS = "WIT013"


def without_statement(verdict: Verdict) -> Verdict:
    """The verdict without what is said of a statement that is there already: that is signed too, or replaced.

    Else the second to sign would state another verdict than the first, and drop that signature.
    """
    rules = [result for result in verdict.rules if result.id != ABOUT_STATEMENTS]
    findings = [finding for finding in verdict.findings if finding.rule != ABOUT_STATEMENTS]
    conclusion = verdict.verdict
    if conclusion == "not_compliant" and not any(result.outcome is Outcome.FAIL for result in rules):
        conclusion = "compliant"
    return replace(verdict, verdict=conclusion, findings=findings, rules=rules)


def make_statement(root: Path, verdict: Verdict) -> dict[str, Any]:
    """An in-toto statement (v1) on a package: its manifest is the subject, the verdict a test result (v0.1).

    Raises UserError when there is no manifest.
    """
    manifest = root / MANIFEST
    if not manifest.is_file():
        raise UserError(
            f"{root} has no {MANIFEST}: there is nothing to sign.", "make one: cloudmask submit --resume."
        )
    ruleset = FOLDER / verdict.ruleset / FILE

    def ids(outcome: Outcome) -> list[str]:
        return [result.id for result in verdict.rules if result.outcome is outcome]

    result = "FAILED" if verdict.verdict != "compliant" else "WARNED" if ids(Outcome.WARN) else "PASSED"
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": MANIFEST, "digest": {"sha256": sha256(manifest)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": result,
            "configuration": [{"name": verdict.ruleset, "digest": {"sha256": sha256(ruleset)}}],
            "passedTests": ids(Outcome.PASS),
            "warnedTests": ids(Outcome.WARN),
            "failedTests": ids(Outcome.FAIL),
            "notCheckedTests": ids(Outcome.NOT_CHECKED),
            "harness": __version__,
        },
    }


def sign(path: Path, statement: dict[str, Any], signer: CryptoSigner) -> str:
    """Write the statement with one more signature; returns the key's ID.

    Signatures of others over the same statement stay. One over another statement is replaced, for it says
    nothing of this package any more. Raises OSError.
    """
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    with contextlib.suppress(Unreadable):
        before = read_envelope(path)
        if before.payload == payload and before.payload_type == PAYLOAD_TYPE:
            envelope = before
    signature = envelope.sign(signer)
    signature.unrecognized_fields["publicKey"] = public_pem(signer)
    write_json(path, envelope.to_dict())
    return str(signature.keyid)


def public_pem(signer: CryptoSigner) -> str:
    """The public half of a key, in PEM."""
    key = signer.public_key
    assert isinstance(key, SSlibKey)
    text = key.keyval["public"]
    if key.keytype == "ed25519":  # securesystemslib keeps 32 bytes in hex
        loaded: Any = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    else:
        loaded = load_pem_public_key(text.encode())
    pem: bytes = loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()
