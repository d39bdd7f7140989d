"""A record's signature: one JWS, compact serialisation (the wire contract, section 2; RFC 7515, RFC 9864).

What `parse` checks, in this order:

1. ASCII, not longer than a record may be, three segments parted by two dots.
2. The protected header: strict JSON, exactly `alg` (Ed25519), `typ` (record+jws) and `kid` (a thumbprint).
3. Payload and signature are there, each in strict base64url: no padding, no white space, no stray bits.

What `verify` checks: the key is the one that the header names, of the algorithm that the header names, and it
made the signature over the bytes as received. Only then is there a `VerifiedRecord`; nothing else makes one.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import InitVar, dataclass, field
from functools import lru_cache
from typing import Final, NoReturn, final

from hub.errors import Code, Problem
from keys.suite import SIGNATURE_ALGORITHMS, SigningKey, VerifyKey, base64url, base64url_decode
from schemas import strict_json
from schemas.limits import RECORD_BYTES

TYP: Final = "record+jws"
HEADER_LENGTH: Final = 512
"""The longest header segment that is looked at; the one that `sign` writes has 131 characters."""
SIGNATURE_LENGTH: Final = 1024
"""The longest signature segment; Ed25519's has 86 characters."""

_HEADERS_REMEMBERED: Final = 4096
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""43 characters for 32 bytes: the last one carries four bits, so its two lowest are zero."""


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
    _algorithm: str = field(repr=False)
    _signing_input: bytes = field(repr=False)
    _payload: bytes = field(repr=False)
    _signature: bytes = field(repr=False)


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
    signing_input, _, signature = octets.rpartition(b".")
    header, dot, payload = signing_input.partition(b".")
    if not dot or b"." in payload:
        raise Problem(Code.MALFORMED, f"a JWS has three segments, not {octets.count(b'.') + 1}")
    kid, algorithm = _read_header(header)
    if not payload:
        raise Problem(Code.MALFORMED, "the JWS has no payload; a detached one is refused")
    if not signature:
        raise Problem(Code.MALFORMED, "the JWS has no signature")
    if len(signature) > SIGNATURE_LENGTH:
        raise Problem(Code.MALFORMED, f"the signature segment is longer than {SIGNATURE_LENGTH} characters")
    return SignedRecord(
        jws,
        kid,
        hashlib.sha256(octets).hexdigest(),
        algorithm,
        signing_input,
        _decode(payload, "payload"),
        _decode(signature, "signature"),
    )


def verify(signed: SignedRecord, key: VerifyKey) -> VerifiedRecord:
    """Check the signature with `key`.

    Raises `Problem` UNKNOWN_KEY when `key` is not the one that the record names, BAD_SIGNATURE when the
    signature does not hold.
    """
    if key.kid != signed.kid or key.algorithm != signed._algorithm:
        raise Problem(Code.UNKNOWN_KEY, "the record names another key than the one it is checked with")
    key.verify(signed._signature, signed._signing_input)
    return VerifiedRecord(signed.jws, signed.kid, signed._payload, signed.digest, _TOKEN)


def sign(payload: bytes, key: SigningKey) -> str:
    """The JWS of `payload`.

    Raises `Problem` MALFORMED for an empty payload and TOO_LARGE when the record would be.
    """
    if not payload:
        raise Problem(Code.MALFORMED, "an empty payload is no record")
    signing_input = _write_header(key.kid, key.public.algorithm) + urlsafe_b64encode(payload).rstrip(b"=")
    jws = signing_input.decode("ascii") + "." + base64url(key.sign(signing_input))
    if len(jws) > RECORD_BYTES:
        raise Problem(Code.TOO_LARGE, f"a record's JWS is at most {RECORD_BYTES} bytes")
    return jws


@lru_cache(maxsize=64)
def _write_header(kid: str, algorithm: str) -> bytes:
    header = strict_json.dumps({"alg": algorithm, "kid": kid, "typ": TYP})
    return urlsafe_b64encode(header).rstrip(b"=") + b"."


@lru_cache(maxsize=_HEADERS_REMEMBERED)
def _read_header(segment: bytes) -> tuple[str, str]:
    """Key id and algorithm of a header segment; remembered, because a system signs all with one header."""
    if len(segment) > HEADER_LENGTH:
        raise Problem(Code.MALFORMED, f"the JWS header is longer than {HEADER_LENGTH} characters")
    try:
        header = strict_json.loads(_decode(segment, "header"))
    except Problem as broken:
        raise Problem(Code.MALFORMED, f"the JWS header: {broken.detail}") from broken
    if not isinstance(header, dict):
        raise Problem(Code.MALFORMED, "the JWS header is a JSON object")
    for name in ("alg", "typ", "kid"):
        if name not in header:
            raise Problem(Code.MALFORMED, f"the JWS header has no {name}")
    for name in header:
        if name not in ("alg", "typ", "kid"):
            # Only names known from the RFCs are repeated: any other is a stranger's text.
            known = name if name in _KNOWN_PARAMETERS else "an unknown parameter"
            raise Problem(Code.MALFORMED, f"the JWS header holds {known}; it may hold alg, typ and kid only")
    algorithm, typ, kid = header["alg"], header["typ"], header["kid"]
    if not isinstance(algorithm, str) or algorithm not in SIGNATURE_ALGORITHMS:
        named = algorithm if algorithm in _KNOWN_ALGORITHMS else "this one"
        wanted = ", ".join(sorted(SIGNATURE_ALGORITHMS))
        raise Problem(Code.MALFORMED, f"the JWS header's alg is {wanted} (RFC 9864); {named} is refused")
    if typ != TYP:
        raise Problem(Code.MALFORMED, f"the JWS header's typ is {TYP}")
    if not isinstance(kid, str) or not _THUMBPRINT.fullmatch(kid):
        raise Problem(Code.MALFORMED, "the JWS header's kid is an RFC 7638 SHA-256 thumbprint")
    return kid, algorithm


_KNOWN_PARAMETERS: Final = frozenset(
    ("b64", "crit", "cty", "enc", "jku", "jwk", "nonce", "url", "x5c", "x5t", "x5t#S256", "x5u", "zip")
)
_KNOWN_ALGORITHMS: Final = (
    *("none", "EdDSA", "Ed448", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K"),
)


def _decode(segment: bytes, name: str) -> bytes:
    try:
        return base64url_decode(segment)
    except Problem as broken:
        raise Problem(Code.MALFORMED, f"the JWS {name} is {broken.detail}") from None
