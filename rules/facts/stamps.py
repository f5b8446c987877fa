"""One time stamp, verified offline: whose it is, what it is on, and which time it states (RFC 3161)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

import msgspec

Status = Literal["valid", "unknown authority", "other message", "invalid"]
WHOLE_SECOND_S = 1.0  # rfc3161-client gives the time without its fraction
MAX_WHY = 160


class StampFacts(msgspec.Struct, frozen=True):
    """What a stamp says, and how far it can be believed. `earliest_s` and `latest_s` take its accuracy into account."""

    status: Status
    why: str = ""
    time_s: float | None = None
    earliest_s: float | None = None
    latest_s: float | None = None
    authority: str | None = None  # subject of the certificate that signed it

    @property
    def valid(self) -> bool:
        """Whether a known authority signed this very message."""
        return self.status == "valid"


@lru_cache(maxsize=50_000)
def stamp_facts(token: bytes, message: bytes, roots: tuple[str, ...], accuracy_s: float) -> StampFacts:
    """Verify a reply over `message` against pinned roots (PEM). Never raises for what a reply holds.

    `accuracy_s` is assumed where the authority states none.
    """
    # cryptography loads slowly: only where there are stamps
    from rfc3161_client import decode_timestamp_response

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about certificates that are not as they should be
        try:
            reply = decode_timestamp_response(token)
            info = reply.tst_info
            time_s = info.gen_time.timestamp()
            margin_s = _accuracy_s(info, accuracy_s)
        except Exception as error:  # whatever a parser makes of hostile bytes
            return StampFacts("invalid", _one_line(error))
        status, why, authority = _verified(reply, message, roots)
    return StampFacts(status, why, time_s, time_s - margin_s, time_s + margin_s + WHOLE_SECOND_S, authority)


def message_of(head: str) -> bytes:
    """What is stamped: the head of a chain, as text."""
    return head.encode()


def _verified(reply: Any, message: bytes, roots: tuple[str, ...]) -> tuple[Status, str, str | None]:
    """Status, reason and authority of a decoded reply."""
    from cryptography import x509
    from rfc3161_client import VerificationError, VerifierBuilder

    authority = None
    try:
        known = certificates(roots)
        inside = [x509.load_der_x509_certificate(der) for der in reply.signed_data.certificates]
        authority = _signer(reply, inside)
        issuers = {certificate.issuer for certificate in inside}
        if not any(root.subject in issuers for root in known):
            return "unknown authority", "no pinned root issued its certificates", authority
        builder = VerifierBuilder()
        for root in known:
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(reply, message)
    except VerificationError as error:
        other = "between messages" in str(error)
        return ("other message" if other else "invalid"), _one_line(error), authority
    except Exception as error:
        return "invalid", _one_line(error), authority
    return "valid", "", authority


def certificates(roots: Iterable[str]) -> list[Any]:
    """The certificates in some PEM texts, each once. Raises ValueError for what is not PEM."""
    from cryptography import x509

    found = [c for text in roots for c in x509.load_pem_x509_certificates(text.encode())]
    return list(dict.fromkeys(found))


def _signer(reply: Any, inside: list[Any]) -> str | None:
    """Subject of the certificate that signed, when it is in the reply."""
    for signer in reply.signed_data.signer_infos:
        for certificate in inside:
            if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number):
                text: str = certificate.subject.rfc4514_string()
                return text[:MAX_WHY]
    return None


def _accuracy_s(info: Any, assumed_s: float) -> float:
    """Accuracy as stated, in seconds; the assumed one where none is stated."""
    stated = info.accuracy
    if stated is None:
        return assumed_s
    return float(stated.seconds or 0) + (stated.millis or 0) / 1e3 + (stated.micros or 0) / 1e6


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:MAX_WHY] or type(error).__name__
