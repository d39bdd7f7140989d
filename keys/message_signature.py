"""Signed requests and responses: RFC 9421 under the profile of the wire contract, section 3.

A request, label `sig1`, covers `"@method" "@target-uri"` and, with a body, `"content-digest"` (RFC 9530,
sha-256), with the parameters `created`, `nonce`, `keyid`, `alg="ed25519"`, `tag="exchange"`. A response covers
`"@status" "content-digest"` and, where the request was signed, `"signature";key="sig1";req`, which binds it to
that one request.

What `verify_request` checks, in this order:

1. Both header fields are there and short enough, with a `sig1` that has every parameter and covers enough.
2. `created` is at most 300 s off.
3. The key is known to the caller's `resolve`.
4. The signature holds over method, address and digest.
5. The digest is that of the body as received.

The usual spelling is read by `keys/plain_form.py`, every other one by the library; the outcome is the same. Whether the
nonce was seen before is for the store to say: it takes part in the same commit as the deed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from hub.errors import Code, Problem
from keys import plain_form
from keys.key import base64url
from keys.suite import SigningKey, VerifyKey
from schemas.limits import CLOCK_SKEW_SECONDS

LABEL: Final = "sig1"
TAG: Final = "exchange"
SIGNATURE_FIELD_BYTES: Final = 4096
"""The longest `Signature` or `Signature-Input` that is looked at."""
NONCE_LENGTH: Final = 256
FIELDS: Final = frozenset({"signature", "signature-input", "content-digest"})
"""The header fields that a signature is made of; no other is looked at."""
PARAMETERS: Final = ("created", "nonce", "keyid", "alg", "tag")

Resolve = Callable[[str], VerifyKey]
"""Gives the key of a kid; raises the Problem that the caller shall see where there is none."""


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """Who made a request, and what makes it unique."""

    kid: str
    nonce: str
    created: datetime
    digest: str
    """Hex SHA-256 of the signature base: names the request in log entries."""


@dataclass(slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]


@dataclass(slots=True)
class _Response:
    status_code: int
    headers: dict[str, str]
    request: _Request | None


class _Ed25519(HTTPSignatureAlgorithm):
    """The library's algorithm interface over this house's keys."""

    algorithm_id = "ed25519"

    def __init__(self, public_key: VerifyKey, private_key: None = None) -> None:
        self._public = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        self._public.verify(signature, message)


@dataclass(slots=True)
class _Resolver(HTTPSignatureKeyResolver):
    resolve: Resolve

    def resolve_public_key(self, key_id: str) -> VerifyKey:
        return self.resolve(key_id)


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with this profile's clock rule, and a clock that is passed in."""

    now: datetime

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        missing = [name for name in PARAMETERS if name not in sig_input.params]
        if missing:
            raise Problem(Code.UNSIGNED, f"the signature lacks the parameter {missing[0]}")
        _check_clock(sig_input.params["created"], self.now)
        expires = sig_input.params.get("expires")
        if expires is not None and expires < self.now.timestamp():
            raise Problem(Code.STALE, "the signature's `expires` has passed")


def content_digest(body: bytes) -> str:
    """The `Content-Digest` field of `body` (RFC 9530, sha-256)."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def sign_request(
    method: str, target_uri: str, body: bytes | None, key: SigningKey, *, now: datetime, nonce: bytes
) -> dict[str, str]:
    """The header fields that make a request a signed one.

    Arguments: the absolute address with its query; the body as it will be sent, compressed if it will be,
    None for none; 16 or more random bytes as `nonce`.
    """
    headers: dict[str, str] = {}
    components = ["@method", "@target-uri"]
    if body is not None:
        headers["Content-Digest"] = content_digest(body)
        components.append("content-digest")
    return headers | _sign(
        _Request(method, target_uri, headers), components, key, now, nonce=base64url(nonce)
    )


def verify_request(
    method: str,
    target_uri: str,
    headers: Mapping[str, str],
    resolve: Resolve,
    *,
    now: datetime,
    has_body: bool,
) -> VerifiedRequest:
    """Check a request's signature before a byte of its body is read: steps 1 to 4.

    `headers` may hold any fields, with names in any case; `has_body` says whether the request announces a
    body, which `check_digest` must then be asked about.

    Raises: Problem `unsigned`, `malformed`, `stale`, `bad-signature`, and what `resolve` raises.
    """
    fields = _fields(headers)
    plain = plain_form.read_request(method, target_uri, fields)
    if plain is not None and (plain.covers_body or not has_body):
        _check_clock(plain.created, now)
        resolve(plain.kid).verify(plain.signature, plain.base.encode())
        return _verified(plain.kid, plain.nonce, plain.created, plain.base)
    return verify_by_library(method, target_uri, fields, resolve, now=now, has_body=has_body)


def verify_by_library(
    method: str,
    target_uri: str,
    fields: Mapping[str, str],
    resolve: Resolve,
    *,
    now: datetime,
    has_body: bool,
) -> VerifiedRequest:
    """The same as `verify_request` for every spelling that RFC 9421 allows, with lower-case names of fields."""
    required = ["@method", "@target-uri", *(["content-digest"] if has_body else [])]
    verifier = _Verifier(signature_algorithm=_Ed25519, key_resolver=_Resolver(resolve=resolve))
    verifier.now = now
    try:
        (result,) = verifier.verify(
            _Request(method, target_uri, dict(fields)), expect_tag=TAG, expect_label=LABEL
        )
    except HTTPMessageSignaturesException as error:
        raise _problem(error, fields) from error
    covered = result.covered_components
    for component in required:
        if f'"{component}"' not in covered:
            raise Problem(Code.UNSIGNED, f"the signature does not cover {component}")
    base = "\n".join(f"{name}: {value}" for name, value in covered.items())
    return _verified(
        str(result.parameters["keyid"]),
        str(result.parameters["nonce"]),
        int(result.parameters["created"]),
        base,
    )


def _check_clock(created: int, now: datetime) -> None:
    if abs(created - now.timestamp()) > CLOCK_SKEW_SECONDS:
        raise Problem(
            Code.STALE,
            f"the signature's `created` is more than {CLOCK_SKEW_SECONDS} s off the node's clock,"
            f" which says {int(now.timestamp())}",
        )


def _verified(kid: str, nonce: str, created: int, base: str) -> VerifiedRequest:
    if not 1 <= len(nonce) <= NONCE_LENGTH:
        raise Problem(Code.UNSIGNED, f"the nonce must have 1 to {NONCE_LENGTH} characters")
    return VerifiedRequest(
        kid, nonce, datetime.fromtimestamp(created, UTC), sha256(base.encode()).hexdigest()
    )


def check_digest(headers: Mapping[str, str], body: bytes) -> None:
    """Step 5: whether the signed digest is that of the body as received.

    Raises: Problem `bad-signature`.
    """
    field = _fields(headers).get("content-digest", "")
    if field == content_digest(body):
        return
    if "sha-256=" not in field:
        raise Problem(Code.UNSIGNED, "Content-Digest must hold a sha-256")
    try:
        HTTPMessageVerifier.content_digest_class.verify(field, body)
    except HTTPMessageSignaturesException as error:
        raise Problem(
            Code.BAD_SIGNATURE, "Content-Digest does not fit the body as it was received"
        ) from error


def sign_response(
    status: int, body: bytes, request_headers: Mapping[str, str], key: SigningKey, *, now: datetime
) -> dict[str, str]:
    """The header fields that sign an answer, bound to the request's `sig1` where it carried one."""
    headers = {"Content-Digest": content_digest(body)}
    fields = _fields(request_headers)
    bound_to = plain_form.signature_of(fields)
    if bound_to is None and "signature" in fields:
        message = _Response(status, headers, _Request("GET", "http://unused.invalid/", fields))
        components = ["@status", "content-digest", f'"signature";key="{LABEL}";req']
        # What cannot be read is nothing to bind to.
        with suppress(HTTPMessageSignaturesException):
            return headers | _sign(message, components, key, now)
    parameters, base = plain_form.answer_base(
        status,
        headers["Content-Digest"],
        bound_to,
        created=int(now.timestamp()),
        kid=key.kid,
        label=LABEL,
    )
    signature = b64encode(key.sign(base.encode())).decode()
    return headers | {
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{signature}:",
    }


def _sign(
    message: _Request | _Response,
    components: list[str],
    key: SigningKey,
    now: datetime,
    nonce: str | None = None,
) -> dict[str, str]:
    signer = HTTPMessageSigner(signature_algorithm=_Ed25519)
    prepared = signer.prepare(
        message,
        key_id=key.kid,
        created=now,
        nonce=nonce,
        label=LABEL,
        tag=TAG,
        covered_component_ids=components,
        use_existing_digest="Content-Digest" in message.headers,
    )
    signature = b64encode(key.sign(prepared.signature_base)).decode()
    return {
        "Signature-Input": f"{LABEL}={prepared.signature_params}",
        "Signature": f"{LABEL}=:{signature}:",
    }


def verify_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request_headers: Mapping[str, str],
    resolve: Resolve,
) -> None:
    """Check that a key which `resolve` knows signed this answer to this request.

    The body is meant as received, before decompression.

    Raises: Problem `unsigned` or `bad-signature`, and what `resolve` raises.
    """
    fields = _fields(headers)
    verifier = _AnswerVerifier(signature_algorithm=_Ed25519, key_resolver=_Resolver(resolve=resolve))
    message = _Response(status, fields, _Request("GET", "http://unused.invalid/", _fields(request_headers)))
    try:
        (result,) = verifier.verify(message, expect_tag=TAG, expect_label=LABEL, body=body)
    except HTTPMessageSignaturesException as error:
        raise _problem(error, fields) from error
    required = ['"@status"', '"content-digest"']
    if "signature" in _fields(request_headers):
        required.append(f'"signature";key="{LABEL}";req')
    for component in required:
        if component not in result.covered_components:
            raise Problem(Code.UNSIGNED, f"the answer's signature does not cover {component}")


class _AnswerVerifier(HTTPMessageVerifier):
    """An answer is bound to its request, which is fresh: its own clock says nothing more."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        if "created" not in sig_input.params:
            raise Problem(Code.UNSIGNED, "the answer's signature lacks the parameter created")


def _fields(headers: Mapping[str, str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers.items() if name.lower() in FIELDS}
    for name, value in found.items():
        if len(value) > SIGNATURE_FIELD_BYTES:
            raise Problem(Code.MALFORMED, f"the header field {name} is too long")
    return found


def _problem(error: HTTPMessageSignaturesException, fields: Mapping[str, str]) -> Problem:
    """The library's refusal in this house's words."""
    cause = error.__cause__
    if isinstance(cause, Problem):
        return cause
    if "signature" not in fields or "signature-input" not in fields:
        return Problem(Code.UNSIGNED, "the request carries no Signature and Signature-Input")
    message = str(error)
    if "Malformed" in message or "must be" in message or "Duplicate" in message:
        return Problem(
            Code.MALFORMED, "the signature fields cannot be read as RFC 9421 and RFC 8941 have them"
        )
    if isinstance(error, InvalidSignature) and ("not match" in message or "digest length" in message):
        return Problem(Code.BAD_SIGNATURE, "Content-Digest does not fit the body")
    if "algorithm specified" in message:
        return Problem(Code.UNSIGNED, 'the signature\'s alg must be "ed25519"')
    if "requires a signed Content-Digest" in message:
        return Problem(Code.UNSIGNED, "the signature does not cover content-digest")
    if "matching the expected tag or label" in message:
        return Problem(Code.UNSIGNED, f'there is no signature labelled {LABEL} with tag="{TAG}"')
    return Problem(Code.UNSIGNED, "the signature does not cover what it must, or covers what is not there")
