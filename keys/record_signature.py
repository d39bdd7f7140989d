"""A record's signature: one JWS, compact serialisation (the wire contract, section 2; RFC 7515, RFC 9864).

What `parse` checks, in this order:

1. ASCII, not longer than a record may be.
2. The strict form of `keys/compact.py`, with `typ` record+jws.

What `verify` checks: the key is the one that the header names, of the algorithm that the header names, and it
made the signature over the bytes as received. Only then is there a `VerifiedRecord`; nothing else makes one.
"""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass, field
from typing import Final, NoReturn, final

from hub.errors import Code, Problem
from keys import compact
from keys.suite import SigningKey, VerifyKey
from schemas.limits import RECORD_BYTES

TYP: Final = "record+jws"


class _Token:
    """What only this module can show: without it nobody makes a `VerifiedRecord`."""

    __slots__ = ()


_TOKEN: Final = _Token()


@final
@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record in good form whose signature nobody has checked yet. Its payload is not to be read."""

    jws: str = field(repr=False)
    kid: str
    digest: str
    """Hex SHA-256 of the ASCII bytes of the JWS."""
    _segments: compact.Segments = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A record whose signature holds. Only `verify` makes one."""

    jws: str = field(repr=False)
    kid: str
    payload: bytes = field(repr=False)
    digest: str
    """Hex SHA-256 of the ASCII bytes of the JWS."""
    token: InitVar[_Token]

    def __post_init__(self, token: _Token) -> None:
        if token is not _TOKEN:
            raise TypeError("only keys.record_signature.verify makes a VerifiedRecord")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a VerifiedRecord is verified anew, not unpickled or copied")


def parse(jws: str) -> SignedRecord:
    """Read a record's JWS without judging its signature.

    Raises `Problem` TOO_LARGE above 256 KiB and MALFORMED for everything else.
    """
    if len(jws) > RECORD_BYTES:
        raise Problem(Code.TOO_LARGE, f"a record's JWS is at most {RECORD_BYTES} bytes")
    try:
        octets = jws.encode("ascii")
    except UnicodeEncodeError:
        raise Problem(Code.MALFORMED, "a JWS is ASCII text") from None
    segments = compact.read(octets, TYP)
    return SignedRecord(jws, segments.kid, hashlib.sha256(octets).hexdigest(), segments)


def verify(signed: SignedRecord, key: VerifyKey) -> VerifiedRecord:
    """Check the signature with `key`.

    Raises `Problem` UNKNOWN_KEY when `key` is not the one that the record names, BAD_SIGNATURE when the
    signature does not hold.
    """
    compact.check(signed._segments, key, "the record")
    return VerifiedRecord(signed.jws, signed.kid, signed._segments.payload, signed.digest, _TOKEN)


def sign(payload: bytes, key: SigningKey) -> str:
    """The JWS of `payload`.

    Raises `Problem` MALFORMED for an empty payload and TOO_LARGE when the record would be.
    """
    if not payload:
        raise Problem(Code.MALFORMED, "an empty payload is no record")
    jws = compact.write(payload, key, TYP)
    if len(jws) > RECORD_BYTES:
        raise Problem(Code.TOO_LARGE, f"a record's JWS is at most {RECORD_BYTES} bytes")
    return jws
