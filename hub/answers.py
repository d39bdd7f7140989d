"""How a node's answer is read: within limits, and by the contract's form.

Whatever is wrong with an answer ends in a Problem: `busy` where the connection broke (by whoever reads it),
`too-large`, or `malformed`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests

from hub.errors import Code, Problem
from schemas import strict_json
from schemas.limits import PAGE_BYTES, PAGE_RECORDS, RECORD_BYTES

ANSWER_BYTES: Final = PAGE_BYTES + PAGE_RECORDS * 1024 + RECORD_BYTES
"""The longest answer that is read, compressed or not."""
READ_BYTES: Final = 256 * 1024


class Session(requests.Session):
    """Leaves redirects alone, and the environment's proxies.

    Its parent, told not to follow a redirect, still reads the whole of its body into memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def receive(raw: Any) -> bytes:
    """An answer's bytes as they were sent; one that is cut off is a broken connection, not a short answer."""
    received = bytearray()
    while part := raw.read(READ_BYTES, decode_content=False):
        received += part
        if len(received) > ANSWER_BYTES:
            raise Problem(Code.TOO_LARGE, "the node's answer is longer than any may be")
    return bytes(received)


def decompress(body: bytes) -> bytes:
    """What was gzipped, within the same limit."""
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, ANSWER_BYTES + 1)
    except zlib.error as error:
        raise Problem(Code.MALFORMED, "the node's answer is not gzip") from error
    if len(plain) > ANSWER_BYTES:
        raise Problem(Code.TOO_LARGE, "the node's answer is longer than any may be")
    return plain


def text(body: bytes) -> str:
    """An answer that is text: a note, a receipt."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Problem(Code.MALFORMED, "the node's answer is not text") from error


@contextmanager
def contract() -> Iterator[None]:
    """Reading an answer's members: one that lacks them is refused, whatever it holds instead.

    Raises: Problem `malformed`.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Problem(Code.MALFORMED, "the node's answer has not the form of the contract") from error


class Refusal(Problem):
    """A Problem that a node sent, in an answer that it signed: not one that was found here."""


def named(problem: Mapping[str, Any]) -> Refusal:
    """The problem that an RFC 9457 object tells of; `internal` for a type that the contract does not have."""
    name = str(problem.get("type", "")).removeprefix("/problems/")
    code = Code(name) if name in list(Code) else Code.INTERNAL
    return Refusal(code, str(problem.get("detail", "")), where=problem.get("where"))


def problem(body: bytes, fields: Mapping[str, str]) -> Refusal:
    """A refusal as a node sent it, with its Retry-After."""
    with contract():
        refusal = named(strict_json.loads(body))
    after = fields.get("Retry-After", "")
    refusal.retry_after = int(after) if after.isdigit() else None
    return refusal
