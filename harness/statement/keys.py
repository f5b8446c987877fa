"""Keys on disk: private ones to sign with, public ones that a reviewer knows by a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.signer import CryptoSigner, SSlibKey

from harness.core.errors import UserError

MAX_KEY_BYTES = 64 << 10
MAX_KEYS = 1000
MAKE_ONE = "openssl genpkey -algorithm ed25519 -out key.pem"
MAKE_PUBLIC = (
    "name one, or a folder of them; its owner makes it: openssl pkey -in key.pem -pubout -out name.pem"
)


def load_signer(path: Path, password: Callable[[], str]) -> CryptoSigner:
    """The signer of a private key in PEM (ed25519 or ECDSA); `password` is asked where it is encrypted.

    Raises UserError for whatever is not one.
    """
    data = _read(path, f"make one: {MAKE_ONE}")
    try:
        try:
            key = load_pem_private_key(data, None)
        except TypeError:  # it is encrypted
            key = load_pem_private_key(data, password().encode())
        if not isinstance(key, (Ed25519PrivateKey, EllipticCurvePrivateKey)):
            raise UserError(f"{path} is not an ed25519 or ECDSA key.", f"make one: {MAKE_ONE}")
        return CryptoSigner(key)
    except ValueError:  # with a page of advice for programmers
        raise UserError(
            f"{path} is not a private key in PEM, or the password is wrong.", f"make one: {MAKE_ONE}"
        ) from None


def public_key(pem: bytes) -> SSlibKey:
    """A public key in PEM (ed25519 or ECDSA), with its ID. Raises ValueError for whatever is not one."""
    key = load_pem_public_key(pem)
    if not isinstance(key, (Ed25519PublicKey, EllipticCurvePublicKey)):
        raise ValueError("neither an ed25519 nor an ECDSA key")
    return SSlibKey.from_crypto(key)


def known_keys(path: Path) -> dict[str, str]:
    """Key ID -> name, of a PEM file or a folder of *.pem; names are those of the files.

    Raises UserError when there is none, or one that cannot be read.
    """
    files = sorted(path.glob("*.pem"))[:MAX_KEYS] if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path} holds no *.pem.", "name a public key, or a folder of them.")
    names = {}
    for file in files:
        try:
            names[public_key(_read(file, MAKE_PUBLIC)).keyid] = file.stem
        except ValueError:
            raise UserError(f"{file} is not a public ed25519 or ECDSA key in PEM.", MAKE_PUBLIC) from None
    return names


def _read(path: Path, fix: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_BYTES)
    except OSError as error:
        raise UserError(f"Cannot read the key {path}: {error.strerror}.", fix) from None
