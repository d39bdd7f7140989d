"""The seam between the house and its cryptographic suites: import keys from here and from nowhere below.

A suite is one file with one class (`keys/suite_one.py`). To add another, SM2 with SM3 say, write its file
and name it in `SUITES`; nobody else asks which suite a key is of. A JWK or a PEM says itself which suite it
belongs to; raw bytes do not, so their constructors take the suite's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from hub.errors import Code, Problem
from keys.key import (
    JWK_VALUE_LENGTH,
    PEM_BYTES,
    PrivateKey,
    PublicKey,
    SealKey,
    SigningKey,
    UnsealKey,
    VerifyKey,
    base64url,
    base64url_decode,
    thumbprint,
)
from keys.suite_one import SuiteOne

__all__ = [
    "SIGNATURE_ALGORITHMS",
    "SUITES",
    "PrivateKey",
    "PublicKey",
    "SealKey",
    "SigningKey",
    "Suite",
    "UnsealKey",
    "VerifyKey",
    "base64url",
    "base64url_decode",
    "generate_signing",
    "generate_unseal",
    "public_key_from_jwk",
    "seal_key_from_jwk",
    "seal_key_from_pem",
    "seal_key_from_raw",
    "signing_key_from_pem",
    "signing_key_from_raw",
    "thumbprint",
    "unseal_key_from_pem",
    "unseal_key_from_raw",
    "verify_key_from_jwk",
    "verify_key_from_pem",
    "verify_key_from_raw",
]


class Suite(Protocol):
    """What a suite offers. The raw constructors raise `Problem` MALFORMED; None means "not of this suite"."""

    @property
    def number(self) -> int: ...
    @property
    def signature_algorithm(self) -> str: ...
    def generate_signing(self) -> SigningKey: ...
    def generate_unseal(self) -> UnsealKey: ...
    def verify_key(self, raw: bytes) -> VerifyKey: ...
    def seal_key(self, raw: bytes) -> SealKey: ...
    def signing_key(self, raw: bytes) -> SigningKey: ...
    def unseal_key(self, raw: bytes) -> UnsealKey: ...
    def from_jwk(self, jwk: Mapping[str, object]) -> VerifyKey | SealKey | None: ...
    def adopt_public(self, public: object) -> VerifyKey | SealKey | None: ...
    def adopt_private(self, private: object) -> SigningKey | UnsealKey | None: ...


SUITES: Final[dict[int, Suite]] = {suite.number: suite for suite in (SuiteOne(),)}
SIGNATURE_ALGORITHMS: Final = frozenset(suite.signature_algorithm for suite in SUITES.values())
"""The JWS `alg` values that a record may name."""


def generate_signing(suite: int = 1) -> SigningKey:
    """A new signing key, from the operating system's randomness."""
    return SUITES[suite].generate_signing()


def generate_unseal(suite: int = 1) -> UnsealKey:
    """A new key for opening sealed parts, from the operating system's randomness."""
    return SUITES[suite].generate_unseal()


def verify_key_from_raw(raw: bytes, suite: int = 1) -> VerifyKey:
    """Suite 1: the 32 bytes of an Ed25519 public key. Raises `Problem` MALFORMED."""
    return SUITES[suite].verify_key(raw)


def seal_key_from_raw(raw: bytes, suite: int = 1) -> SealKey:
    """Suite 1: the 32 bytes of an X25519 public key. Raises `Problem` MALFORMED."""
    return SUITES[suite].seal_key(raw)


def signing_key_from_raw(raw: bytes, suite: int = 1) -> SigningKey:
    """Suite 1: the 32-byte seed of an Ed25519 key. Raises `Problem` MALFORMED."""
    return SUITES[suite].signing_key(raw)


def unseal_key_from_raw(raw: bytes, suite: int = 1) -> UnsealKey:
    """Suite 1: the 32 bytes of an X25519 private key. Raises `Problem` MALFORMED."""
    return SUITES[suite].unseal_key(raw)


def public_key_from_jwk(jwk: Mapping[str, object]) -> VerifyKey | SealKey:
    """A public JWK (RFC 7517) with its required members and no others. Raises `Problem` MALFORMED."""
    for value in jwk.values():
        if not isinstance(value, str) or len(value) > JWK_VALUE_LENGTH:
            raise Problem(Code.MALFORMED, "every member of a public JWK is a short text")
    for suite in SUITES.values():
        key = suite.from_jwk(jwk)
        if key is not None:
            return key
    raise Problem(Code.MALFORMED, "a JWK of no known suite (suite 1: kty OKP, crv Ed25519 or X25519)")


def verify_key_from_jwk(jwk: Mapping[str, object]) -> VerifyKey:
    """As `public_key_from_jwk`; a JWK for sealing is refused."""
    return _verifying(public_key_from_jwk(jwk))


def seal_key_from_jwk(jwk: Mapping[str, object]) -> SealKey:
    """As `public_key_from_jwk`; a JWK for signatures is refused."""
    return _sealing(public_key_from_jwk(jwk))


def verify_key_from_pem(pem: str | bytes) -> VerifyKey:
    """A SubjectPublicKeyInfo PEM. Raises `Problem` MALFORMED."""
    return _verifying(_public_from_pem(pem))


def seal_key_from_pem(pem: str | bytes) -> SealKey:
    """A SubjectPublicKeyInfo PEM. Raises `Problem` MALFORMED."""
    return _sealing(_public_from_pem(pem))


def signing_key_from_pem(pem: bytes, passphrase: bytes | None) -> SigningKey:
    """A PKCS#8 PEM. Raises `Problem`: MALFORMED for the file, NOT_ALLOWED for the passphrase."""
    key = _private_from_pem(pem, passphrase)
    if not isinstance(key, SigningKey):
        raise Problem(
            Code.MALFORMED, "this key opens sealed parts (X25519); a signing key (Ed25519) is wanted"
        )
    return key


def unseal_key_from_pem(pem: bytes, passphrase: bytes | None) -> UnsealKey:
    """A PKCS#8 PEM. Raises `Problem`: MALFORMED for the file, NOT_ALLOWED for the passphrase."""
    key = _private_from_pem(pem, passphrase)
    if not isinstance(key, UnsealKey):
        raise Problem(Code.MALFORMED, "this key signs (Ed25519); a key for sealed parts (X25519) is wanted")
    return key


def _verifying(key: VerifyKey | SealKey) -> VerifyKey:
    if not isinstance(key, VerifyKey):
        raise Problem(
            Code.MALFORMED, "this is a key for sealing (X25519); one for signatures (Ed25519) is wanted"
        )
    return key


def _sealing(key: VerifyKey | SealKey) -> SealKey:
    if not isinstance(key, SealKey):
        raise Problem(
            Code.MALFORMED, "this is a key for signatures (Ed25519); one for sealing (X25519) is wanted"
        )
    return key


def _public_from_pem(pem: str | bytes) -> VerifyKey | SealKey:
    try:
        encoded = pem.encode("ascii") if isinstance(pem, str) else pem
        if len(encoded) > PEM_BYTES:
            raise Problem(Code.TOO_LARGE, f"a key's PEM is at most {PEM_BYTES} bytes")
        public = load_pem_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm) as broken:
        raise Problem(Code.MALFORMED, "not a public key in PEM") from broken
    for suite in SUITES.values():
        key = suite.adopt_public(public)
        if key is not None:
            return key
    raise Problem(Code.MALFORMED, "a public key of no known suite (suite 1: Ed25519 or X25519)")


def _private_from_pem(pem: bytes, passphrase: bytes | None) -> SigningKey | UnsealKey:
    if len(pem) > PEM_BYTES:
        raise Problem(Code.TOO_LARGE, f"a key's PEM is at most {PEM_BYTES} bytes")
    encrypted = pem.lstrip().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    if encrypted and not passphrase:
        raise Problem(Code.NOT_ALLOWED, "the key is encrypted and no passphrase was given")
    try:
        # A passphrase for a plain key is no error: one passphrase may serve a folder of both (a lab's).
        private = load_pem_private_key(pem, password=passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if encrypted:
            raise Problem(Code.NOT_ALLOWED, "the passphrase does not open this key") from None
        raise Problem(Code.MALFORMED, "not a private key in PKCS#8 PEM") from None
    for suite in SUITES.values():
        key = suite.adopt_private(private)
        if key is not None:
            return key
    raise Problem(Code.MALFORMED, "a private key of no known suite (suite 1: Ed25519 or X25519)")
