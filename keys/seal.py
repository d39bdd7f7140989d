"""Sealed parts: a JWE in general JSON serialisation (wire contract, section 2; RFC 7516, RFC 7518 §4.6).

What `check_shape` checks, without any key:

1. Exactly `protected`, `iv`, `ciphertext`, `tag` and `recipients`; so no `unprotected` and no `aad`.
2. The protected header is strict JSON in whatever spelling. It holds `enc` `A256GCM` and at most `alg`, `typ`,
   `cty`, `apu` and `apv` beside it; so no `zip` and no `crit`.
3. Each recipient has exactly `header` and `encrypted_key`; its header `kid`, `epk` (X25519) and at most `apu`
   and `apv` (RFC 7518 §4.6.1.2, §4.6.1.3). No key id stands twice.
4. `alg`, `ECDH-ES+A256KW`, stands in the protected header or in each recipient's, never in both; no other
   name stands in both either (RFC 7516 §7.2.1).
5. Every value in strict base64url and of the length that its algorithm gives it, or of a bounded one.

The protected header is authenticated as it was received (RFC 7516 §5.2, steps 14 and 15): `jwcrypto` keeps
its octets and only puts them back into base64url, which is strict and so gives the same characters. This is
suite 1's sealing: another suite brings its own `alg` and its own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from jwcrypto.common import JWException
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from hub.errors import Code, Problem
from keys.suite import SealKey, UnsealKey, base64url_decode
from schemas import strict_json
from schemas.limits import RECIPIENTS, RECORD_BYTES

ALGORITHM: Final = "ECDH-ES+A256KW"
ENCRYPTION: Final = "A256GCM"
SEAL_RECIPIENTS: Final = RECIPIENTS + 2
"""`from`, every `to`, and one to spare for a city whose key is being replaced."""

_PROTECTED_LENGTH: Final = 1024
_MEDIA_TYPE_LENGTH: Final = 64
_IV = re.compile(r"[A-Za-z0-9_-]{16}")
_TAG = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_WRAPPED_KEY = re.compile(r"[A-Za-z0-9_-]{53}[AQgw]")
_PARTY = re.compile(r"(?:[A-Za-z0-9_-]{4}){0,42}+(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?")
_THIRTY_TWO_BYTES = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")

_MEMBERS = frozenset(("protected", "iv", "ciphertext", "tag", "recipients"))
_RECIPIENT_MEMBERS = frozenset(("header", "encrypted_key"))
_PROTECTED_MEMBERS = frozenset(("enc", "alg", "typ", "cty", "apu", "apv"))
_HEADER_MEMBERS = frozenset(("kid", "epk"))
_PARTY_MEMBERS = frozenset(("apu", "apv"))
_EPK_MEMBERS = frozenset(("kty", "crv", "x"))


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
    message = JWE(plaintext, {"enc": ENCRYPTION}, algs=[ALGORITHM, ENCRYPTION], flattened=False)
    for key in keys:
        if key.algorithm != ALGORITHM:
            raise Problem(Code.INVALID, f"key {key.kid} is not one for {ALGORITHM}")
        message.add_recipient(JWK(**key.jwk), {"alg": ALGORITHM, "kid": key.kid})
    return cast(dict[str, Any], strict_json.loads(message.serialize()))


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
    message = JWE(algs=[ALGORITHM, ENCRYPTION])
    try:
        message.deserialize(strict_json.dumps({**jwe, "recipients": [recipient]}), JWK(**key.private_jwk()))
    except JWException:
        raise Problem(
            Code.BAD_SIGNATURE, "the sealed part does not open: altered, or sealed wrongly"
        ) from None
    return cast(bytes, message.payload)


def check_shape(jwe: Mapping[str, Any]) -> tuple[str, ...]:
    """Check a sealed part's form without a key; the key ids of its recipients, in order.

    Raises `Problem` MALFORMED.
    """
    if not isinstance(jwe, Mapping) or jwe.keys() != _MEMBERS:
        raise _malformed("it has exactly protected, iv, ciphertext, tag and recipients")
    protected, ciphertext, recipients = jwe["protected"], jwe["ciphertext"], jwe["recipients"]
    if not isinstance(protected, str) or len(protected) > _PROTECTED_LENGTH:
        raise _malformed(f"protected is a text of at most {_PROTECTED_LENGTH} characters")
    required, optional = _read_protected(protected)
    _match(_IV, jwe["iv"], "iv is 12 bytes")
    _match(_TAG, jwe["tag"], "tag is 16 bytes")
    if not isinstance(ciphertext, str) or not 1 <= len(ciphertext) <= RECORD_BYTES:
        raise _malformed("ciphertext is a text, not empty, and no longer than a record")
    _decode(ciphertext, "ciphertext")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= SEAL_RECIPIENTS:
        raise _malformed(f"recipients is a list of 1 to {SEAL_RECIPIENTS}")
    kids = tuple(_check_recipient(recipient, required, optional) for recipient in recipients)
    if len(set(kids)) != len(kids):
        raise _malformed("a recipient's kid stands twice")
    return kids


@lru_cache(maxsize=16)
def _read_protected(protected: str) -> tuple[frozenset[str], frozenset[str]]:
    """Check the protected header; the members that each recipient's header must, and may, then have."""
    raw = _decode(protected, "protected")
    try:
        header = strict_json.loads(raw)
    except Problem as broken:
        raise _malformed(f"protected: {broken.detail}") from broken
    if not isinstance(header, dict) or not {"enc"} <= header.keys() <= _PROTECTED_MEMBERS:
        raise _malformed(
            "protected holds enc, at most alg, typ, cty, apu and apv beside it, and nothing else"
        )
    if header["enc"] != ENCRYPTION or header.get("alg", ALGORITHM) != ALGORITHM:
        raise _malformed(f"only {ALGORITHM} with {ENCRYPTION} is accepted")
    for name in ("typ", "cty"):
        media_type = header.get(name, "")
        if not isinstance(media_type, str) or len(media_type) > _MEDIA_TYPE_LENGTH:
            raise _malformed(f"{name} is a text of at most {_MEDIA_TYPE_LENGTH} characters")
    _check_parties(header, _PARTY_MEMBERS)
    required = _HEADER_MEMBERS if "alg" in header else _HEADER_MEMBERS | {"alg"}
    return required, _PARTY_MEMBERS - header.keys()


def _check_parties(header: Mapping[str, object], names: frozenset[str]) -> int:
    """Check those of `apu` and `apv` that `header` has; how many they are."""
    found = 0
    for name in names:
        if name in header:
            _match(_PARTY, header[name], "apu and apv are at most 128 bytes each")
            found += 1
    return found


def _check_recipient(recipient: object, required: frozenset[str], optional: frozenset[str]) -> str:
    if not isinstance(recipient, dict) or recipient.keys() != _RECIPIENT_MEMBERS:
        raise _malformed("a recipient has exactly header and encrypted_key")
    header = recipient["header"]
    if not isinstance(header, dict):
        raise _malformed("a recipient's header is an object")
    if header.keys() != required:
        parties = _check_parties(header, optional)
        if len(header) != len(required) + parties or not required <= header.keys():
            beside = f", at most {', '.join(sorted(optional))} beside them" if optional else ""
            raise _malformed(f"a recipient's header has exactly {', '.join(sorted(required))}{beside}")
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
