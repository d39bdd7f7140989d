"""How a request is read: who it is from before a byte of its body, then the body, within its limits.

1. The signature is checked over the header fields alone. Who is not known makes nobody read a body.
2. The body is read up to the limit, chunked or not, and its digest compared with the signed one.
3. Only then is it decompressed, again up to the limit, and parsed strictly.
"""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from flask import Request

from hub import policy
from hub.errors import Code, Problem
from hub.node import Node
from hub.policy import Caller
from keys import message_signature
from keys.suite import VerifyKey
from keys.trust_list import Trust, TrustedKey
from schemas import strict_json
from schemas.limits import JSON_DEPTH, PUSH_BYTES, PUSH_RECORDS

DRAIN_BYTES: Final = 4 * PUSH_BYTES
"""Of a known sender's body that is too large, this much is read and thrown away, so that the refusal reaches a
client that sends before it listens."""
READ_BYTES: Final = 256 * 1024
NESTING_BYTES: Final = 64 * 1024
PUSH_MARKS: Final = 2 * PUSH_RECORDS
LARGE_BYTES: Final = 1024 * 1024
"""A body from this size on, or of a size that is not announced, counts as a large one."""
BODIES: Final = 64
LARGE_BODIES: Final = 8
"""So many bodies, and so many large ones, may one key have under way in a process at a time."""


def authenticate(request: Request, node: Node, now: datetime) -> Caller:
    """Who sent this.

    Raises: Problem `unsigned`, `malformed`, `stale`, `unknown-key`, `bad-signature`, `not-allowed`.
    """
    trust = node.trust()
    found: list[TrustedKey] = []

    def resolve(kid: str) -> VerifyKey:
        key = _trusted(trust, kid, now)
        found.append(key)
        return key.verify_key

    verified = message_signature.verify_request(
        request.method,
        target_uri(request, node.config.url),
        header_fields(request),
        resolve,
        now=now,
        has_body=has_body(request),
    )
    return policy.identify(verified, found[0], trust, node.config.name)


def read_push(request: Request) -> Any:
    """The body of an authenticated push, parsed.

    Raises: Problem `too-large`, `bad-signature`, `malformed`.
    """
    if request.mimetype != "application/json":
        raise Problem(Code.MALFORMED, "the Content-Type must be application/json")
    body = _read(request)
    message_signature.check_digest(header_fields(request), body)
    match request.headers.get("Content-Encoding", "identity").strip().lower():
        case "identity":
            pass
        case "gzip":
            body = _decompress(body)
        case _:
            raise Problem(Code.MALFORMED, "the Content-Encoding must be gzip or none")
    if sum(map(body.count, (b",", b"[", b"{"))) > PUSH_MARKS:
        # A push is one list of texts without such marks; what has more would cost far more to parse than to send.
        if not strict_json.nested_within(body[:NESTING_BYTES].decode(errors="replace"), JSON_DEPTH):
            raise Problem(Code.MALFORMED, f"the JSON is nested deeper than {JSON_DEPTH}")
        raise Problem(
            Code.TOO_LARGE, f"a push holds at most {PUSH_RECORDS} records, each a JWS", where="/records"
        )
    return strict_json.loads(body)


class Bodies:
    """Who is sending a body now: one key cannot hold all threads, or all memory, of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[tuple[str, bool]] = Counter()

    @contextmanager
    def admit(self, kid: str, announced: int | None) -> Iterator[None]:
        """Hold this while a body is read and worked on.

        Raises: Problem `too-many-requests`.
        """
        large = announced is None or announced >= LARGE_BYTES
        place = (kid, large)
        with self._lock:
            if self._under_way[place] >= (LARGE_BODIES if large else BODIES):
                raise Problem(
                    Code.TOO_MANY_REQUESTS, "this key has as many requests under way as it may", retry_after=2
                )
            self._under_way[place] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[place] -= 1
                if not self._under_way[place]:
                    del self._under_way[place]


def header_fields(request: Request) -> Mapping[str, str]:
    """The fields that signatures are made of; repeated ones come joined, as RFC 9421 wants them."""
    found = ((name, request.headers.get(name)) for name in message_signature.FIELDS)
    return {name: value for name, value in found if value is not None}


def has_body(request: Request) -> bool:
    """Whether the request has a body to be signed: a push has, whatever its header fields announce."""
    if request.method == "POST":
        return True
    return "Transfer-Encoding" in request.headers or request.headers.get("Content-Length", "0") != "0"


def target_uri(request: Request, url: str) -> str:
    """The address that the sender must have signed: under this node's own URL, never under a Host it was told."""
    path = quote(request.environ.get("PATH_INFO", "").encode("latin-1"), safe="/~!$&'()*+,;=:@-._")
    query = request.environ.get("QUERY_STRING", "")
    return f"{url}{path}?{query}" if query else f"{url}{path}"


def _trusted(trust: Trust, kid: str, now: datetime) -> TrustedKey:
    key = trust.key(kid)
    if key is None:
        raise Problem(Code.UNKNOWN_KEY, "the request's key is not in the trust list")
    if not key.valid_at(now, now):
        raise Problem(Code.UNKNOWN_KEY, "the request's key is not valid now, or is revoked")
    return key


def _read(request: Request) -> bytes:
    stream = request.environ["wsgi.input"]
    parts: list[bytes] = []
    size = 0
    # Not every server ends the stream where the announced length ends (PEP 3333, "Input and Error Streams").
    announced = request.content_length
    while part := stream.read(READ_BYTES if announced is None else min(READ_BYTES, announced - size)):
        size += len(part)
        if size > DRAIN_BYTES:
            break
        if size <= PUSH_BYTES:
            parts.append(part)
    if size > PUSH_BYTES:
        raise Problem(Code.TOO_LARGE, f"a body is at most {PUSH_BYTES} bytes")
    return b"".join(parts)


def _decompress(body: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, PUSH_BYTES + 1)
    except zlib.error as error:
        raise Problem(Code.MALFORMED, "the body is not gzip") from error
    if len(plain) > PUSH_BYTES:
        raise Problem(Code.TOO_LARGE, f"a body is at most {PUSH_BYTES} bytes, decompressed")
    if not reader.eof or reader.unused_data:
        raise Problem(Code.MALFORMED, "the body is not one whole gzip stream")
    return plain
