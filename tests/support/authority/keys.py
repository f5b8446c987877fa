"""Keys and certificates of the test authorities, made anew in each process: nobody should trust them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_LONG_AGO, _LONG_AFTER = datetime.datetime(2020, 1, 1), datetime.datetime(2099, 1, 1)


@dataclass(frozen=True)
class Keys:
    """An authority, the root that issued its certificate, and a root that did not."""

    root: x509.Certificate
    other_root: x509.Certificate
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def root_pem(self) -> str:
        return pem(self.root)

    @property
    def other_root_pem(self) -> str:
        return pem(self.other_root)

    @property
    def key_pem(self) -> str:
        traditional = serialization.PrivateFormat.TraditionalOpenSSL
        none = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, traditional, none).decode()


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@lru_cache(maxsize=2)
def test_keys(name: str = "CloudMask test") -> Keys:
    """Keys of one name, the same for the whole process."""
    root_key, other_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    root = _certificate(f"{name} root", root_key, f"{name} root", root_key, ca=True)
    other = _certificate(f"{name} other root", other_key, f"{name} other root", other_key, ca=True)
    own = _certificate(f"{name} authority", key, f"{name} root", root_key, ca=False)
    return Keys(root, other, own, key)


test_keys.__test__ = False  # type: ignore[attr-defined]  # its name is not that of a test


def _certificate(subject: str, key: Any, issuer: str, issuer_key: Any, ca: bool) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_LONG_AGO)
        .not_valid_after(_LONG_AFTER)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
