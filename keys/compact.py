"""A JWS in compact serialisation, read strictly (RFC 7515, RFC 9864): what all signed forms of the contract share.

What `read` checks, in this order:

1. Three segments parted by two dots.
2. The protected header: strict JSON, exactly `alg` (Ed25519), `typ` (the form's own) and `kid` (a thumbprint).
3. Payload and signature are there, each in strict base64url: no padding, no white space, no stray bits.

What `check` checks: the key is the one that the header names, of the algorithm that the header names, and it made the
signature over the bytes as received. How long a JWS may be, and what its payload means, its form says
(`keys/record_signature.py`, `hub/federation/bundles/manifest.py`).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from hub.errors import Code, Problem
from keys.suite import SIGNATURE_ALGORITHMS, SigningKey, VerifyKey, base64url, base64url_decode
from schemas import strict_json

HEADER_LENGTH: Final = 512
"""The longest header segment that is looked at; the one that is written for a record has 131 characters."""
SIGNATURE_LENGTH: Final = 1024
"""The longest signature segment; Ed25519's has 86 characters."""

_HEADERS_REMEMBERED: Final = 4096
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""43 characters for 32 bytes: the last one carries four bits, so its two lowest are zero."""


@dataclass(frozen=True, slots=True)
class Segments:
    """A JWS in good form whose signature nobody has checked yet. Its payload is not to be read."""

    kid: str
    algorithm: str = field(repr=False)
    signing_input: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read(octets: bytes, typ: str) -> Segments:
    """The segments of a JWS of this type. Raises `Problem` MALFORMED."""
    signing_input, _, signature = octets.rpartition(b".")
    header, dot, payload = signing_input.partition(b".")
    if not dot or b"." in payload:
        raise Problem(Code.MALFORMED, f"a JWS has three segments, not {octets.count(b'.') + 1}")
    kid, algorithm = _read_header(header, typ)
    if not payload:
        raise Problem(Code.MALFORMED, "the JWS has no payload; a detached one is refused")
    if not signature:
        raise Problem(Code.MALFORMED, "the JWS has no signature")
    if len(signature) > SIGNATURE_LENGTH:
        raise Problem(Code.MALFORMED, f"the signature segment is longer than {SIGNATURE_LENGTH} characters")
    return Segments(
        kid, algorithm, signing_input, _decode(payload, "payload"), _decode(signature, "signature")
    )


def check(segments: Segments, key: VerifyKey, what: str) -> None:
    """Check the signature with `key`; `what` the JWS is, in words.

    Raises `Problem` UNKNOWN_KEY when `key` is not the one that it names, BAD_SIGNATURE when the signature does not
    hold.
    """
    if key.kid != segments.kid or key.algorithm != segments.algorithm:
        raise Problem(Code.UNKNOWN_KEY, f"{what} names another key than the one it is checked with")
    key.verify(segments.signature, segments.signing_input)


def write(payload: bytes, key: SigningKey, typ: str) -> str:
    """The JWS of a payload under a type."""
    header = _write_header(key.kid, key.public.algorithm, typ)
    signing_input = header + urlsafe_b64encode(payload).rstrip(b"=")
    return signing_input.decode("ascii") + "." + base64url(key.sign(signing_input))


@lru_cache(maxsize=64)
def _write_header(kid: str, algorithm: str, typ: str) -> bytes:
    header = strict_json.dumps({"alg": algorithm, "kid": kid, "typ": typ})
    return urlsafe_b64encode(header).rstrip(b"=") + b"."


@lru_cache(maxsize=_HEADERS_REMEMBERED)
def _read_header(segment: bytes, typ: str) -> tuple[str, str]:
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
    algorithm, found, kid = header["alg"], header["typ"], header["kid"]
    if not isinstance(algorithm, str) or algorithm not in SIGNATURE_ALGORITHMS:
        named = algorithm if algorithm in _KNOWN_ALGORITHMS else "this one"
        wanted = ", ".join(sorted(SIGNATURE_ALGORITHMS))
        raise Problem(Code.MALFORMED, f"the JWS header's alg is {wanted} (RFC 9864); {named} is refused")
    if found != typ:
        raise Problem(Code.MALFORMED, f"the JWS header's typ is {typ}")
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
