"""An authority whose clock the test sets: packages that are built in milliseconds state times of their own.

`openssl ts` cannot be told the time, so the replies are put together here, byte by byte (RFC 3161, RFC 5652).
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.authority.keys import Keys, test_keys

SHA256, RSA = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.1"
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
POLICY = "1.2.3.4.1"


class ClockedAuthority:
    """Stamps messages with whatever time it is told."""

    def __init__(self, keys: Keys | None = None, accuracy_s: int | None = 1) -> None:
        self._keys, self._accuracy_s, self._serial = keys or test_keys(), accuracy_s, 0

    @property
    def root_pem(self) -> str:
        return self._keys.root_pem

    def stamp(self, message: bytes, at_s: float, nonce: int = 7) -> bytes:
        """A TimeStampResp over a message, with the time in whole seconds."""
        self._serial += 1
        stated = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at_s)).encode()
        info = _seq(
            _int(1),
            _oid(POLICY),
            _seq(_seq(_oid(SHA256)), _der(0x04, hashlib.sha256(message).digest())),
            _int(self._serial),
            _der(0x18, stated),
            b"" if self._accuracy_s is None else _seq(_int(self._accuracy_s)),
            _int(nonce),
        )
        return _seq(_seq(_int(0)), _seq(_oid(SIGNED_DATA), _der(0xA0, self._signed(info))))

    def _signed(self, info: bytes) -> bytes:
        certificate = self._keys.certificate
        der = certificate.public_bytes(Encoding.DER)
        attributes = sorted(
            (
                _seq(_oid(CONTENT_TYPE), _der(0x31, _oid(TST_INFO))),
                _seq(_oid(MESSAGE_DIGEST), _der(0x31, _der(0x04, hashlib.sha256(info).digest()))),
                _seq(
                    _oid(SIGNING_CERTIFICATE_V2),
                    _der(0x31, _seq(_seq(_seq(_der(0x04, hashlib.sha256(der).digest()))))),
                ),
            )
        )
        to_sign = _der(0x31, *attributes)
        signature = self._keys.key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
        signer = _seq(
            _int(1),
            _seq(certificate.issuer.public_bytes(), _int(certificate.serial_number)),
            _seq(_oid(SHA256)),
            _der(0xA0, *attributes),
            _seq(_oid(RSA), _der(0x05)),
            _der(0x04, signature),
        )
        content = _seq(_oid(TST_INFO), _der(0xA0, _der(0x04, info)))
        return _seq(_int(3), _der(0x31, _seq(_oid(SHA256))), content, _der(0xA0, der), _der(0x31, signer))


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + body


def _seq(*parts: bytes) -> bytes:
    return _der(0x30, *parts)


def _int(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytes((first * 40 + second,))
    for number in rest:
        digits: list[Any] = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | number & 0x7F)
        body += bytes(reversed(digits))
    return _der(0x06, body)
