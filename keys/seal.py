"""Sealed parts: a JWE in general JSON serialisation (wire contract, section 2; RFC 7516, RFC 7518 §4.6).

What `check_shape` checks, without any key:

1. Exactly `protected`, `iv`, `ciphertext`, `tag` and `recipients`; so no `unprotected` and no `aad`.
2. The protected header is compact JSON and holds `enc` `A256GCM` and at most `alg` beside it; so no `zip`.
3. Each recipient has exactly `header` and `encrypted_key`; its header exactly `kid`, `epk` (X25519) and,
   unless the protected header has it, `alg` `ECDH-ES+A256KW`. No key id stands twice.
4. Every value in strict base64url and of the length that its algorithm gives it.

The header is compact because `joserfc` authenticates its own spelling of it, not the one received; every
common library writes it so, and one value keeps one spelling. This is suite 1's sealing: another suite brings
its own `alg` and its own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from joserfc.errors import JoseError
from joserfc.jwe import (
    GeneralJSONEncryption,
    GeneralJSONSerialization,
    JWERegistry,
    decrypt_json,
    encrypt_json,
)
from joserfc.jwk import OKPKey

from hub.errors import Code, Problem
from keys.suite import SealKey, UnsealKey, base64url_decode
from schemas import strict_json
from schemas.limits import RECIPIENTS, RECORD_BYTES

ALGORITHM: Final = "ECDH-ES+A256KW"
ENCRYPTION: Final = "A256GCM"
SEAL_RECIPIENTS: Final = RECIPIENTS + 2
"""`from`, every `to`, and one to spare for a city whose key is being replaced."""

_PROTECTED_LENGTH: Final = 128
_IV = re.compile(r"[A-Za-z0-9_-]{16}")
_TAG = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_WRAPPED_KEY = re.compile(r"[A-Za-z0-9_-]{53}[AQgw]")
_THIRTY_TWO_BYTES = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")

_MEMBERS = frozenset(("protected", "iv", "ciphertext", "tag", "recipients"))
_RECIPIENT_MEMBERS = frozenset(("header", "encrypted_key"))
_HEADER_MEMBERS = frozenset(("kid", "epk"))
_EPK_MEMBERS = frozenset(("kty", "crv", "x"))


class _Registry(JWERegistry):
    """Suite 1's algorithms only, with room for a whole record."""

    max_ciphertext_length = RECORD_BYTES


_REGISTRY: Final = _Registry(algorithms=(ALGORITHM, ENCRYPTION), max_recipients=SEAL_RECIPIENTS)


def seal(plaintext: bytes, keys: Sequence[SealKey]) -> dict[str, Any]:
    """Encrypt `plaintext` so that the holder of any one of `keys` can open it.

    Content key, nonce and ephemeral keys come from the operating system's randomness.
    Raises `Problem`: INVALID for no plaintext and for no, too many or repeated keys; TOO_LARGE for
    more than a record can carry.
    """
    if not 1 <= len(keys) <= SEAL_RECIPIENTS or len({key.kid for key in keys}) != len(keys):
        raise Problem(Code.INVALID, f"a part is sealed to 1 to {SEAL_RECIPIENTS} different keys")
    if not plaintext:
        raise Problem(Code.INVALID, "there is nothing to seal")
    if len(plaintext) > RECORD_BYTES * 3 // 4:
        raise Problem(Code.TOO_LARGE, f"a sealed part must fit into a record of {RECORD_BYTES} bytes")
    message = GeneralJSONEncryption({"enc": ENCRYPTION}, plaintext)
    for key in keys:
        if key.algorithm != ALGORITHM:
            raise Problem(Code.INVALID, f"key {key.kid} is not one for {ALGORITHM}")
        public = OKPKey.import_key(dict[str, Any](key.jwk))
        message.add_recipient({"alg": ALGORITHM, "kid": key.kid}, public)
    return cast(dict[str, Any], encrypt_json(message, None, registry=_REGISTRY))


def unseal(jwe: Mapping[str, Any], key: UnsealKey) -> bytes:
    """Open a sealed part.

    Raises `Problem`: MALFORMED as `check_shape`; NOT_ALLOWED when it is not sealed to this key; BAD_SIGNATURE
    when it is said to be, yet does not open: it was altered, or sealed wrongly.
    """
    check_shape(jwe)
    for recipient in jwe["recipients"]:
        if recipient["header"]["kid"] == key.kid:
            break
    else:
        raise Problem(Code.NOT_ALLOWED, f"this part is not sealed to key {key.kid}")
    private = OKPKey.import_key(dict[str, Any](key.private_jwk()))
    alone = cast(GeneralJSONSerialization, {**jwe, "recipients": [recipient]})
    try:
        plaintext = decrypt_json(alone, private, registry=_REGISTRY).plaintext
    except (JoseError, ValueError, AssertionError):
        plaintext = None
    if plaintext is None:
        raise Problem(Code.BAD_SIGNATURE, "the sealed part does not open: altered, or sealed wrongly")
    return plaintext


def check_shape(jwe: Mapping[str, Any]) -> tuple[str, ...]:
    """Check a sealed part's form without a key; the key ids of its recipients, in order.

    Raises `Problem` MALFORMED.
    """
    if not isinstance(jwe, Mapping) or jwe.keys() != _MEMBERS:
        raise _malformed("it has exactly protected, iv, ciphertext, tag and recipients")
    protected, ciphertext, recipients = jwe["protected"], jwe["ciphertext"], jwe["recipients"]
    if not isinstance(protected, str) or len(protected) > _PROTECTED_LENGTH:
        raise _malformed(f"protected is a text of at most {_PROTECTED_LENGTH} characters")
    header_members = _read_protected(protected)
    _match(_IV, jwe["iv"], "iv is 12 bytes")
    _match(_TAG, jwe["tag"], "tag is 16 bytes")
    if not isinstance(ciphertext, str) or not 1 <= len(ciphertext) <= RECORD_BYTES:
        raise _malformed("ciphertext is a text, not empty, and no longer than a record")
    _decode(ciphertext, "ciphertext")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= SEAL_RECIPIENTS:
        raise _malformed(f"recipients is a list of 1 to {SEAL_RECIPIENTS}")
    kids = tuple(_check_recipient(recipient, header_members) for recipient in recipients)
    if len(set(kids)) != len(kids):
        raise _malformed("a recipient's kid stands twice")
    return kids


@lru_cache(maxsize=16)
def _read_protected(protected: str) -> frozenset[str]:
    """Check the protected header; the members that each recipient's header must then have."""
    raw = _decode(protected, "protected")
    try:
        header = strict_json.loads(raw)
    except Problem as broken:
        raise _malformed(f"protected: {broken.detail}") from broken
    if not isinstance(header, dict) or not {"enc"} <= header.keys() <= {"enc", "alg"}:
        raise _malformed("protected holds enc, at most alg beside it, and nothing else")
    if header["enc"] != ENCRYPTION or header.get("alg", ALGORITHM) != ALGORITHM:
        raise _malformed(f"only {ALGORITHM} with {ENCRYPTION} is accepted")
    spelt = ",".join(f'"{name}":"{value}"' for name, value in header.items())
    if raw != b"{" + spelt.encode("ascii") + b"}":
        raise _malformed("protected is compact JSON, without spaces or escapes")
    return _HEADER_MEMBERS if "alg" in header else _HEADER_MEMBERS | {"alg"}


def _check_recipient(recipient: object, header_members: frozenset[str]) -> str:
    if not isinstance(recipient, dict) or recipient.keys() != _RECIPIENT_MEMBERS:
        raise _malformed("a recipient has exactly header and encrypted_key")
    header = recipient["header"]
    if not isinstance(header, dict) or header.keys() != header_members:
        raise _malformed(f"a recipient's header has exactly {', '.join(sorted(header_members))}")
    if header.get("alg", ALGORITHM) != ALGORITHM:
        raise _malformed(f"only {ALGORITHM} with {ENCRYPTION} is accepted")
    epk = header["epk"]
    if not isinstance(epk, dict) or epk.keys() != _EPK_MEMBERS:
        raise _malformed("epk has exactly kty, crv and x")
    if epk["kty"] != "OKP" or epk["crv"] != "X25519":
        raise _malformed("epk is an X25519 key")
    _match(_THIRTY_TWO_BYTES, epk["x"], "epk.x is 32 bytes")
    _match(_WRAPPED_KEY, recipient["encrypted_key"], "encrypted_key is 40 bytes")
    return _match(_THIRTY_TWO_BYTES, header["kid"], "kid is a thumbprint of 32 bytes")


def _match(pattern: re.Pattern[str], value: object, rule: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _malformed(f"{rule} in strict base64url")
    return value


def _decode(text: str, name: str) -> bytes:
    try:
        return base64url_decode(text)
    except Problem as broken:
        raise _malformed(f"{name} is {broken.detail}") from broken


def _malformed(detail: str) -> Problem:
    return Problem(Code.MALFORMED, f"the sealed part: {detail}")
