"""Suite 1: Ed25519 (RFC 8032) for signatures, X25519 (RFC 7748) for sealing, as OKP JWKs (RFC 8037).

What this suite accepts, every other careful implementation accepts too:

1. A public key is the canonical encoding of a point (y or u below p) and not one of small order.
2. A signature's R is not of small order (libsodium refuses it); S below the group order, R's canonical form
   and the equation without cofactor are checked by OpenSSL. What holds without the cofactor holds with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hub.errors import Code, Problem
from keys.key import SealKey, SigningKey, UnsealKey, VerifyKey, base64url, base64url_decode

NUMBER = 1
RAW_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_SMALL_ORDER_POINTS = frozenset(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)
"""The eight points of order 1, 2, 4 and 8 on edwards25519, each in its canonical encoding."""


class Ed25519VerifyKey(VerifyKey):
    """An Ed25519 public key of 32 bytes."""

    __slots__ = ("_check",)

    suite = NUMBER
    algorithm: ClassVar[str] = "Ed25519"

    def __init__(self, raw: bytes) -> None:
        """Raises `Problem` MALFORMED: wrong length, a second spelling of a point, a point of small order."""
        _check_canonical(raw, sign_bit=True)
        if raw[:-1] + bytes([raw[-1] & 0x7F]) in _SMALL_ORDER_POINTS:
            raise Problem(Code.MALFORMED, "an Ed25519 public key of small order verifies anything")
        try:
            public = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as broken:
            raise Problem(Code.MALFORMED, "not an Ed25519 public key") from broken
        super().__init__(raw, {"crv": "Ed25519", "kty": "OKP", "x": base64url(raw)})
        self._check = public.verify

    def verify(self, signature: bytes, message: bytes) -> None:
        """RFC 8032 §5.1.7."""
        if signature[:RAW_BYTES] in _SMALL_ORDER_POINTS:
            raise Problem(Code.BAD_SIGNATURE, "the signature's R is of small order")
        try:
            self._check(signature, message)
        except InvalidSignature:
            raise Problem(Code.BAD_SIGNATURE, f"the signature was not made by key {self.kid}") from None

    def pem(self) -> str:
        """SubjectPublicKeyInfo (RFC 8410)."""
        public = Ed25519PublicKey.from_public_bytes(self.raw)
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class Ed25519SigningKey(SigningKey):
    """An Ed25519 private key."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = Ed25519VerifyKey(private.public_key().public_bytes_raw())

    @property
    def public(self) -> Ed25519VerifyKey:
        return self._public

    def sign(self, message: bytes) -> bytes:
        """RFC 8032 §5.1.6: 64 bytes."""
        return self._private.sign(message)

    def private_pem(self, passphrase: bytes | None) -> bytes:
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(passphrase))


class X25519SealKey(SealKey):
    """An X25519 public key of 32 bytes."""

    __slots__ = ()

    suite = NUMBER
    algorithm: ClassVar[str] = "ECDH-ES+A256KW"

    def __init__(self, raw: bytes) -> None:
        """Raises `Problem` MALFORMED: wrong length, a second spelling of a point, a point of small order."""
        _check_canonical(raw, sign_bit=False)
        try:
            _PROBE.exchange(X25519PublicKey.from_public_bytes(raw))
        except ValueError as broken:
            raise Problem(
                Code.MALFORMED, "an X25519 public key of small order keeps nothing secret"
            ) from broken
        super().__init__(raw, {"crv": "X25519", "kty": "OKP", "x": base64url(raw)})

    def pem(self) -> str:
        """SubjectPublicKeyInfo (RFC 8410)."""
        public = X25519PublicKey.from_public_bytes(self.raw)
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class X25519UnsealKey(UnsealKey):
    """An X25519 private key."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self._public = X25519SealKey(private.public_key().public_bytes_raw())

    @property
    def public(self) -> X25519SealKey:
        return self._public

    def private_pem(self, passphrase: bytes | None) -> bytes:
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(passphrase))

    def private_jwk(self) -> dict[str, str]:
        return {**self._public.jwk, "d": base64url(self._private.private_bytes_raw())}


class SuiteOne:
    """What `keys.suite` asks of a suite; a second one is a file with a class of this form."""

    number = NUMBER
    signature_algorithm = Ed25519VerifyKey.algorithm

    def generate_signing(self) -> SigningKey:
        return Ed25519SigningKey(Ed25519PrivateKey.generate())

    def generate_unseal(self) -> UnsealKey:
        return X25519UnsealKey(X25519PrivateKey.generate())

    def verify_key(self, raw: bytes) -> VerifyKey:
        return Ed25519VerifyKey(raw)

    def seal_key(self, raw: bytes) -> SealKey:
        return X25519SealKey(raw)

    def signing_key(self, raw: bytes) -> SigningKey:
        """From the 32-byte seed of RFC 8032 §5.1.5."""
        _check_length(raw)
        return Ed25519SigningKey(Ed25519PrivateKey.from_private_bytes(raw))

    def unseal_key(self, raw: bytes) -> UnsealKey:
        _check_length(raw)
        return X25519UnsealKey(X25519PrivateKey.from_private_bytes(raw))

    def from_jwk(self, jwk: Mapping[str, object]) -> VerifyKey | SealKey | None:
        """A public key from its JWK, or None when the JWK is another suite's.

        Members beyond `kty`, `crv` and `x`, a private `d` above all, are refused (MALFORMED).
        """
        if jwk.get("kty") != "OKP":
            return None
        x = jwk.get("x")
        if not isinstance(x, str) or len(jwk) != 3:
            raise Problem(Code.MALFORMED, "an OKP public JWK has exactly kty, crv and x")
        crv = jwk.get("crv")
        if crv == "Ed25519":
            return Ed25519VerifyKey(base64url_decode(x))
        if crv == "X25519":
            return X25519SealKey(base64url_decode(x))
        return None

    def adopt_public(self, public: object) -> VerifyKey | SealKey | None:
        """A public key from what `cryptography` read out of a PEM, or None when it is another suite's."""
        if isinstance(public, Ed25519PublicKey):
            return Ed25519VerifyKey(public.public_bytes_raw())
        if isinstance(public, X25519PublicKey):
            return X25519SealKey(public.public_bytes_raw())
        return None

    def adopt_private(self, private: object) -> SigningKey | UnsealKey | None:
        """A private key from what `cryptography` read out of a PEM, or None when it is another suite's."""
        if isinstance(private, Ed25519PrivateKey):
            return Ed25519SigningKey(private)
        if isinstance(private, X25519PrivateKey):
            return X25519UnsealKey(private)
        return None


_PROBE = X25519PrivateKey.from_private_bytes(bytes(RAW_BYTES))
"""A fixed scalar, no secret: an exchange with it fails exactly for the points of small order."""


def _check_length(raw: bytes) -> None:
    if len(raw) != RAW_BYTES:
        raise Problem(Code.MALFORMED, f"a key of suite 1 has {RAW_BYTES} bytes")


def _check_canonical(raw: bytes, *, sign_bit: bool) -> None:
    _check_length(raw)
    number = int.from_bytes(raw, "little")
    if sign_bit:
        number &= 2**255 - 1
    if number >= _P:
        raise Problem(Code.MALFORMED, "a public key in its second spelling (coordinate not below p)")


def _encryption(passphrase: bytes | None) -> KeySerializationEncryption:
    return NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
