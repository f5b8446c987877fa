"""Reading a statement of somebody else, and verifying its signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature as Signed

from harness.core.files import sha256
from harness.statement.keys import public_key
from harness.untrusted.documents import Unreadable, parse_json, read_bytes
from rules.model.layout import MANIFEST
from rules.model.statement import Signature, Statement

MAX_BYTES = 1 << 20
MAX_SIGNATURES = 100
MAX_TEXT = 200
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = ("PASSED", "WARNED", "FAILED")


def read_statement(path: Path, root: Path, shown: str | None = None) -> Statement:
    """The statement in a file, with its signatures verified and the digest of the package's manifest beside.

    Raises Unreadable in one line for whatever is not such a statement.
    """
    envelope = read_envelope(path)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Unreadable(f"is an envelope of {str(envelope.payload_type)[:60]!r}, not of a statement")
    manifest, ruleset, result = _said(envelope.payload)
    try:
        actual = sha256(root / MANIFEST)
    except OSError:
        actual = None
    signatures = tuple(_verified(envelope, signature) for signature in envelope.signatures.values())
    return Statement(shown or path.name, manifest, ruleset, result, signatures, actual)


def read_envelope(path: Path) -> Envelope:
    """A DSSE envelope, bounded. Raises Unreadable."""
    value = parse_json(read_bytes(path, MAX_BYTES))
    signatures = value.get("signatures") if isinstance(value, dict) else None
    if not isinstance(signatures, list) or not all(isinstance(s, dict) for s in signatures):
        raise Unreadable("is not a signed envelope")
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise Unreadable(f"has {len(signatures)} signatures, not 1 to {MAX_SIGNATURES}")
    try:
        envelope = Envelope.from_dict(value)
    except Exception as error:  # whatever the library makes of hostile values
        raise Unreadable(f"is not a signed envelope ({' '.join(str(error).split())[:80]})") from None
    if not all(isinstance(s.keyid, str) and len(s.keyid) <= MAX_TEXT for s in envelope.signatures.values()):
        raise Unreadable("is not a signed envelope (a key ID is not a text)")
    return envelope


def _said(payload: bytes) -> tuple[str, str, str]:
    """Digest of the manifest, ruleset and result that a payload states. Raises Unreadable."""
    statement = parse_json(payload)
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_TYPE:
        raise Unreadable("holds something else than an in-toto statement (v1)")
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise Unreadable("holds a statement of another kind than a test result (v0.1)")
    try:
        (subject,) = statement["subject"]
        predicate = statement["predicate"]
        (configuration,) = predicate["configuration"]
        digest, name = subject["digest"]["sha256"], subject["name"]
        ruleset, result = configuration["name"], predicate["result"]
    except (KeyError, TypeError, ValueError):
        raise Unreadable(
            "holds a statement that does not name one manifest, one ruleset and a result"
        ) from None
    if name != MANIFEST or result not in RESULTS or not all(isinstance(t, str) for t in (digest, ruleset)):
        raise Unreadable("holds a statement on something else than a package")
    return digest[:MAX_TEXT], ruleset[:MAX_TEXT], result


def _verified(envelope: Envelope, signature: Signed) -> Signature:
    """Whether the key that comes with a signature has its ID and made it."""
    keyid, pem = signature.keyid, signature.unrecognized_fields.get("publicKey")
    if not isinstance(pem, str):
        return Signature(keyid, False, "its public key is not beside it")
    try:
        key: Any = public_key(pem.encode())
        if key.keyid != keyid:
            return Signature(keyid, False, "the public key beside it is another one")
        key.verify_signature(signature, envelope.pae())
    except UnverifiedSignatureError:
        return Signature(keyid, False, "it was not made by this key over this statement")
    except Exception as error:  # whatever the library makes of hostile values
        return Signature(keyid, False, " ".join(str(error).split())[:80])
    return Signature(keyid, True)
